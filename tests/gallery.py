"""An archive for the viewer: pictures, two domains, tracks, odd names, many masks, many files."""

import os

import numpy as np
from PIL import Image

from iidindex import IIDFile
from pond import photograph

SIZE = (120, 160)
# Rows, columns and sides of squares; all three hold the pixel in row 40, column 50.
NESTED = {b"small": (36, 46, 10), b"middle": (30, 40, 26), b"large": (20, 30, 50)}
HOSTILE = [
    (b"<script>document.title='owned'</script>", b'"><img src=x onerror="document.title=1">'),
    (b"\xff\x00\x1b[31m", b"\xfe"),
    ("\u202egnp.exe".encode(), b"bidi"),
    (b"x" * 400, b"long"),
    (b"", b"empty"),
    ("فارسی".encode(), "日本".encode()),
]
HOSTILE_PATH = os.fsdecode(b"odd/<img src=x onerror=alert(1)> %41&x=1#y?\xff.iid")
CROWD = (50, 60)
PLENTY = 620


def square(side):
    return np.ones((side, side), bool)


def disk(radius):
    return np.hypot(*np.ogrid[-radius : radius + 1, -radius : radius + 1]) <= radius


def save(path, entries, **meta):
    """Write a file of (address, domain, row, column, mask, groups)."""
    file = IIDFile()
    file.meta.data = meta
    for address, domain, row, column, mask, groups in entries:
        box = (row, column, row + mask.shape[0], column + mask.shape[1])
        file.add(address, domain, box, mask, groups)
    path.parent.mkdir(parents=True, exist_ok=True)
    file.save(path)


def write_gallery(root):
    """Write it, and tell which file is to be changed once it is indexed."""
    height, width = SIZE
    framed = {"height": height, "width": width}
    root.mkdir()
    Image.fromarray(photograph(*SIZE)).save(root / "photo.png")
    Image.fromarray(photograph(40, 40)).save(root / "stamp.png")
    nested = [
        (address, b"hand", row, column, square(side), [address.decode()])
        for address, (row, column, side) in NESTED.items()
    ]
    seen = {"image": "../photo.png", **framed}
    save(root / "a" / "nested.iid", nested, **seen)
    for nth in range(4):
        moved = [
            (b"walker", b"hand", 30 + 10 * nth, 20 + 25 * nth, disk(8 + nth), ["whole"]),
            (b"walker", b"model", 32 + 10 * nth, 20 + 25 * nth, disk(8 + nth), []),
            (b"rock", b"hand", 90, 120, square(20), ["whole"]),
        ]
        if nth == 3:
            moved.append((b"stranger", b"hand", 5, 5, square(9), []))
        save(root / "b" / f"step{nth}.iid", moved, minutes=10 * nth, **seen)
    odd = [
        (address, domain, 10 + 15 * nth, 10, square(12), [f"<b>{nth}</b>"])
        for nth, (address, domain) in enumerate(HOSTILE)
    ]
    save(root / HOSTILE_PATH, odd, **seen)
    crowd = [
        (b"cell-%04d" % (row * CROWD[1] + column), b"crowd", 10 * row, 10 * column, disk(4), [])
        for row in range(CROWD[0])
        for column in range(CROWD[1])
    ]
    save(root / "c" / "crowd.iid", crowd, height=10 * CROWD[0], width=10 * CROWD[1])
    changed = root / "c" / "changed.iid"
    save(changed, nested, **seen)
    small = {"image": "../stamp.png", "height": 40, "width": 40}
    for nth in range(PLENTY):
        save(root / "many" / f"{nth:05}.iid", [(b"one", b"many", 8, 8, square(12), [])], **small)
    return changed
