import pytest

from lookalike.backup import Parts as BackupParts
from lookalike.backup import back_up
from parts import Parts, write_pictures


@pytest.fixture
def library(tmp_path):
    with Parts(tmp_path / "library") as made:
        made.indexer.index([write_pictures(tmp_path / "photos", range(6))])
        made.uploaded = [made.upload(seed) for seed in range(100, 106)]
        (made.folder / "library.toml").write_text("port = 8421\n")
        yield made


@pytest.fixture
def destination(tmp_path):
    return tmp_path / "backups"


@pytest.fixture
def back_up_now(library, destination):
    """Backs the library up."""

    def run(**options):
        parts = BackupParts(
            originals=library.folder / "originals", files={"library.toml": library.folder / "library.toml"}
        )
        return back_up(library.catalog, parts, destination, **options)

    return run
