import numpy as np
import pytest

from lookalike.errors import ImageRefused, TrainingRefused
from lookalike.preprocessing import Limits, Preprocessing
from lookalike.training.library import DescribedLibrary, KnownImages, LibraryPictures, known_images, random_crops
from lookalike.training.rows import DescribedRow
from lookalike.types import Visibility
from parts import Parts


class Means:
    """Describes an image by the mean of each channel."""

    fingerprint = "f" * 64

    def descriptors(self, batch):
        return batch.mean(axis=(2, 3))


@pytest.fixture
def library(tmp_path):
    with Parts(tmp_path / "library") as opened:
        yield opened


@pytest.fixture
def described(library, tmp_path):
    wanted = Preprocessing(size=32, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    pictures = LibraryPictures(library.catalog, wanted, limits=Limits())
    return DescribedLibrary(pictures, Means(), folder=tmp_path / "descriptors")


def test_only_images_that_everybody_may_find_are_learnt_from(library):
    shown = [library.upload(seed) for seed in range(3)]
    library.upload(3, visibility=Visibility.PRIVATE)
    known = known_images(library.catalog, library.indexer.model.fingerprint)
    assert known.image_ids == tuple(sorted(shown))
    assert known.vectors.shape == (3, 32)
    np.testing.assert_allclose(np.linalg.norm(known.vectors, axis=1), 1, atol=1e-2)
    with pytest.raises(TrainingRefused, match="no public image of this library is indexed"):
        known_images(library.catalog, "0" * 64)


def test_a_sample_holds_what_is_needed_and_others_in_order():
    known = KnownImages(
        image_ids=tuple("abcdef"), difference_hashes=np.arange(6, dtype=np.uint64), vectors=np.eye(6, dtype=np.float32)
    )
    sample = known.sample({"e", "zz"}, 3)
    assert sample.image_ids == ("a", "b", "e")
    assert sample.difference_hashes.tolist() == [0, 1, 4]
    np.testing.assert_array_equal(sample.vectors, known.vectors[[0, 1, 4]])
    assert known.sample(set("abcd"), 2).image_ids == tuple("abcd")


def test_images_parts_and_views_are_described_once_each(library, described):
    image_id = library.upload(1)
    whole = DescribedRow(image_id=image_id)
    rows = [whole, *random_crops([image_id]).values(), *described.pictures.views_of(image_id, 2)]
    done = []
    first = described.describe(rows, done.append)
    assert first.rows == tuple(rows)
    assert len({features.tobytes() for features in first.features}) == 4
    np.testing.assert_allclose(first.features[0], described.pictures.prepared(whole).mean(axis=(1, 2)), atol=1e-5)
    np.testing.assert_array_equal(described.describe(rows, done.append).features, first.features)


def test_an_image_that_cannot_be_read_is_said_by_its_id(library):
    image_id = library.upload(1)
    wanted = Preprocessing(size=8, mean=(0, 0, 0), std=(1, 1, 1))
    limited = LibraryPictures(library.catalog, wanted, limits=Limits(max_pixels=10))
    with pytest.raises(ImageRefused, match=image_id):
        limited.prepared(DescribedRow(image_id=image_id))


def test_parts_lie_in_their_image_and_are_of_the_size_asked_for():
    ids = [f"{number:032x}" for number in range(200)]
    crops = random_crops(ids, least_area=0.1, most_area=0.5)
    assert crops == random_crops(ids, least_area=0.1, most_area=0.5)
    assert crops != random_crops(ids, least_area=0.1, most_area=0.5, seed=1)
    boxes = [crop.region for crop in crops.values()]
    areas = np.array([box.width * box.height for box in boxes])
    shapes = np.array([box.width / box.height for box in boxes])
    assert areas.min() > 0.099
    assert areas.max() < 0.501
    assert shapes.min() > 0.49
    assert shapes.max() < 2.05
    assert all(box.x + box.width <= 1 + 1e-9 and box.y + box.height <= 1 + 1e-9 for box in boxes)
