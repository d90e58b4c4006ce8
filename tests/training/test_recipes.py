import pytest

from lookalike.errors import TrainingRefused
from lookalike.training.recipes import HeadRecipe, PretrainRecipe, TuneRecipe


@pytest.mark.parametrize(
    "wrong", [{"blocks": 0}, {"steps": 0}, {"learning_rate": 0.0}, {"learning_rate": float("nan")}]
)
def test_fine_tuning_outside_its_range_is_refused(wrong):
    with pytest.raises(TrainingRefused, match="fine-tuning: blocks and steps must be at least 1"):
        TuneRecipe(**wrong)
    assert TuneRecipe(blocks=None).blocks is None


def test_a_recipe_names_what_it_cannot_learn_from():
    with pytest.raises(TrainingRefused, match="cannot learn from captions, words: choose grades, clicks, views or"):
        HeadRecipe(shares={"grades": 1.0, "words": 1.0, "captions": 0.5})
    with pytest.raises(TrainingRefused, match="cannot learn from nothing"):
        HeadRecipe(shares={})


@pytest.mark.parametrize(
    ("sources", "loss", "said"),
    [
        (
            ["views"],
            "listwise",
            "listwise: applies to grades, clicks, not to views; for views choose softmax, triplet,",
        ),
        (["views"], "supervised", "applies to grades, clicks, not to views"),
        (["grades", "teacher"], "triplet", "not to teacher; teacher has a loss of its own"),
        (["grades"], "nt-xent", r"trains a whole network on views alone: use it with --on views --tune full"),
        (["views"], "moco", r"tune=PretrainRecipe\(loss='moco'\)"),
        (["grades"], "hinge", "choose one of listwise, softmax, supervised, triplet, nt-xent, moco"),
    ],
)
def test_a_loss_says_what_it_applies_to(sources, loss, said):
    with pytest.raises(TrainingRefused, match=said):
        HeadRecipe(shares=dict.fromkeys(sources, 1.0), loss=loss)


def test_a_network_is_trained_on_views_alone_and_by_one_loss():
    tune = PretrainRecipe(loss="nt-xent")
    with pytest.raises(TrainingRefused, match="nt-xent: applies to views alone, not to clicks, grades"):
        HeadRecipe(shares={"grades": 1.0, "views": 1.0, "clicks": 1.0}, tune=tune)
    with pytest.raises(TrainingRefused, match="moco: the recipe trains the network by nt-xent"):
        HeadRecipe(shares={"views": 1.0}, tune=tune, loss="moco")
    assert HeadRecipe(shares={"views": 1.0}, tune=tune, loss="nt-xent").tune == tune


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"loss": "byol"}, "choose one of nt-xent, moco"),
        ({"steps": 0}, "steps is 0; it must be at least 1"),
        ({"batch": 1}, "batch is 1; it must be at least 2"),
        ({"queue": 0}, "queue is 0"),
        ({"temperature": 0.0}, "temperature must be above 0"),
        ({"precision": "float8"}, "choose float32 or bfloat16"),
        ({"momentum": 1.0}, "momentum from 0 to below 1"),
    ],
)
def test_a_recipe_for_views_outside_its_range_is_refused(wrong, said):
    with pytest.raises(TrainingRefused, match=said):
        PretrainRecipe(**{"loss": "moco"} | wrong)
