import pytest

from lookalike.errors import TrainingRefused
from lookalike.training.recipes import HeadRecipe, TuneRecipe


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
