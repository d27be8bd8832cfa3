"""What files have in common, and individuals."""
