"""Whether the ways that work everywhere are taken, though the system has better ones.

They are chosen by what a system has. ``IIDINDEX_PORTABLE=1`` in the environment forces all of
them, so that they can be tried where they are not needed.
"""

from __future__ import annotations

import os

FORCED = os.environ.get("IIDINDEX_PORTABLE", "0") not in ("", "0")
