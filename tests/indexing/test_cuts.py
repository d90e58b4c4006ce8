import numpy as np
import pytest

from doubles import ColourGridEncoder, picture
from lookalike.catalog import LiveModel, content_id
from lookalike.embedding import PictureEncoder
from lookalike.indexing.cuts import MOST_CUTS, Cuts, cut_box, wanted_cuts
from lookalike.preprocessing import Limits
from parts import write_pictures


class CountingEncoder(ColourGridEncoder):
    """Knows how many pictures it embedded; long ones are several rows."""

    def __init__(self, **options):
        super().__init__(**options)
        self.pictures = 0

    def encode_image(self, rows):
        self.pictures += 1
        return super().encode_image(rows)


@pytest.fixture
def encoder():
    return CountingEncoder()


@pytest.fixture
def model(encoder):
    return LiveModel(name=encoder.name, fingerprint=encoder.fingerprint, dimension=encoder.dimension)


@pytest.fixture
def ids(parts, photos):
    parts.indexer.index([photos])
    return sorted(content_id(picture(seed)) for seed in range(10))


@pytest.fixture
def cuts(parts):
    return Cuts(parts.catalog, parts.snapshots, limits=Limits())


def test_a_cut_is_the_vector_of_a_part_of_its_picture(cuts, parts, model, ids, encoder):
    found = cuts.vectors(model, ids[:3], encoder)
    pictures = PictureEncoder(encoder=encoder)
    for image_id, vector in zip(ids, found, strict=False):
        prepared = pictures.prepare(parts.catalog.images.content(image_id), name="cut", crop=cut_box(image_id))
        assert np.array_equal(vector, pictures.encode(prepared))


def test_what_was_cut_once_is_not_embedded_again(cuts, parts, model, ids, encoder):
    first = cuts.vectors(model, ids[:6], encoder)
    assert encoder.pictures == 6
    assert np.array_equal(cuts.vectors(model, ids[:6], None), first)
    again = Cuts(parts.catalog, parts.snapshots, limits=Limits()).vectors(model, ids[2:8], encoder)
    assert encoder.pictures == 8
    assert np.array_equal(again[:4], first[2:])
    assert len(cuts.vectors(model, ids, None)) == 6, "cuts of other pictures are forgotten"


def test_without_a_model_only_kept_cuts_count(cuts, model, ids):
    assert cuts.vectors(model, ids, None).shape == (0, 32)


def test_a_picture_that_cannot_be_read_is_left_out(cuts, model, ids, encoder, photos):
    (photos / "3.png").unlink()
    assert len(cuts.vectors(model, ids, encoder)) == 9
    write_pictures(photos, [3])
    assert len(cuts.vectors(model, ids, encoder)) == 10


def test_another_model_has_cuts_of_its_own(cuts, model, ids, encoder):
    cuts.vectors(model, ids, encoder)
    other = CountingEncoder(name="other", seed=2)
    of_other = LiveModel(name="other", fingerprint=other.fingerprint, dimension=32)
    assert len(cuts.vectors(of_other, ids, None)) == 0
    cuts.vectors(of_other, ids, other)
    assert other.pictures == 10
    assert len(cuts.vectors(model, ids, None)) == 10


def test_a_damaged_file_of_cuts_is_made_again(cuts, parts, model, ids, encoder):
    first = cuts.vectors(model, ids, encoder)
    [file] = parts.snapshots.glob("cuts-*.npy")
    file.write_bytes(file.read_bytes()[:200])
    assert np.array_equal(cuts.vectors(model, ids, encoder), first)


def test_boxes_lie_inside_and_differ():
    boxes = [cut_box(f"{number:032x}") for number in range(500)]  # a Box that leaves the picture is refused
    assert boxes[3] == cut_box(f"{3:032x}")
    assert len({box.values for box in boxes}) == 500
    assert 0.2 < np.mean([box.width * box.height for box in boxes]) < 0.3


def test_few_pictures_of_a_small_library_are_cut():
    assert [wanted_cuts(size) for size in (0, 500, 2_048, 1_000_000)] == [0, 62, 256, MOST_CUTS]


def test_a_picture_may_be_an_upload(cuts, parts, model, encoder):
    image_id = parts.upload(40)
    assert len(cuts.vectors(model, [image_id], encoder)) == 1
    assert parts.catalog.images.content(image_id) == picture(40)
