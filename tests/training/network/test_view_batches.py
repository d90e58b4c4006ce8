"""Two views of each image, the same whoever makes them; and from them a network learns to know images again."""

import copy

import numpy as np
import pytest
import torch

from lookalike.errors import TrainingRefused
from lookalike.preprocessing import Preprocessing
from lookalike.training.network.loop import LoopSettings, Training
from lookalike.training.network.losses import KeyQueue, follow, moco, nt_xent, same_group
from lookalike.training.network.view_batches import ViewBatches
from lookalike.training.run import RunFolder
from lookalike.training.views import ViewSettings, view

SIZE = 16
VIEWS = ViewSettings(size=SIZE, least_area=0.5, rotation=5, greyscale=0, blur=0)
PLAIN = Preprocessing(size=99, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
IDS = [f"image{number:02}" for number in range(24)]


def read(image_id):
    chance = np.random.default_rng(int(image_id[5:]))
    return np.kron(chance.integers(0, 256, size=(4, 4, 3)), np.ones((6, 6, 1))).astype(np.uint8)


def batches(ids=IDS, **options):
    given = {"views": VIEWS, "preprocessing": PLAIN, "groups": {}, "batch": 8} | options
    return ViewBatches(ids, read, **given)  # type: ignore[arg-type]


def test_batches_do_not_depend_on_workers_nor_on_what_was_drawn_before():
    with batches(workers=1) as one, batches(workers=4) as four:
        for number in (7, 0, 3):
            alone, together = one.batch_at(number), four.batch_at(number)
            assert torch.equal(alone.first, together.first)
            assert torch.equal(alone.second, together.second)
            assert not torch.equal(alone.first, alone.second)


def test_an_epoch_shows_every_image_once_and_the_next_one_otherwise():
    with batches(groups={IDS[0]: "g", IDS[5]: "g"}) as made:
        numbers = [number for place in range(6) for number in made.batch_at(place).groups.tolist()]
    first, second = numbers[:24], numbers[24:]
    assert sorted(first) == sorted(second)
    assert len(set(first)) == 23  # two are near-duplicates
    assert first != second


def test_views_are_normalised_as_the_model_wants():
    still = ViewSettings(size=SIZE, least_area=1, most_aspect=1, flip=0, rotation=0, jitter=0, greyscale=0, blur=0)
    with batches(IDS[:1], batch=1, views=still) as made:
        row = made.batch_at(0).first[0].numpy()
    pixels = view(read(IDS[0]), still, seed=0, epoch=0, image_id=IDS[0])
    assert np.allclose(row, (pixels.transpose(2, 0, 1) / 255 - 0.5) / 0.25, atol=1e-5)


def test_too_few_images_for_a_batch_are_refused():
    with pytest.raises(TrainingRefused, match="7 images do not fill a batch of 8"):
        batches(IDS[:7])


class Momentum(torch.nn.Module):
    """A network, its slow copy and the queue: all that MoCo keeps, so that a checkpoint has it."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.network = torch.nn.Sequential(torch.nn.AvgPool2d(2), torch.nn.Flatten(), torch.nn.Linear(3 * 64, 16))
        self.slow = copy.deepcopy(self.network).requires_grad_(requires_grad=False)
        self.queue = KeyQueue(12, 16)


def simclr(model, batch):
    groups = same_group(batch.groups, batch.groups)
    return nt_xent(model.network(batch.first), model.network(batch.second), never_negative=groups)


def momentum_contrast(model, batch):
    keys = model.slow(batch.second)
    loss = moco(model.network(batch.first), keys, model.queue, groups=batch.groups)
    model.queue.push(keys, batch.groups)
    return loss


def known_again(network):
    """How many images are found by a view that was never trained on."""
    with batches(seed=9, batch=24) as made, torch.no_grad():
        batch = made.batch_at(0)
        first, second = (torch.nn.functional.normalize(network(one), dim=1) for one in (batch.first, batch.second))
    return int(((first @ second.T).argmax(dim=1) == torch.arange(24)).sum())


@pytest.mark.parametrize("loss", [simclr, momentum_contrast])
def test_a_network_learns_to_know_images_again_and_goes_on_exactly(tmp_path, loss):
    def training(folder, steps, model):
        settings = LoopSettings(steps=60, learning_rate=5e-3, checkpoint_minutes=0)
        made = batches(batch=12)
        return Training(
            model=model,
            batch_at=lambda number: made.batch_at(number) if number < steps else pytest.fail("too far"),
            loss_of=loss,
            settings=settings,
            folder=RunFolder(folder),
            after_step=lambda _: follow(model.slow, model.network, momentum=0.9),
        )

    whole = Momentum()
    before = known_again(whole.network)
    training(tmp_path / "whole", 60, whole).run()
    assert known_again(whole.network) > before + 2
    with pytest.raises(pytest.fail.Exception, match="too far"):
        training(tmp_path / "halved", 30, Momentum()).run()
    gone_on = Momentum()
    training(tmp_path / "halved", 60, gone_on).run(resume=True)
    assert all(torch.equal(value, gone_on.state_dict()[name]) for name, value in whole.state_dict().items())
