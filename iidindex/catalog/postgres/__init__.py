"""A PostgreSQL database as what holds a catalogue."""
