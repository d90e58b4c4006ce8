"""Training and adapting, by what they return."""

from dataclasses import replace
from datetime import datetime

import pytest

import lookalike
from lookalike import AdaptRequest, HeadRecipe, JudgementSource, Query, TrainRequest
from lookalike.training.examples import SplitShares
from lookalike.types import Box, Grade

NOON = "2026-01-02T12:00:00+00:00"


def measure(made, name, held_out):
    return next(one for one in made.card.measures if (one.measure, one.held_out) == (name, held_out))


def quick(**shares):
    """Steps enough for the tiny model."""
    return HeadRecipe(
        shares=shares or {"grades": 1.0},
        learning_rate=0.02,
        steps=40,
        shares_held_out=SplitShares(validation=0.2, test=0.2),
        resamples=200,
    )


def test_a_model_learns_from_grades_waits_and_answers_once_promoted(library, things):
    made = library.train("better", on=quick(), judgements=things / "grades.tsv")
    gain = next(one for one in made.card.measures if one.measure == "nDCG@10")
    assert gain.low > 0
    assert made.warnings == ()
    assert library.parts.require_live().name == "tiny", "it waits"
    held_out = made.trained.held_out["grades"]
    switch = library.promote("better", judgements=held_out)
    assert (switch.before.name, switch.now.name) == ("tiny", "better")
    assert library.search(Query.picture(things / "0-0.png"), limit=3)[0].rank == 1
    shown = made._repr_html_()
    assert "<td>nDCG@10</td>" in shown
    assert "data:image/svg+xml" in shown, "its curves"
    library.rollback()
    with pytest.raises(lookalike.TrainingRefused, match="there is a run in this folder"):
        library.train("better", on=quick(), judgements=things / "grades.tsv")


def test_grades_of_crops_count_the_same_whether_their_set_is_named_or_not(library, things):
    images = {image.source: image.id for image in library.parts.catalog.images.browse(limit=200).images}
    ids = [images[str(things / f"{kind}-{number}.png")] for kind in range(6) for number in range(22)]
    grades = [
        Grade(
            query_image_id=query,
            image_id=image,
            grade=4,
            at=datetime.fromisoformat(NOON),
            crop=Box(0.25, 0.25, 0.5, 0.25),
            judgement_set="crops",
        )
        for row, query in enumerate(ids)
        for other, image in enumerate(ids)
        if row // 22 == other // 22 and row != other
    ]
    library.parts.catalog.judgements.write(grades, rule="crops of one kind")
    named = library.train("named", on=quick(), judgements="crops")
    everything = library.train("everything", on=quick())
    assert named.card.images.trained == everything.card.images.trained > 0
    assert named.card.fingerprint == everything.card.fingerprint, "the same grades, the same bits"


def test_a_source_that_is_none_is_refused(library, things):
    with pytest.raises(lookalike.TrainingRefused, match="choose grades, clicks, views or teacher"):
        library.train("mine", on={"stars": 1.0})


def test_grades_may_be_a_set_of_the_library_or_all_of_it(library, things):
    library.import_judgements(things / "grades.tsv", name="kinds")
    named = library.train("one", on=quick(), judgements="kinds")
    everything = library.train("two", on=quick())
    assert named.card.fingerprint == everything.card.fingerprint, "the same grades, the same bits"


def test_a_model_learns_what_another_finds_alike_without_labels(library, things):
    grades = JudgementSource(judgements=str(things / "grades.tsv"))
    library.train("teacher", on=quick(), judgements=grades)
    asked = TrainRequest(name="pupil", recipe=quick(teacher=1.0), judgements=grades, teacher="teacher")
    made = library.train(asked)
    assert measure(made, "nDCG@10", "teacher").low > 0
    assert measure(made, "nDCG@10", "grades").low > 0, "what the teacher learnt from grades"
    assert (made.card.labels[0].source, made.card.settings["teacher"]) == ("teacher", "teacher")


def test_kinds_can_be_kept_together(library, things):
    made = library.train(
        TrainRequest(
            name="better",
            recipe=replace(quick(), shares_held_out=SplitShares(validation=0.34, test=0.34)),
            judgements=JudgementSource(judgements=str(things / "grades.tsv")),
            split_by=f"{things / 'kinds.csv'}:kind",
        )
    )
    images = made.card.images
    assert [count % 22 for count in (images.trained, images.validated, images.tested)] == [0, 0, 0]
    assert images.tested > 0


def test_nothing_is_learnt_from_one_part_that_is_tested_on_another(library, things):
    made = library.train("better", on=quick(), judgements=things / "grades.tsv")
    images = made.card.images
    assert images.trained + images.validated + images.tested == 132
    held_out = {line.split("\t")[0] for line in made.trained.held_out["grades"].read_text().splitlines()[1:]}
    assert len(held_out) == images.tested


def test_a_model_learns_from_views_without_labels(library, things):
    made = library.train("better", on=replace(quick(views=1.0), views=3, pull=10.0))
    images = made.card.images
    assert measure(made, "R@1", "crops").queries == images.tested
    counts = {label.unit: label.count for label in made.card.labels}
    assert counts == {"images": images.trained, "views": 3 * images.trained}


def test_a_model_is_fitted_without_labels(library, things):
    grades = JudgementSource(judgements=str(things / "grades.tsv"))
    made = library.adapt(AdaptRequest(name="fitted", dimension=24, judgements=grades, resamples=200))
    assert (made.card.name, made.base, made.adaptation.images) == ("fitted", "tiny", 132)
    assert "<table>" in made._repr_html_()
    assert library.parts.require_live().name == "tiny", "it waits"
    assert library.promote("fitted", force=True).now.dimension == 24
