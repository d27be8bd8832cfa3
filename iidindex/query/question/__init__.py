"""From what is asked to SQL, and to hits."""
