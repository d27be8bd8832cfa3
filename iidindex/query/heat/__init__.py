"""How many masks cover each place."""
