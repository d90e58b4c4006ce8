import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from lookalike.errors import StorageFailed
from lookalike.neighbors import BACKENDS
from lookalike.snapshot import CHOICE_FILE, Goals, IndexChoice, Promise, find_choice

FINGERPRINT = "ab" * 32


@pytest.fixture
def choice():
    backend = BACKENDS["faiss-ivfpq"]
    building = backend.build_grid(20_000, 64)[0]
    return IndexChoice(
        backend="faiss-ivfpq",
        building=building,
        searching=backend.search_grid(building, 20_000)[0],
        fingerprint=FINGERPRINT,
        dimension=64,
        size=20_000,
        chosen_at="2026-11-23T01:00:00+00:00",
        goals=Goals(recall=0.95, memory=2_000_000_000),
        promise=Promise(
            recall_at_10=0.957,
            standard_error=0.002,
            queries=2_000,
            p50_seconds=0.0001,
            p99_seconds=0.0002,
            queries_per_second=9_000.0,
            bytes_in_memory=4_000_000,
            bytes_mapped=10_000_000,
            build_seconds=1.5,
        ),
    )


def found(path, *, fingerprint=FINGERPRINT, size=20_000):
    return find_choice(path, fingerprint=fingerprint, size=size)


def test_a_choice_comes_back_as_it_was_stored(choice, tmp_path):
    path = tmp_path / CHOICE_FILE
    choice.store(path)
    assert found(path).choice == choice
    assert found(path).notes == ()
    assert [file.name for file in tmp_path.iterdir()] == [CHOICE_FILE]


def test_no_choice_is_nothing_to_speak_of(tmp_path):
    assert found(tmp_path / CHOICE_FILE).choice is None
    assert found(tmp_path / CHOICE_FILE).notes == ()


@pytest.mark.parametrize(
    ("change", "note"),
    [
        ({"backend": "no-such"}, "no-such"),
        ({"version": 99}, "version is 99"),
        ({"building": {"petals": 5}}, "petals"),
        ({"searching": None}, "searching: None is not an object"),
        ({"promise": {}}, "promise.recall_at_10: is missing"),
        ({"fingerprint": "cd" * 32}, "another model"),
    ],
)
def test_a_choice_that_cannot_be_followed_is_passed_over_with_a_reason(choice, tmp_path, change, note):
    path = tmp_path / CHOICE_FILE
    path.write_text(json.dumps(choice.as_document() | change))
    assert found(path).choice is None
    assert note in found(path).notes[0]
    assert "lookalike tune" in found(path).notes[0]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"version": 1}'])
def test_a_damaged_choice_is_passed_over_with_a_reason(tmp_path, content):
    path = tmp_path / CHOICE_FILE
    path.write_bytes(content)
    assert found(path).choice is None
    assert len(found(path).notes) == 1


def test_a_choice_for_a_package_that_is_not_installed_names_it(choice, tmp_path, monkeypatch):
    path = tmp_path / CHOICE_FILE
    choice.store(path)
    monkeypatch.setitem(BACKENDS, "faiss-ivfpq", replace(BACKENDS["faiss-ivfpq"], extra="special"))
    monkeypatch.setattr("lookalike.snapshot.choice.available", lambda _name: False)
    assert found(path).choice is None
    assert "lookalike[special]" in found(path).notes[0]


def test_a_library_that_has_outgrown_its_choice_is_told_so(choice, tmp_path):
    path = tmp_path / CHOICE_FILE
    choice.store(path)
    assert found(path, size=80_000).notes == ()
    grown = found(path, size=80_001)
    assert grown.choice == choice
    assert "tuned for 20,000 images" in grown.notes[0]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_choice(choice, tmp_path, monkeypatch, step):
    path = tmp_path / CHOICE_FILE
    choice.store(path)

    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(*((os, "fsync") if step == "fsync" else (Path, "replace")), full)
    with pytest.raises(StorageFailed, match="No space left"):
        replace(choice, size=5).store(path)
    assert found(path).choice == choice
    assert [file.name for file in tmp_path.iterdir()] == [CHOICE_FILE]


def test_a_choice_in_a_folder_that_is_not_there(choice, tmp_path):
    with pytest.raises(StorageFailed, match="No such file"):
        choice.store(tmp_path / "gone" / CHOICE_FILE)
