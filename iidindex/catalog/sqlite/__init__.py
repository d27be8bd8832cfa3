"""The catalogue in a SQLite database."""
