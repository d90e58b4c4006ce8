"""Whatever happened to the files of a snapshot, it is noticed, named, and passed over."""

import json
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lookalike.errors import SnapshotDamaged
from lookalike.snapshot import FORMAT_VERSION, Snapshot, newest, verify

FINGERPRINT = "ab" * 32
FILES = {
    "exact": [
        "centring.npy",
        "columns.npy",
        "image_ids.npy",
        "manifest.json",
        "regions.npy",
        "vectors.npy",
        "visibilities.npy",
    ],
    "faiss-ivfpq": [
        "centring.npy",
        "columns.npy",
        "image_ids.npy",
        "lists.faiss",
        "manifest.json",
        "parameters.json",
        "regions.npy",
        "vectors.faiss",
        "visibilities.npy",
    ],
}
EVERY_FILE = [(backend, name) for backend, names in FILES.items() for name in names]
# a snapshot tells damage by checksums, whatever the backend: one of one file and one of several stand for all


def latest(root, **keywords):
    return newest(root, FINGERPRINT, **keywords)


@pytest.fixture
def two(made):
    """An older whole snapshot, and the newest, which each test damages."""

    def make(backend="exact"):
        made(80, watermark=1, backend=backend)
        return made(80, watermark=2, backend=backend).snapshot.directory

    return make


def check_passed_over(root, directory, *words):
    problems: list[str] = []
    assert latest(root, problems=problems).manifest.watermark == 1
    assert len(problems) == 1
    assert "snapshot 2 is damaged" in problems[0]
    for word in words:
        assert word in problems[0]
    assert verify(directory)
    with pytest.raises(SnapshotDamaged):
        Snapshot.open(directory)


def test_the_files_are_those_that_are_damaged_here(two):
    for backend, names in FILES.items():
        assert sorted(path.name for path in two(backend).iterdir()) == names


@pytest.mark.parametrize(("backend", "name"), EVERY_FILE)
def test_a_missing_file(two, root, backend, name):
    directory = two(backend)
    (directory / name).unlink()
    check_passed_over(root, directory, name.replace(".json", "") if name == "manifest.json" else name)


@pytest.mark.parametrize(("backend", "name"), EVERY_FILE)
@pytest.mark.parametrize("kept", [0, 0.5, -1])
def test_a_file_cut_short(two, root, backend, name, kept):
    directory = two(backend)
    content = (directory / name).read_bytes()
    (directory / name).write_bytes(content[: -1 if kept < 0 else int(len(content) * kept)])
    check_passed_over(root, directory)


@pytest.mark.parametrize(("backend", "name"), EVERY_FILE)
def test_a_file_that_grew(two, root, backend, name):
    directory = two(backend)
    with (directory / name).open("ab") as file:
        file.write(b"\n")
    check_passed_over(root, directory)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(draw=st.data())
def test_one_flipped_bit_anywhere(made, root, tmp_path, draw):
    backend, name = draw.draw(st.sampled_from(EVERY_FILE))
    whole = tmp_path / f"whole-{backend}"
    if not whole.exists():
        shutil.copytree(made(80, backend=backend).snapshot.directory, whole)
    damaged = tmp_path / "damaged"
    shutil.rmtree(damaged, ignore_errors=True)
    shutil.copytree(whole, damaged)
    content = bytearray((damaged / name).read_bytes())
    place = draw.draw(st.integers(0, len(content) - 1))
    content[place] ^= 1 << draw.draw(st.integers(0, 7))
    (damaged / name).write_bytes(bytes(content))
    problems = verify(damaged)
    assert len(problems) == 1
    assert ("manifest" if name == "manifest.json" else name) in problems[0] or "format" in problems[0]
    assert verify(whole) == []


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"7", b'{"manifest": 3}', b"\xff\xfe", b'{"manifest": {}}']
)
def test_a_manifest_that_is_not_one(two, root, content):
    directory = two()
    (directory / "manifest.json").write_bytes(content)
    check_passed_over(root, directory, "manifest")


def test_a_manifest_of_a_newer_format(two, root):
    directory = two()
    document = json.loads((directory / "manifest.json").read_bytes())
    document["manifest"]["format_version"] = FORMAT_VERSION + 1
    (directory / "manifest.json").write_text(json.dumps(document))
    told = f"its format is {FORMAT_VERSION + 1}, this version of lookalike reads {FORMAT_VERSION}"
    check_passed_over(root, directory, told)


def test_a_snapshot_of_an_earlier_version_is_said_to_be_that(two, root):
    directory = two()
    document = json.loads((directory / "manifest.json").read_bytes())
    document["manifest"]["format_version"] = FORMAT_VERSION - 1
    (directory / "manifest.json").write_text(json.dumps(document))
    problems: list[str] = []
    assert latest(root, problems=problems).manifest.number == 1
    assert "snapshot 2 is of an earlier version" in problems[0]


def test_an_honest_manifest_of_other_files(two, made, root):
    """Checksums that match do not help when a snapshot was put together from two."""
    directory = two()
    other = made(20, watermark=0).snapshot.directory
    shutil.copy(other / "manifest.json", directory / "manifest.json")
    problems: list[str] = []
    assert latest(root, problems=problems).manifest.watermark == 1
    assert verify(directory)


def test_all_damaged_means_none(two, root):
    directory = two()
    for folder in directory.parent.iterdir():
        (folder / "vectors.npy").write_bytes(b"")
    problems: list[str] = []
    assert latest(root, problems=problems) is None
    assert len(problems) == 2


def test_damage_is_logged(two, root, caplog):
    (two() / "vectors.npy").unlink()
    latest(root)
    assert "vectors.npy cannot be read" in caplog.text


def test_files_and_folders_of_others_are_left_alone(two, root):
    folder = two().parent
    (folder / "notes").mkdir()
    (folder / "README").write_text("mine")
    problems: list[str] = []
    assert latest(root, problems=problems).manifest.watermark == 2
    assert problems == []
