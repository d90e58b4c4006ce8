import pytest

from parts import Parts


@pytest.fixture
def parts(tmp_path):
    with Parts(tmp_path / "library") as made:
        yield made
