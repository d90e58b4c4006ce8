import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.errors import CropRefused
from lookalike.evaluation import JudgedQuery, own_images
from lookalike.types import Box


@pytest.mark.parametrize("name", ["shoes/17.jpg", "a#b.jpg", "a#xywh=1,2", "a#xywh=percent:1,2,x,4", "a b.jpg", ""])
def test_a_name_without_a_well_formed_region_is_a_whole_image(name):
    assert JudgedQuery.parse(name) == JudgedQuery(image=name)
    assert str(JudgedQuery.parse(name)) == name


def test_regions_in_per_cent_and_pixels_become_crops():
    percent = JudgedQuery.parse("a.jpg#xywh=percent:25,25,50,50")
    assert percent.image == "a.jpg"
    assert percent.crop((10, 10)) == Box(x=0.25, y=0.25, width=0.5, height=0.5)
    assert JudgedQuery.parse("a.jpg#xywh=pixel:10,20,30,40").crop((100, 200)) == Box(
        x=0.1, y=0.1, width=0.3, height=0.2
    )
    assert JudgedQuery.parse("a.jpg#xywh=10,20,30,40") == JudgedQuery.parse("a.jpg#xywh=pixel:10,20,30,40")
    assert JudgedQuery.parse("a.jpg").crop((10, 10)) is None


def test_a_region_outside_the_image_is_refused():
    with pytest.raises(CropRefused, match="inside"):
        JudgedQuery.parse("a.jpg#xywh=pixel:10,20,300,40").crop((100, 200))


@pytest.mark.parametrize("box", ["percent:0,0,0,50", "percent:80,0,50,50", "pixel:0,0,10,0"])
def test_a_region_that_no_image_has_is_refused(box):
    with pytest.raises(CropRefused):
        JudgedQuery.parse(f"a.jpg#xywh={box}")


def rounded(least):
    return st.floats(least, 50).map(lambda value: float(f"{value:.8g}"))


@settings(deadline=None)
@given(
    st.text(),
    rounded(0),
    rounded(0),
    rounded(1e-3),
    rounded(1e-3),
    st.sampled_from(["percent", "pixel"]),
)
def test_every_query_survives_its_name(image, x, y, width, height, unit):
    name = f"{image}#xywh={unit}:{x!r},{y!r},{width!r},{height!r}"
    query = JudgedQuery.parse(name)
    assert query.image == image
    assert JudgedQuery.parse(str(query)) == query


def test_own_images_are_those_of_whole_image_queries_unless_asked():
    crop = "b#xywh=percent:0,0,50,50"
    assert own_images(["a", crop]) == {"a": {"a"}}
    assert own_images(["a", crop], crops=True) == {"a": {"a"}, crop: {"b"}}
