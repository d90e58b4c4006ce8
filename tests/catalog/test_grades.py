import dataclasses
from datetime import UTC, datetime

import pytest

from lookalike.catalog import Catalog
from lookalike.errors import CallerError
from lookalike.types import Box, Grade

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_grades_are_added_and_replaced_by_the_same_person(library, catalog):
    query, other, hit = (library.addition(name).content_id for name in "qoh")
    first = Grade(query_image_id=query, image_id=hit, grade=2, at=NOON, user_id="ann")
    catalog.judgements.write(
        [first, dataclasses.replace(first, user_id=None), dataclasses.replace(first, source="import")]
    )
    catalog.judgements.write([dataclasses.replace(first, grade=5), dataclasses.replace(first, query_image_id=other)])
    assert {(grade.user_id, grade.source, grade.grade) for grade in catalog.judgements.grades(query)} == {
        ("ann", "human", 5),
        (None, "human", 2),
        ("ann", "import", 2),
    }
    assert len(catalog.judgements.grades()) == catalog.counts().grades == 4
    assert catalog.judgements.grades("\x00") == []
    for wrong in (dataclasses.replace(first, grade=6), dataclasses.replace(first, image_id="x")):
        with pytest.raises(CallerError):
            catalog.judgements.write([wrong])


def test_a_part_of_an_image_is_a_query_of_its_own(library, catalog):
    query, hit = (library.addition(name).content_id for name in "qh")
    whole = Grade(query_image_id=query, image_id=hit, grade=2, at=NOON)
    part = dataclasses.replace(whole, crop=Box(x=0.1, y=1 / 3, width=0.25, height=1e-7), grade=4)
    catalog.judgements.write([whole, part])
    catalog.judgements.write([dataclasses.replace(part, grade=5)])
    assert {(grade.crop, grade.grade) for grade in catalog.judgements.grades(query)} == {(None, 2), (part.crop, 5)}


def test_a_judgement_set_has_a_name_and_a_rule(library, catalog):
    query, other, hit = (library.addition(name).content_id for name in "qoh")
    by_ann = Grade(query_image_id=query, image_id=hit, grade=2, at=NOON, user_id="ann", judgement_set="shoes")
    crop = Box(x=0, y=0, width=0.5, height=0.5)
    catalog.judgements.write(
        [
            by_ann,
            dataclasses.replace(by_ann, user_id="bob"),
            dataclasses.replace(by_ann, user_id=None, crop=crop),
            dataclasses.replace(by_ann, query_image_id=other),
        ],
        rule="labels:hierarchy, 2 levels",
    )
    catalog.judgements.write([dataclasses.replace(by_ann, judgement_set="bags")])
    bags, shoes = catalog.judgements.sets()
    assert (bags.name, bags.rule, bags.grades) == ("bags", "", 1)
    assert (shoes.name, shoes.rule) == ("shoes", "labels:hierarchy, 2 levels")
    assert (shoes.grades, shoes.queries, shoes.graders) == (4, 3, 2)
    assert {grade.judgement_set for grade in catalog.judgements.grades(judgement_set="shoes")} == {"shoes"}
    assert catalog.judgements.grades(judgement_set="hats") == catalog.judgements.grades(judgement_set="\x00") == []


def test_a_judgement_set_is_removed_with_its_grades(library, catalog):
    query, hit = (library.addition(name).content_id for name in "qh")
    catalog.judgements.write(
        [Grade(query_image_id=query, image_id=hit, grade=2, at=NOON, judgement_set=s) for s in "ab"]
    )
    assert catalog.judgements.remove_set("a") == 1
    assert [one.name for one in catalog.judgements.sets()] == ["b"]
    assert len(catalog.judgements.grades()) == 1
    for unknown in ("a", "\x00", ""):
        with pytest.raises(CallerError, match="there is no judgement set"):
            catalog.judgements.remove_set(unknown)


def test_bad_sets_are_refused_whole(library, catalog):
    query, hit = (library.addition(name).content_id for name in "qh")
    good = Grade(query_image_id=query, image_id=hit, grade=2, at=NOON)
    for name in ("", " ", "\x00", "\ud800"):
        with pytest.raises(CallerError):
            catalog.judgements.write([good, dataclasses.replace(good, judgement_set=name)])
    assert catalog.judgements.grades() == []
    assert catalog.judgements.sets() == []


def test_sets_survive_closing(library, new_url, tmp_path):
    url = new_url()
    query, hit = (library.addition(name).content_id for name in "qh")
    with Catalog.open(url, originals=tmp_path) as catalog:
        catalog.judgements.write([Grade(query_image_id=query, image_id=hit, grade=5, at=NOON)], rule="by hand")
    with Catalog.open(url, originals=tmp_path) as catalog:
        assert catalog.judgements.sets()[0].rule == "by hand"
