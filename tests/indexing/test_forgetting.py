import pytest

from doubles import picture
from indexing.files_and_images import known
from lookalike.catalog import content_id
from lookalike.errors import UnknownImage
from lookalike.indexing.forgetting import forget_image, forget_path


def test_a_dry_run_counts_what_forgetting_then_takes_out(parts, photos):
    parts.indexer.index([photos])
    parts.upload(3)  # is in the folder, too: it stays
    before = known(parts)
    path = str(photos)
    expected = forget_path(parts.catalog, path, for_good=False, dry_run=True)
    assert (expected.files, expected.images, expected.kept, expected.comes_back) == (10, 9, 1, True)
    assert known(parts) == before
    assert forget_path(parts.catalog, path, for_good=False, dry_run=False) == expected
    assert known(parts) == {content_id(picture(3))}
    assert len(list(photos.iterdir())) == 10


@pytest.mark.parametrize("for_good", [False, True])
def test_what_was_forgotten_stays_away_until_it_is_named(parts, photos, for_good):
    parts.indexer.index([photos.parent])
    forgotten = forget_path(parts.catalog, str(photos), for_good=for_good, dry_run=False)
    assert forgotten.comes_back is not for_good
    assert known(parts) == set()
    parts.indexer.index([photos.parent])
    assert known(parts) == set()
    parts.indexer.index([photos])
    assert len(known(parts)) == 10


def test_an_image_is_deleted_and_its_file_left_out(parts, photos):
    parts.indexer.index([photos])
    gone = content_id(picture(4))
    assert forget_image(parts.catalog, gone, dry_run=True).files == 1
    assert gone in known(parts)
    forget_image(parts.catalog, gone, dry_run=False)
    assert gone not in known(parts)
    parts.indexer.index([photos])
    assert gone not in known(parts)
    assert (photos / "4.png").exists()
    with pytest.raises(UnknownImage):
        forget_image(parts.catalog, "0" * 32, dry_run=True)
