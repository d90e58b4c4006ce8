"""Fine-tuning a network after its head: what learns, what stays, and what is undone."""

import numpy as np
import pytest
import torch

from lookalike.errors import StorageFailed, TrainingRefused
from lookalike.preprocessing import Preprocessing
from lookalike.progress import Silent
from lookalike.training.examples import GradedQuery
from lookalike.training.held_out import GRADED_MEASURES, held_out
from lookalike.training.network.backbones import MultiLevel
from lookalike.training.network.backbones.efficientnet_lite import EfficientNetLite, Scale
from lookalike.training.network.batches import GradedBatches, HeadData
from lookalike.training.network.fine_tuning import (
    FineTuning,
    Pictures,
    TunedNetwork,
    among,
    as_rows,
    beyond_chance,
)
from lookalike.training.network.head import LinearHead
from lookalike.training.network.objectives import GradedLoss
from lookalike.training.network.sources import Source
from lookalike.training.recipes import TuneRecipe
from lookalike.training.run import RunFolder
from training.network.small_levels import EACH, KINDS, SIZE, small_levels

NAMES = [f"{kind} {number}" for kind in range(KINDS) for number in range(EACH)]
PREPROCESSING = Preprocessing(size=SIZE, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))


def picture(name):
    """Noise in which a bright square's place says what kind of thing it is; [3, 32, 32] normalised."""
    kind, number = map(int, name.split())
    levels = np.random.default_rng([kind, number]).integers(0, 160, (3, SIZE, SIZE))
    top, left = 16 * (kind // 2), 16 * (kind % 2)
    levels[:, top + 3 : top + 13, left + 3 : left + 13] += 90
    return ((levels / 255 - 0.5) / 0.25).astype(np.float32)


def queries(numbers):
    return [
        GradedQuery(
            query=name,
            images=tuple(other for other in NAMES if other != name),
            grades=tuple(4 if other[0] == name[0] else 0 for other in NAMES if other != name),
        )
        for name in NAMES
        if int(name.split()[1]) in numbers
    ]


@pytest.fixture
def tuning(tmp_path):
    """Made anew for each recipe, always from the same weights."""

    def make(recipe, folder="run"):
        torch.manual_seed(0)
        network = MultiLevel(EfficientNetLite(Scale(width=0.25, depth=0.4, size=SIZE)))
        pictures = Pictures(NAMES, picture, PREPROCESSING, tmp_path / folder / "pictures")
        start = np.random.default_rng(0).normal(size=(network.dimension, 8)).astype(np.float32)
        model = TunedNetwork(network, LinearHead(start), np.zeros(network.dimension, np.float32), pictures)
        images = HeadData(image_ids=NAMES, features=as_rows(len(NAMES)), groups={})
        batches = GradedBatches(images, queries(range(2, EACH)), batch=4, graded=4, others=8)
        source = Source(name="grades", share=1, batch_at=batches.batch_at, loss_of=GradedLoss(temperature=0.1))
        judged = held_out("grades", queries(range(2)), set(NAMES), GRADED_MEASURES)
        assert judged is not None
        return model, FineTuning(
            model,
            recipe,
            sources=[source],
            names=NAMES,
            validation=[judged],
            gallery=NAMES,
            folder=RunFolder(tmp_path / folder),
            progress=Silent(),
        )

    return make


def weights(model):
    return {name: weight.clone() for name, weight in model.network.network.named_parameters()}


def test_pictures_are_prepared_once_and_come_back_as_they_were(tmp_path):
    asked = []

    def prepare(name):
        asked.append(name)
        return picture(name)

    pictures = Pictures(NAMES, prepare, PREPROCESSING, tmp_path / "new" / "pictures")
    for _ in range(2):
        found = pictures.batch(np.array([3, 0, 3]))
        np.testing.assert_allclose(found, np.stack([picture(NAMES[row]) for row in (3, 0, 3)]), atol=1e-5)
    assert sorted(set(asked)) == sorted([NAMES[0], NAMES[3]])
    assert asked.count(NAMES[0]) == 1


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed, match="file"):
        Pictures(NAMES, picture, PREPROCESSING, tmp_path / "file" / "pictures")


def test_the_last_blocks_learn_and_the_others_stay(tuning):
    model, run = tuning(TuneRecipe(blocks=1, steps=30, learning_rate=3e-3))
    before = weights(model)
    statistics = {name: values.clone() for name, values in model.network.named_buffers()}
    done = run.run({}, seed=0, resume=False)
    assert done.kept
    changed = {name for name, weight in weights(model).items() if not torch.equal(weight, before[name])}
    last = max(int(name.split(".")[1]) for name in before if name.startswith("_blocks"))
    assert changed
    assert all(name.startswith((f"_blocks.{last}.", "_conv_head", "_bn1")) for name in changed), changed
    assert all(torch.equal(values, statistics[name]) for name, values in model.network.named_buffers())


def test_all_of_a_network_learns_and_finds_more(tuning):
    model, run = tuning(TuneRecipe(blocks=None, steps=30, learning_rate=3e-3))
    before = weights(model)
    done = run.run({}, seed=0, resume=False)
    assert done.before is not None
    assert done.kept
    assert done.result.best_value > done.before + 0.05
    changed = {name for name, weight in weights(model).items() if not torch.equal(weight, before[name])}
    assert "_conv_stem.weight" in changed


def test_what_does_not_help_is_undone(tuning):
    model, run = tuning(TuneRecipe(blocks=None, steps=3, learning_rate=30.0))
    before = weights(model)
    done = run.run({}, seed=0, resume=False)
    assert not done.kept
    assert all(torch.equal(weight, before[name]) for name, weight in weights(model).items())


def test_the_same_run_ends_with_the_same_bits(tuning):
    found = []
    for folder in ("one", "other"):
        model, run = tuning(TuneRecipe(blocks=2, steps=6, learning_rate=1e-3), folder)
        run.run({}, seed=0, resume=False)
        found.append(weights(model))
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])


@pytest.mark.parametrize("wrong", [{"blocks": 0}, {"steps": 0}, {"learning_rate": 0.0}])
def test_a_recipe_outside_its_range_is_refused(wrong):
    with pytest.raises(TrainingRefused, match="fine-tuning"):
        TuneRecipe(**wrong)


class Rows:
    """Pictures in memory."""

    def __init__(self, seed=3):
        self.pictures = torch.randn(40, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(seed))

    def batch(self, rows):
        return self.pictures[rows]


def tuned(**options):
    network = small_levels()
    start = np.random.default_rng(0).normal(size=(network.dimension, 8)).astype(np.float32)
    return TunedNetwork(
        network,
        LinearHead(start, pull=options.pop("pull", 0.0)),
        np.zeros(network.dimension, np.float32),
        Rows(),
        **options,
    )


def test_a_batch_computed_in_parts_has_the_same_gradients():
    rows = torch.arange(40, dtype=torch.float32)[:, None]
    found = []
    for frugal in (False, True):
        model = tuned(frugal=frugal).train()
        model(rows).square().mean().backward()
        found.append({name: weight.grad for name, weight in model.named_parameters()})
    for name, gradient in found[0].items():
        torch.testing.assert_close(found[1][name], gradient, atol=1e-6, rtol=1e-3)


def test_candidates_of_each_query_keep_their_places():
    model = tuned().eval()
    rows = torch.tensor([[[0.0], [1.0]], [[2.0], [0.0]]])
    with torch.no_grad():
        together, alone = model(rows), model(torch.tensor([[0.0], [1.0], [2.0]]))
    assert together.shape == (2, 2, 8)
    torch.testing.assert_close(together[1, 1], alone[0], atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(together[1, 0], alone[2], atol=1e-6, rtol=1e-4)


def test_drawing_back_to_the_start_costs_nothing_there_and_more_the_further_it_is():
    model = tuned(pull=2.0)
    model.remember_start()
    assert model.drift().item() == 0
    costs = []
    for _ in range(2):
        with torch.no_grad():
            for weight in model.network.parameters():
                weight.mul_(1.1)
        costs.append(model.drift().item())
    assert costs[0] == pytest.approx(2 * 0.1**2, rel=1e-3)
    assert costs[1] > costs[0]
    assert tuned().drift().item() == 0


def test_statistics_of_a_random_start_follow_the_batches_and_others_do_not():
    rows = torch.arange(16, dtype=torch.float32)[:, None]
    for follows in (False, True):
        model = tuned(follows=follows).train()
        before = {name: values.clone() for name, values in model.named_buffers()}
        model(rows)
        changed = {name for name, values in model.named_buffers() if not torch.equal(values, before[name])}
        assert any("running_mean" in name for name in changed) == follows


def judged(condensed):
    graded = [
        GradedQuery(query=f"q{number}", images=tuple(f"{number} {image}" for image in range(10)), grades=(3,) * 10)
        for number in range(20)
    ]
    names = {query.query for query in graded} | {image for query in graded for image in query.images}
    return held_out("some", graded, names, GRADED_MEASURES, condensed=condensed), sorted(
        image for query in graded for image in query.images
    )


def test_validation_looks_at_some_images_and_at_all_that_were_shown_where_only_those_count():
    whole, gallery = judged(condensed=False)
    (some,), needed = among([whole], gallery, most=50)
    graded = {image for grades in some.judgements.grades.values() for image in grades}
    assert len(graded) == 50
    assert needed == graded | set(some.judgements.grades)
    condensed, _ = judged(condensed=True)
    (everything,), _ = among([condensed], gallery, most=50)
    assert everything.judgements.grades == condensed.judgements.grades
    assert among([whole], gallery, most=0)[0] == []


def test_a_gain_counts_when_it_is_more_than_chance():
    before = np.array([0.5, 0.6, 0.7, 0.4])
    assert beyond_chance(before, before + np.array([0.1, 0.12, 0.08, 0.1]))
    assert not beyond_chance(before, before + np.array([0.4, -0.3, 0.2, -0.2])), "one query's luck"
    assert not beyond_chance(before, before)
    assert not beyond_chance(before[:1], before[:1] + 0.3), "one query says nothing"
