from types import SimpleNamespace

import numpy as np
import pytest

from lookalike.errors import TrainingRefused
from lookalike.training.examples import GradedQuery, Part, Split
from lookalike.training.network.batches import HeadData
from lookalike.training.network.source_kinds import SOURCES, Labels, TrainingRows
from lookalike.training.network.sources import BatchSizes
from lookalike.training.recipes import SOURCE_NAMES
from lookalike.training.rows import DescribedRow

IDS = ("a", "b", "c", "d")
SIZES = BatchSizes(queries=2, graded=2, others=0, candidates=2, stand_ins=0.0, seed=0)


def material(**fields):
    """What is learnt from, of four images of which two are trained on."""
    parts = {"a": Part.TRAIN, "b": Part.TRAIN, "c": Part.TEST, "d": Part.VALIDATION}
    labels = Labels(graded=fields.pop("graded", ()))
    examples = SimpleNamespace(labels=labels, pairs=(), known=SimpleNamespace(image_ids=IDS))
    return SimpleNamespace(
        examples=examples,
        names=IDS,
        rows=tuple(DescribedRow(image_id=one) for one in IDS),
        parts=Split(parts=parts),
        crops={},
        taught={},
        **fields,
    )


def rows():
    images = HeadData(image_ids=("a", "b"), features=np.eye(2, dtype=np.float32), groups={})
    return TrainingRows(images=images, of=(0, 1), whole=("a", "b"), sizes=SIZES)


def test_every_name_that_a_recipe_takes_has_a_source():
    assert set(SOURCES) == set(SOURCE_NAMES)


def test_clicks_that_were_not_read_are_refused():
    with pytest.raises(TrainingRefused, match="clicks: none were read"):
        SOURCES["clicks"].source(material(), rows(), 1.0)


def test_grades_are_learnt_from_of_the_training_part_and_judged_by_in_the_others():
    graded = [GradedQuery(query=one, images=("b",), grades=(5,)) for one in ("a", "c", "d")]
    given = material(graded=graded)
    assert SOURCES["grades"].source(given, rows(), 0.5).counts == {"queries": 1, "grades": 1}
    for part, query in ((Part.TEST, "c"), (Part.VALIDATION, "d")):
        assert SOURCES["grades"].held_out(given, part).judgements.grades == {query: {"b": 5}}


@pytest.mark.parametrize("name", SOURCE_NAMES)
def test_what_nobody_said_judges_nothing(name):
    assert SOURCES[name].held_out(material(), Part.TEST) is None
