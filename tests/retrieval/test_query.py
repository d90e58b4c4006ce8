import io

import numpy as np
import pytest
from PIL import Image

from doubles import picture
from lookalike.errors import CropRefused, ImageRefused, QueryRefused
from lookalike.retrieval import Query
from lookalike.types import Box
from parts import Parts
from pictures import oriented_bytes


@pytest.fixture
def library(tmp_path):
    with Parts(tmp_path / "library") as parts:
        for seed in range(12):
            parts.upload(seed)
        yield parts


def test_a_picture_is_a_path_bytes_or_an_image_of_pillow(library, tmp_path):
    (tmp_path / "cat.png").write_bytes(picture(7))
    crop = Box(0.25, 0, 0.5, 1)
    forms = [tmp_path / "cat.png", str(tmp_path / "cat.png"), picture(7), Image.open(io.BytesIO(picture(7)))]
    answers = [library.engine.search(Query.picture(form, crop=crop)) for form in forms]
    for answer in answers:
        assert answer.hits == answers[0].hits
        assert answer.crop == crop


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "I;16", "HSV", "F"])
def test_images_of_pillow_of_every_mode_can_be_asked_with(library, mode):
    image = Image.open(io.BytesIO(picture(7))).convert("RGB" if mode != "I;16" else "L")
    image = Image.fromarray(np.asarray(image, dtype=np.uint16) * 257) if mode == "I;16" else image.convert(mode)
    assert library.engine.search(Query.picture(image)).hits


def test_an_image_of_pillow_is_as_upright_as_its_file(library):
    turned = oriented_bytes(6, file_format="PNG")
    as_file, as_image = (library.engine.search(Query.picture(one)) for one in (turned, Image.open(io.BytesIO(turned))))
    assert (as_image.width, as_image.height) == (as_file.width, as_file.height)
    assert as_image.hits == as_file.hits


def test_pixels_of_a_crop_are_those_of_the_upright_picture(library):
    in_pixels = library.engine.search(Query.picture(picture(7), crop=Box(16, 0, 32, 48, unit="pixel")))
    in_fractions = library.engine.search(Query.picture(picture(7), crop=Box(0.25, 0, 0.5, 1)))
    assert in_pixels.hits == in_fractions.hits
    assert in_pixels.crop == in_fractions.crop == Box(0.25, 0, 0.5, 1)
    with pytest.raises(CropRefused, match="64 x 48"):
        library.engine.search(Query.picture(picture(7), crop=Box(60, 0, 10, 10, unit="pixel")))


def test_a_file_that_cannot_be_read_is_refused_by_its_name(tmp_path):
    with pytest.raises(ImageRefused, match="gone.png"):
        Query.picture(tmp_path / "gone.png")
    with pytest.raises(ImageRefused, match="folder"):
        Query.picture(tmp_path)


def test_words_are_refused_while_no_model_knows_them(library):
    with pytest.raises(QueryRefused, match="words"):
        library.engine.search(Query.words("a cat on a chair"))
