"""What not every system can do: a module for each, with a way behind it that works everywhere."""
