"""The methods of `lookalike.open(...)`: what a notebook or a product calls."""

import pytest

import lookalike
from doubles import picture
from lookalike import Box, Query
from lookalike.types import Visibility


def test_a_library_is_indexed_and_searched_with_a_part_of_a_picture(library, shop):
    whole = library.search(Query.picture(shop / "3-0.png"), limit=5)
    assert whole[0].image.source == str(shop / "3-0.png")
    part = library.search(Query.picture(shop / "3-0.png", crop=Box(0.25, 0.25, 0.5, 0.5)), limit=5)
    assert len(whole) == len(part) == 5
    assert part[0].cosine < whole[0].cosine
    assert [hit.rank for hit in part] == [1, 2, 3, 4, 5]


def test_opening_a_library_that_is_not_there_makes_nothing(library, tmp_path):
    with pytest.raises(lookalike.LibraryMissing, match="there is no library in"):
        library.search(Query.picture(picture(1)))
    assert not (tmp_path / "library").exists()
    with pytest.raises(lookalike.CallerError, match="there is no such file or folder"):
        library.index([tmp_path / "nothing"])
    assert not (tmp_path / "library").exists()


def test_a_closed_library_opens_again(library, shop):
    library.close()
    assert library.search(Query.picture(shop / "3-0.png"), limit=1)[0].rank == 1


def test_evaluating_gives_numbers_and_warnings(library, shop):
    found = library.evaluate(shop / "grades.qrels", measures="nDCG@10,mAP", resamples=200)
    assert found.mean("nDCG@10") > 0.9
    assert found.warnings == ()
    with pytest.raises(lookalike.CallerError, match="measured are nDCG@10, mAP"):
        found.mean("MRR")


def test_a_worse_model_is_refused_with_the_comparison_and_forced_ones_can_be_undone(library, shop):
    with pytest.raises(lookalike.PromotionRefused, match="blind ranks worse than tiny") as refused:
        library.promote("blind", judgements=shop / "grades.qrels")
    assert next(iter(refused.value.comparison.comparisons.values())).difference.mean < 0
    assert library.promote("blind", force=True).now.name == "blind"
    assert library.search(Query.picture(shop / "3-0.png"), limit=1).answer.generation.startswith(
        library.parts.require_live().fingerprint[:8]
    )
    back = library.rollback()
    assert (back.before.name, back.now.name, back.embedded) == ("blind", "tiny", 0)


def test_judgement_sets_are_kept_listed_and_written(library, shop, tmp_path):
    kept = library.import_judgements(shop / "grades.qrels", name="versions")
    assert (kept.name, kept.grades, kept.unknown) == ("versions", 36, ())
    assert [(one.name, one.queries) for one in library.judgements()] == [("versions", 12)]
    library.export_judgements("versions", tmp_path / "out.tsv")
    assert len((tmp_path / "out.tsv").read_text().splitlines()) == 37


def test_models_are_compared(library, shop):
    found = library.bench(shop / "grades.qrels", models=["tiny", "blind"], measures="mAP")
    assert [point.name for point, _ in found.best_first] == ["tiny", "blind"]
    assert "tiny" in found.advice


def test_what_is_stored_is_verified(library, shop):
    assert library.verify().problems == ()
    next((library.settings.snapshots).rglob("manifest.json")).write_text("{")
    assert library.verify().problems


def test_a_model_can_be_indexed_with_by_name(library, shop):
    assert library.index([shop], model="blind").report.embedded == 36
    assert library.parts.require_live().name == "blind"


def test_a_hidden_image_is_no_hit(library, shop):
    first = library.search(Query.picture(shop / "3-0.png"), limit=1)[0].image
    library.parts.catalog.images.update(first.id, visibility=Visibility.PRIVATE)
    assert first.id not in [hit.image.id for hit in library.search(Query.picture(shop / "3-0.png"))]
