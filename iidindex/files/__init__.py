"""One .iid file on some storage: opening, reading, editing, saving, scanning."""
