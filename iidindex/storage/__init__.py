"""Where bytes come from: what places there are, and how each is listed and read."""
