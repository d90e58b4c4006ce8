from typing import Any

import numpy as np
import pytest
import torch

from lookalike.errors import TrainingRefused
from lookalike.training.examples import ClickPairs, GradedQuery, Part, Split
from lookalike.training.network.batches import HeadData
from lookalike.training.network.sources import (
    BatchSizes,
    MixedSources,
    Source,
    click_source,
    crops_held_out,
    graded_held_out,
    spread,
    view_source,
)
from lookalike.training.rows import DescribedRow

IDS = tuple("abcdefgh")
SIZES = BatchSizes(queries=2, graded=4, others=2, candidates=3, stand_ins=0.0, seed=0)
IMAGES = HeadData(image_ids=IDS, features=np.eye(8, dtype=np.float32), groups={})


def constant(name, share, value):
    batch_at: Any = lambda number: (name, number)  # noqa: E731 - typed, for it gives no batch
    return Source(name=name, share=share, batch_at=batch_at, loss_of=lambda *_: value)


def test_the_loss_of_several_sources_is_their_mean_by_shares():
    mixed = MixedSources([constant("grades", 3.0, torch.tensor(1.0)), constant("views", 1.0, torch.tensor(5.0))])
    batches: Any = mixed.batch_at(7)
    assert batches == (("grades", 7), ("views", 7))
    assert float(mixed.loss_of(torch.nn.Identity(), batches)) == pytest.approx(2.0)


@pytest.mark.parametrize("shares", [[], [0.0], [1.0, -1.0], [float("nan")]])
def test_shares_that_make_no_sense_are_refused(shares):
    with pytest.raises(TrainingRefused, match="each with a weight above 0"):
        MixedSources([constant("grades", share, torch.tensor(0.0)) for share in shares])


def test_parts_and_views_of_an_image_go_where_the_image_went():
    parts = {"a": Part.TRAIN, "b": Part.TEST}
    names = ["a", "b", "b#xywh=percent:0,0,50,50", "a~0c~1", "c"]
    assert spread(parts, map(DescribedRow.parse, names)).parts == {
        "a": Part.TRAIN,
        "b": Part.TEST,
        "b#xywh=percent:0,0,50,50": Part.TEST,
        "a~0c~1": Part.TRAIN,
    }


def test_queries_are_judged_in_the_part_where_they_are():
    queries = [GradedQuery(query="a", images=("c",), grades=(5,)), GradedQuery(query="b", images=("a",), grades=(4,))]
    split = Split(parts={"a": Part.TRAIN, "b": Part.TEST, "c": Part.TEST})
    judged = graded_held_out(queries, split, Part.TEST, set(IDS))
    assert judged.judgements.grades == {"b": {"a": 4}}
    assert graded_held_out(queries, split, Part.VALIDATION, set(IDS)) is None


def test_a_part_of_an_image_has_to_find_the_image():
    crop = "a#xywh=percent:0,0,50,50"
    assert crops_held_out({"a": crop}, {"a", crop}).judgements.grades == {crop: {"a": 1}}
    assert crops_held_out({"a": crop}, {"a"}) is None


def test_clicks_that_leave_nothing_to_learn_from_are_accounted_for():
    clicks = ClickPairs(
        pairs=(), clicks=10, used=0, simulated=4, by_bots=3, on_own=2, without_image=1, repeated=0, too_few=0
    )
    with pytest.raises(TrainingRefused, match="of 10 clicks 4 are simulated, 3 by bots, 2 on own images"):
        click_source(IMAGES, clicks, [], Split(parts={}), share=1.0, pool=IDS, nearness=IMAGES.features, sizes=SIZES)


def test_views_that_were_not_described_are_left_out():
    names = (*IDS, "a~0c~0", "b~0c~0")
    images = HeadData(image_ids=names, features=np.eye(10, dtype=np.float32), groups={})
    views = {"a": ["a~0c~0", "a~0c~1"], "b": ["b~0c~0"]}
    source = view_source(images, views, set(names), share=0.5, batch=2)
    assert (source.share, source.counts) == (0.5, {"images": 2, "views": 2})
