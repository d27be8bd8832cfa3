"""The .iid format: bytes to NumPy columns and back. No paths, no I/O, no SQL."""
