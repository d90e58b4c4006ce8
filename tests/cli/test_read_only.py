"""A library on a read-only file system, or without the permission to write, can be searched and checked."""

import os
import shutil
import sqlite3
import subprocess

import pytest

from lookalike.library.opening import open_library
from lookalike.settings import load_settings


@pytest.fixture
def read_only(tmp_path):
    """Gives a place where a folder can only be read; root, who may write anywhere, needs a mount for that."""
    mounted = []

    def show(folder):
        if os.geteuid() != 0:
            subprocess.run(["chmod", "-R", "a-w", folder], check=True)
            return folder
        place = tmp_path / "read-only"
        place.mkdir()
        if subprocess.run(["mount", "--bind", folder, place], check=False, capture_output=True).returncode != 0:
            pytest.skip("a folder cannot be mounted here")
        mounted.append(place)
        subprocess.run(["mount", "-o", "remount,bind,ro", place], check=True)
        return place

    yield show
    for place in mounted:
        subprocess.run(["umount", "--lazy", place], check=True)


def test_what_only_reads_works_and_what_writes_says_why_not(run, shop, tmp_path, read_only):
    library = read_only(tmp_path / "library")
    for command in (["search", shop / "3-0.png"], ["stats"], ["verify"], ["evaluate", shop / "grades.qrels"]):
        run(*command, "--library", library)
    assert "can only be read" in run("judgements", "import", shop / "grades.qrels", "--library", library, code=3).stderr
    assert "cannot be written to" in run("index", shop, "--library", library, code=3).stderr
    assert not list(library.glob("catalog.sqlite-*"))


def test_a_service_answers_and_says_that_it_keeps_nothing(run, shop, tmp_path, models, read_only):
    library = read_only(tmp_path / "library")
    settings = load_settings({"library": library, "models": models}, environment={})
    with open_library(settings) as opened:
        opened.engine.warm_up()
        assert any("can only be read" in note for note in opened.engine.ready().notes)
        opened.indexer.publish_if_late()


def test_changes_that_are_in_the_log_only_are_not_passed_over(run, shop, tmp_path, read_only):
    library, copy = tmp_path / "library", tmp_path / "copy"
    with sqlite3.connect(library / "catalog.sqlite") as held:
        held.execute("SELECT 1 FROM images").fetchone()  # so that the log stays when the command ends
        run("index", shop / "3-0.png", "--model", "tiny")
        held.execute("UPDATE images SET owner_id = 'ann'")
        held.commit()
        shutil.copytree(library, copy)
    (copy / "catalog.sqlite-shm").unlink()
    assert (copy / "catalog.sqlite-wal").stat().st_size
    assert "open the library once" in run("stats", "--library", read_only(copy), code=3).stderr


def test_a_writer_elsewhere_is_followed(run, shop, tmp_path, read_only):
    """A container mounts the library read-only while the host goes on indexing."""
    place = read_only(tmp_path / "library")
    if place == tmp_path / "library":
        pytest.skip("needs a mount: the permissions of one folder are the same for all")
    before = run.json("stats", "--library", place)["counts"]["live"]
    with open_library(load_settings({"library": place}, environment={})) as reader:
        assert reader.catalog.counts().live == before
        run("index", shop.parent / "photos", code=2)
        (shop / "new.png").write_bytes((shop / "3-0.png").read_bytes() + b"\0")
        run("index", shop)
        assert reader.catalog.counts().live == before + 1
