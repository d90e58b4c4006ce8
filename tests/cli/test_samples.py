import hashlib
import io
import tarfile

import pytest

from lookalike.cli import samples
from lookalike.errors import FetchFailed


def archive(*members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            packed.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def npm(monkeypatch, tmp_path):
    """An `npm` that packs what it is given, and a cache folder of its own."""

    def serves(content, *, sha256=None):
        (tmp_path / "served.tgz").write_bytes(content)
        (tmp_path / "npm").write_text(f"#!/bin/sh\ncp {tmp_path / 'served.tgz'} sample.tgz\n")
        (tmp_path / "npm").chmod(0o755)
        monkeypatch.setattr(samples.shutil, "which", lambda _: str(tmp_path / "npm"))
        monkeypatch.setattr(samples, "user_cache_path", lambda *_, **__: tmp_path / "cache")
        monkeypatch.setattr(samples, "_SHA256", sha256 or hashlib.sha256(content).hexdigest())

    return serves


def test_pictures_are_unpacked_under_the_name_of_what_they_show(npm):
    npm(
        archive(
            ("package/assets/1f431.webp", b"cat"),
            ("package/assets/1f468-200d-1f692.webp", b"fireman"),
            ("package/assets/1f3f4-e0067_e0062.webp", b"flag"),
            ("package/package.json", b"{}"),
            ("package/assets/../../../../evil.webp", b"evil"),
        )
    )
    folder = samples.fetch_samples(tell=lambda _: None)
    assert sorted(path.name for path in folder.iterdir()) == [
        "cat-face.1f431.webp",
        "man+fire-engine.1f468-200d-1f692.webp",
        "waving-black-flag+tag-latin-small-letter-g+tag-latin-small-letter-b.1f3f4-e0067_e0062.webp",
    ]
    told = []
    assert samples.fetch_samples(tell=told.append) == folder
    assert told == []


def test_another_archive_than_the_expected_one_is_refused(npm):
    npm(archive(("package/assets/1f431.webp", b"not the cat")), sha256="0" * 64)
    with pytest.raises(FetchFailed, match="nothing was unpacked"):
        samples.fetch_samples(tell=lambda _: None)


def test_no_npm_and_no_network_says_what_to_do(npm, monkeypatch):
    npm(b"")
    monkeypatch.setattr(samples, "_npms", lambda _: iter([["false"]]))
    with pytest.raises(FetchFailed, match="make demo IMAGES=FOLDER"):
        samples.fetch_samples(tell=lambda _: None)
