"""Between other formats and ``.iid`` files: archives come in, and answers go out."""
