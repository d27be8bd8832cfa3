"""The catalogue: SQL and an R-tree. It never sees the bytes of a .iid file."""
