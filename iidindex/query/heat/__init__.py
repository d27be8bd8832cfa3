"""The number of masks at each place."""
