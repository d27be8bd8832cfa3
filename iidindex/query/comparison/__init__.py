"""How files, individuals and their masks differ."""
