"""An archive large enough that it matters how it is asked, and the slow reader's view of it."""

import numpy as np

import brute
from iidindex import IIDFile

N_FILES, PER_FILE, FRAME = 60, 60, 400


def write_blobs(root):
    """Files of round, ragged, square and empty masks; the slow reader's view of them, by path."""
    rng = np.random.default_rng(7)
    slow = {}
    for number in range(N_FILES):
        file = IIDFile()
        file.meta.data = {"number": number, "camera": {"iso": 100 * (number % 3)}, "x": None}
        for nth in range(PER_FILE):
            side = int(rng.integers(1, 25))
            mask = np.hypot(*np.ogrid[-side:side, -side:side]) < side
            mask &= rng.random(mask.shape) < rng.choice([0.05, 0.6, 1])
            if nth % 10 == 0:
                mask[:] = nth % 20 == 0
            row, col = rng.integers(0, FRAME, 2).tolist()
            box = (row, col, row + mask.shape[0], col + mask.shape[1])
            groups = ["even", "all"] if nth % 2 == 0 else ["all"]
            file.add(b"%02d" % rng.integers(0, 90), b"blobs", box, mask, groups)
        path = root / f"{number // 20}" / f"{number}.iid"
        path.parent.mkdir(parents=True, exist_ok=True)
        file.save(path)
        slow[f"{number // 20}/{number}.iid"] = brute.read_path(path)
    return slow


def every(slow):
    return [(path, entry) for path, file in slow.items() for entry in file.entries]


def seen(question):
    return sorted((entry.path, entry.key) for entry in question)
