"""From paths to the catalogue."""
