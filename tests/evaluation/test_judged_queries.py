import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.errors import CropRefused
from lookalike.evaluation import JudgedQuery, Region, own_images
from lookalike.types import Crop


@pytest.mark.parametrize("name", ["shoes/17.jpg", "a#b.jpg", "a#xywh=1,2", "a#xywh=percent:1,2,x,4", "a b.jpg", ""])
def test_a_name_without_a_well_formed_region_is_a_whole_image(name):
    assert JudgedQuery.parse(name) == JudgedQuery(image=name)
    assert str(JudgedQuery.parse(name)) == name


def test_regions_in_per_cent_and_pixels_become_crops():
    percent = JudgedQuery.parse("a.jpg#xywh=percent:25,25,50,50")
    assert percent.image == "a.jpg"
    assert percent.crop((10, 10)) == Crop(x=0.25, y=0.25, width=0.5, height=0.5)
    assert JudgedQuery.parse("a.jpg#xywh=pixel:10,20,30,40").crop((100, 200)) == Crop(
        x=0.1, y=0.1, width=0.3, height=0.2
    )
    assert JudgedQuery.parse("a.jpg#xywh=10,20,30,40") == JudgedQuery.parse("a.jpg#xywh=pixel:10,20,30,40")
    assert JudgedQuery.parse("a.jpg").crop((10, 10)) is None


def test_a_region_outside_the_image_is_refused():
    with pytest.raises(CropRefused, match="inside"):
        JudgedQuery.parse("a.jpg#xywh=pixel:10,20,300,40").crop((100, 200))


numbers = st.floats(0, 1e6, allow_nan=False).map(lambda value: float(f"{value:.8g}"))


@settings(deadline=None)
@given(st.text(), numbers, numbers, numbers, numbers, st.sampled_from(["percent", "pixel"]))
def test_every_query_survives_its_name(image, x, y, width, height, unit):
    query = JudgedQuery(image=image, region=Region(x=x, y=y, width=width, height=height, unit=unit))
    assert JudgedQuery.parse(str(query)) == query


def test_own_images_are_those_of_whole_image_queries_unless_asked():
    crop = "b#xywh=percent:0,0,50,50"
    assert own_images(["a", crop]) == {"a": {"a"}}
    assert own_images(["a", crop], crops=True) == {"a": {"a"}, crop: {"b"}}
