"""Entries that share pixels."""
