"""Files that several people have drawn masks in, and the shell that is asked of them."""

import json

import numpy as np

from iidindex import IIDFile
from iidindex.cli.main import run


def square(size=10):
    return np.ones((size, size), bool)


def write(path, masks, **meta):
    """A file of masks: ``(domain, bbox, mask, *groups)``."""
    file = IIDFile()
    file.meta.data = meta
    for number, (domain, bbox, mask, *groups) in enumerate(masks):
        file.add(b"%d" % number, domain, bbox, mask, [one for one in groups if one])
    path.parent.mkdir(parents=True, exist_ok=True)
    file.save(path)


def shell(capsys, *words):
    code = run([*words, *(["--format", "json"] if "--format" not in words else [])])
    out, err = capsys.readouterr()
    return code, json.loads(out) if out.startswith("[") else out, err


def pair_up(ask, *names):
    box = (0, 0, 10, 10)
    return ask(**{name: [(b"d", box, square())] for name in names})
