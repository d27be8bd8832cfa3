"""Where bytes come from: local files, and memory."""
