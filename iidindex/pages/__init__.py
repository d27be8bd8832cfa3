"""A static page of an answer, to be put on a web server or a stick."""
