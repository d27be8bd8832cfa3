"""From hits to the bits of their masks."""
