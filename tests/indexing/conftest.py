import pytest

from parts import Parts, write_pictures


@pytest.fixture
def parts(tmp_path):
    with Parts(tmp_path / "library") as made:
        yield made


@pytest.fixture
def photos(tmp_path):
    return write_pictures(tmp_path / "photos", range(10))


@pytest.fixture
def two_folders(tmp_path):
    write_pictures(tmp_path / "photos" / "a", range(3))
    write_pictures(tmp_path / "photos" / "b", range(10, 13))
    return tmp_path / "photos"
