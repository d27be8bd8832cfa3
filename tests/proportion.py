"""What tests of work that grows share: how many things, and by how much the work may."""

import numpy as np

from iidindex import IIDFile

FEW, MANY = 60, 240
# A square would be sixteen; what is done once for all of them makes it less than four.
TIMES = 4.4


def write_one(path, address):
    file = IIDFile()
    file.add(address, b"d", (0, 0, 2, 2), np.eye(2, dtype=bool))
    path.parent.mkdir(parents=True, exist_ok=True)
    file.save(path)


def exhaust(iterator):
    return sum(1 for _ in iterator)
