"""From questions to lazy answers."""
