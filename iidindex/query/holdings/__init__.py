"""What the catalogue holds, and whether it is sound."""
