import numpy as np
import pytest

from lookalike.catalog import Catalog, content_id, sqlite_url
from lookalike.columns import image_row
from lookalike.reranking import FollowedBlockList


@pytest.fixture
def catalog(tmp_path):
    with Catalog.open(sqlite_url(tmp_path / "catalog.sqlite"), originals=tmp_path / "originals") as opened:
        yield opened


def test_a_list_that_is_followed_is_read_again_only_where_it_changed(catalog, monkeypatch):
    blocks = catalog.blocks
    reads, read = [], type(blocks).list

    def counted(store):
        reads.append(1)
        return read(store)

    monkeypatch.setattr(type(blocks), "list", counted)
    followed = FollowedBlockList(catalog)
    first, second = content_id(b"first"), content_id(b"second")
    assert [followed().image_ids for _ in range(3)] == [()] * 3
    assert len(reads) == 1
    blocks.add(first, image_row(difference_hash=7), note="asked")
    assert [followed().image_ids for _ in range(3)] == [(first,)] * 3
    assert len(reads) == 2
    blocks.add(second, image_row(difference_hash=8))
    assert set(followed().image_ids) == {first, second}
    blocks.remove(first)
    assert followed().image_ids == (second,)
    assert np.array_equal(followed().rows["difference_hash"], [8])
    blocks.remove(second)
    assert followed().image_ids == ()
