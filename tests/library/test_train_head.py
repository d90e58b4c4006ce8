"""Training by each loss, and whole networks by SimCLR and MoCo, to a model that answers."""

from dataclasses import replace
from types import MappingProxyType

import pytest

import lookalike
from lookalike import AdaptRequest, HeadRecipe, PretrainRecipe, Query, TrainRequest
from lookalike.progress import Silent
from lookalike.training.examples import SplitShares
from lookalike.training.network.backbones import registry
from lookalike.training.network.backbones.efficientnet_lite import EfficientNetLite, Scale
from lookalike.training.recipes import LOSSES

SIZE = 32


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """A backbone that takes milliseconds, called `small`."""
    added = registry.Backbone(
        build=lambda: EfficientNetLite(Scale(width=0.25, depth=0.3, size=SIZE)), dimension=1_280, size=SIZE
    )
    backbones = MappingProxyType({**registry.BACKBONES, "small": added})
    monkeypatch.setattr(registry, "BACKBONES", backbones)
    monkeypatch.setattr("lookalike.training.network.named_backbones.BACKBONES", backbones)


def quick(**options):
    """Steps enough for the tiny model."""
    recipe = HeadRecipe(
        shares={"grades": 1.0},
        learning_rate=0.02,
        steps=40,
        shares_held_out=SplitShares(validation=0.2, test=0.2),
        resamples=200,
    )
    return replace(recipe, **options)


def measure(made, name, held_out):
    return next(one for one in made.card.measures if (one.measure, one.held_out) == (name, held_out))


@pytest.mark.parametrize("loss", LOSSES)
def test_each_loss_of_grades_ranks_better(library, things, loss):
    made = library.train("better", on=quick(loss=loss), judgements=things / "grades.tsv")
    assert measure(made, "nDCG@10", "grades").low > 0
    assert made.card.settings["loss"] == loss


def test_views_are_learnt_from_by_triplets(library, things):
    made = library.train("better", on=quick(shares={"views": 1.0}, loss="triplet", pull=10.0))
    assert measure(made, "R@1", "crops").queries == made.card.images.tested


def trained_on_views(library, name, **options):
    tune = PretrainRecipe(**{"batch": 32, "learning_rate": 0.1} | options)
    recipe = quick(shares={"views": 1.0}, tune=tune)
    return library.train(TrainRequest(name=name, recipe=recipe, backbone="small:random"))


@pytest.mark.slow  # the command's test learns by SimCLR, and the next test by MoCo
@pytest.mark.parametrize(("loss", "method"), [("nt-xent", "SimCLR"), ("moco", "MoCo v2")])
def test_a_network_that_starts_at_random_learns_from_views_and_serves(library, things, loss, method):
    start = trained_on_views(library, "start", loss=loss, steps=1, learning_rate=1e-9)
    made = trained_on_views(library, "better", loss=loss, steps=40)
    recalls = [measure(one, "R@1", "crops").new for one in (start, made)]
    assert recalls[1] > recalls[0]
    assert made.summary == f"small trained on views by {method}"
    card = made.card
    assert card.parity is not None
    assert card.parity.least_cosine > 0.999
    assert (card.settings["loss"], card.settings["backbone"]) == (loss, "small:random")
    assert "random start" in card.notes[0]
    assert card.images.trained > 60
    library.promote("better", force=True)
    assert library.search(Query.picture(things / "0-0.png"))[0].image.source == str(things / "0-0.png")
    assert library.parts.require_live().name == "better"


def test_a_trained_network_may_be_whitened_to_fewer_dimensions(library, things):
    tune = PretrainRecipe(loss="moco", steps=4, batch=16, learning_rate=0.1)
    recipe = quick(shares={"views": 1.0}, tune=tune, dimension=8)
    library.train(TrainRequest(name="short", recipe=recipe, backbone="small:random"))
    assert library.promote("short", force=True).now.dimension == 8


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({}, "choose a --backbone, such as resnet18:random"),
        ({"backbone": "small:random", "features": "levels"}, "trains a network for its final features"),
        ({"backbone": "small"}, "start at random, or name a file"),
    ],
)
def test_what_cannot_be_trained_on_views_is_refused(library, things, request_, said):
    recipe = replace(quick(shares={"views": 1.0}), tune=PretrainRecipe(loss="nt-xent"))
    with pytest.raises(lookalike.CallerError, match=said):
        library.train(TrainRequest(name="mine", recipe=recipe, **request_))


class Told(Silent):
    """Keeps what it is told, in order."""

    def __init__(self):
        self.lines = []

    def stage(self, name, total=None):
        self.lines.append(name)

    def note(self, line):
        self.lines.append(line)


def test_a_small_library_keeps_the_model_s_projection_as_its_start_and_says_so_first(library, things):
    library.adapt(AdaptRequest(name="fitted", dimension=24))
    told = Told()
    made = library.train("better", on=quick(), base="fitted", judgements=things / "grades.tsv", progress=told)
    said = "images to learn from are fewer than 96: the head starts from fitted's own projection."
    assert said in told.lines[0]
    assert told.lines[1].startswith("Describing by fitted")
    assert any(said in note for note in made.card.notes)
