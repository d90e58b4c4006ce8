from dataclasses import replace

import numpy as np
import pytest

from lookalike.errors import SnapshotDamaged
from lookalike.neighbors import BACKENDS, ExactIndex
from lookalike.snapshot import newest

FINGERPRINT = "ab" * 32


class Broken(ExactIndex):
    """An exact index in which one thing is wrong."""

    fault = ""

    def vectors(self, rows):
        found = super().vectors(rows)
        return found[::-1] if self.fault == "mixed up" else found

    def search(self, queries, k, *, allowed=None):
        if self.fault == "mask ignored":
            allowed = None
        found = super().search(queries, k, allowed=allowed)
        if self.fault == "hits lost":
            found.rows[:, -2:] = -1  # of ten
        if self.fault == "hits repeated":
            found.rows[:] = found.rows[:, :1]
        return found


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("mixed up", "have the vector of another image"),
        ("mask ignored", "a row that its mask hides"),
        ("hits lost", "a search for 10 returns"),
        ("hits repeated", "a search for 10 returns 1"),
    ],
)
def test_an_index_that_answers_wrongly_is_never_published(made, root, monkeypatch, fault, told):
    before = made(60).snapshot
    exact = BACKENDS["exact"]

    def opened(directory):
        index = exact.open(directory)
        index.__class__ = Broken
        return index

    monkeypatch.setitem(BACKENDS, "exact", replace(exact, open=opened))
    monkeypatch.setattr(Broken, "fault", fault)
    with pytest.raises(SnapshotDamaged, match=told):
        made(60, watermark=2)
    monkeypatch.setattr(Broken, "fault", "")
    assert newest(root, FINGERPRINT).manifest == before.manifest
    assert list(root.glob("tmp-*")) == []


def test_files_that_hold_other_ids_are_noticed(made, root, monkeypatch):
    made(60)
    save = np.save

    def shifted(path, array):
        save(path, np.roll(array, 1) if path.name in {"image_ids.npy", "visibilities.npy"} else array)

    monkeypatch.setattr(np, "save", shifted)
    with pytest.raises(SnapshotDamaged, match="its ids are not those of the catalog"):
        made(60, watermark=2)
    assert newest(root, FINGERPRINT).manifest.watermark == 1


def test_an_empty_library_is_published(made):
    assert made(0).snapshot.manifest.size == 0
