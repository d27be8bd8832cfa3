"""Files that nothing tells apart, moved together: each keeps its entries, none is counted twice."""

import random

import iidindex
from campaign import rounds, seeded
from model import make
from test_faults import sound


def test_equal_files_move_together(tmp_path, counted):
    for seed in rounds(3, share=0.002):
        with seeded(seed) as chance:
            root = tmp_path / f"archive-{seed}"
            root.mkdir()
            contents = [make(random.Random(seed + nth)) for nth in range(3)]
            n_files = chance.randint(2, 9)
            for nth in range(n_files):
                (root / f"{nth}.iid").write_bytes(contents[nth % 3])
            db = tmp_path / f"{seed}.db"
            with iidindex.open(db, create=True) as index:
                index.ingest(root)
                before = [entry.id for entry in index.entries]
                (root / "new").mkdir()
                for nth in range(n_files):
                    (root / f"{nth}.iid").rename(root / "new" / f"{n_files - nth}.iid")
                report = index.ingest(root, jobs=1)
                assert (report.moved, report.added, report.missing) == (n_files, 0, 0)
                assert sorted(report.moves) == sorted(map(str, (root / "new").iterdir()))
                assert len(set(report.moves.values())) == n_files
                assert [entry.id for entry in index.entries] == before
                paths = {file.path for file in index.files(state="ok")}
                assert paths == {f"new/{nth + 1}.iid" for nth in range(n_files)}
                assert [mask.any() for _, mask in index.entries.masks()] == [True] * len(before)
            sound(db)
            counted("equal files that moved together", n_files)
