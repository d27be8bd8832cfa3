"""A tour in small: real pictures, segmented, cut into tiles, indexed, asked and drawn."""
