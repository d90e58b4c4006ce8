import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from duplicates.altered import DETAILED, SIMPLE, cut, product
from keypoints.scenes import pixels, scene
from lookalike.columns import IMAGE_ROW
from lookalike.duplicates import CopyFinder, Library, Reason
from lookalike.keypoints import STORED, extract
from lookalike.preprocessing import Preprocessing, prepare

WANTED = Preprocessing(size=16, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


def saved(image):
    content = io.BytesIO()
    image.save(content, "PNG")
    return content.getvalue()


def library(*images, keypoints=True):
    """Vectors say nothing here: all images are as near as any."""
    rng = np.random.default_rng(0)
    vectors = np.array([1, 0, 0, 0], np.float32) + 0.01 * rng.normal(size=(len(images), 4)).astype(np.float32)
    ids = [f"{number:032x}" for number in range(len(images))]
    points = {image_id: extract(pixels(image), STORED) for image_id, image in zip(ids, images, strict=True)}
    return Library(
        ids=ids,
        vectors=vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
        columns=np.array([prepare(saved(image), WANTED, name="x").columns for image in images], IMAGE_ROW),
        keypoints_of=lambda wanted: {one: points[one] for one in wanted if keypoints},
        pixels_of=lambda image_id: pixels(images[int(image_id, 16)]),
    )


def found(*images, **options):
    blocks = CopyFinder(library(*images, **options)).find(range(len(images)))
    return {(int(pair.one, 16), int(pair.other, 16)): pair for block in blocks for pair in block.pairs}


@pytest.mark.parametrize("change", SIMPLE.values(), ids=SIMPLE.keys())
def test_simple_copies_are_found_without_keypoints(change):
    pairs = found(scene(1), scene(2), change(scene(1)), keypoints=False)
    assert list(pairs) == [(0, 2)]
    assert pairs[0, 2].sure == "certain"


@pytest.mark.parametrize("change", DETAILED.values(), ids=DETAILED.keys())
def test_other_copies_are_found_by_their_details(change):
    pairs = found(scene(1, size=(480, 360)), scene(2), change(scene(1, size=(480, 360))))
    assert list(pairs) == [(0, 2)]
    assert pairs[0, 2].inliers >= 12


def test_a_small_part_is_found_whichever_of_the_two_comes_first():
    whole = scene(1, size=(480, 360))
    assert list(found(whole, cut(whole, 0.62))) == list(found(cut(whole, 0.62), whole)) == [(0, 1)]


def test_products_shot_in_one_way_are_no_copies():
    shots = [product(pattern) for pattern in range(1, 5)]
    assert found(*shots) == {}
    assert list(found(*shots, DETAILED["cut"](shots[2]))) == [(2, 4)]


def test_a_pair_says_how_it_is_turned():
    assert found(scene(1), ImageOps.mirror(scene(1)))[0, 1].turn == "mirrored"
    assert found(scene(1), scene(1).transpose(Image.Transpose.ROTATE_180))[0, 1].turn == "turned by 180 degrees"
    assert found(scene(1), DETAILED["mirrored and cut"](scene(1)))[0, 1].reason is Reason.MIRRORED_DETAILS


def test_different_pictures_are_no_copies():
    assert found(*(scene(seed) for seed in range(8))) == {}


def test_one_product_in_two_colours_is_two_products():
    red, green, blue = scene(1).split()
    assert found(scene(1), Image.merge("RGB", (blue, red, green))) == {}


@pytest.mark.parametrize(("one", "other"), [("black", "white"), ("red", "red"), ("#808080", "#818181")])
def test_flat_pictures_are_never_copies(one, other):
    assert found(Image.new("RGB", (64, 48), one), Image.new("RGB", (80, 60), other)) == {}


def test_every_pair_is_in_the_first_block_that_has_one_of_its_images():
    images = [scene(1), scene(2), SIMPLE["mirrored"](scene(1)), DETAILED["cut"](scene(2))]
    blocks = list(CopyFinder(library(*images)).find(range(4), size=1))
    assert [block.rows for block in blocks] == [(0,), (1,), (2,), (3,)]
    assert [[int(pair.other, 16) for pair in block.pairs] for block in blocks] == [[2], [3], [], []]


def test_new_images_are_compared_with_all_others():
    images = [scene(1), scene(2), SIMPLE["mirrored"](scene(1)), DETAILED["cut"](scene(2))]
    (block,) = CopyFinder(library(*images)).find([2])
    assert [(int(pair.one, 16), int(pair.other, 16)) for pair in block.pairs] == [(0, 2)]


def test_a_single_image_has_no_copy():
    assert [block.pairs for block in CopyFinder(library(scene(1))).find([0])] == [[]]
