"""What an answer looks like: rows, entries, tables."""
