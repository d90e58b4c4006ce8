"""SimCLR and MoCo: a network that starts at random learns to find an image by a part of it."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch

from lookalike.errors import ImageRefused, TrainingRefused
from lookalike.preprocessing import Preprocessing, transform
from lookalike.progress import Silent
from lookalike.training.examples import GradedQuery
from lookalike.training.held_out import FOUND_MEASURES, held_out
from lookalike.training.network.backbones.efficientnet_lite import EfficientNetLite, Scale
from lookalike.training.network.interrupting import StopRequest
from lookalike.training.network.loop import Stopped
from lookalike.training.network.pretraining import (
    MoCo,
    NetworkValidation,
    PretrainingImages,
    ReadPixels,
    SimClr,
    pretrain,
)
from lookalike.training.network.view_batches import ViewBatch
from lookalike.training.recipes import PretrainRecipe
from lookalike.training.run import RunFolder
from lookalike.training.views import ViewSettings, view

SIZE = 32
IDS = [f"image {number}" for number in range(48)]
PREPROCESSING = Preprocessing(size=SIZE, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
CUT = ViewSettings(size=SIZE, least_area=0.4, rotation=0, jitter=0, greyscale=0, blur=0)
LOSSES = ("nt-xent", "moco")


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Two test processes share the machine, and sums do not depend on how work is split."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def pixels(image_id):
    """Coarse noise, [40, 40, 3]; every image is another."""
    chance = np.random.default_rng(int(image_id.split()[1]))
    return np.kron(chance.integers(0, 256, size=(5, 5, 3)), np.ones((8, 8, 1))).astype(np.uint8)


def part_of(image_id):
    """The name of a part of an image."""
    return f"{image_id}#xywh=percent:10,10,80,80"


def prepared(name):
    """An image, or a part of it where the name says so."""
    image_id, _, part = name.partition("#")
    shown = view(pixels(image_id), CUT, seed=1, epoch=0, image_id=image_id) if part else pixels(image_id)
    return transform(shown, PREPROCESSING)


def small_network():
    torch.manual_seed(0)
    return EfficientNetLite(Scale(width=0.25, depth=0.3, size=SIZE)).eval()


def images(groups=None):
    return PretrainingImages(image_ids=IDS, read=pixels, groups=groups or {}, preprocessing=PREPROCESSING)


def validation(folder, *, queries=True):
    graded = [GradedQuery(query=part_of(one), images=(one,), grades=(1,)) for one in IDS[:24]]
    names = {*IDS, *(query.query for query in graded)}
    parts = held_out("crops", graded, names, FOUND_MEASURES)
    return NetworkValidation([parts] if queries and parts else [], IDS, prepared, PREPROCESSING, folder=folder)


def run(folder, network, loss, *, progress=None, resume=False, queries=True, **recipe):
    given = {"steps": 30, "batch": 16, "learning_rate": 0.1} | recipe
    with validation(folder, queries=queries) as judged:
        return pretrain(
            network,
            PretrainRecipe(loss=loss, **given),
            images(),
            validation=judged,
            folder=RunFolder(folder),
            progress=progress or Silent(),
            seed=3,
            resume=resume,
        )


def recall(network):
    """Recall@1 of parts of images among the images."""
    with torch.no_grad():
        asked, known = (
            torch.nn.functional.normalize(network(torch.from_numpy(np.stack([prepared(one) for one in names]))))
            for names in ([part_of(one) for one in IDS], IDS)
        )
    return float(((asked @ known.T).argmax(dim=1) == torch.arange(len(IDS))).double().mean())


@pytest.mark.parametrize("loss", LOSSES)
def test_a_network_that_starts_at_random_finds_more_images_by_a_part_of_them(tmp_path, loss):
    network = small_network()
    before = recall(network)
    done = run(tmp_path, network, loss, steps=60)
    assert done.stopped is Stopped.FINISHED
    assert recall(network) >= before + 0.1
    assert not network.training
    assert not list(tmp_path.glob("*.u8")), "what was only needed on the way is gone"


class StopAfter(Silent):
    """Somebody asks to stop during a step, as by Ctrl-C."""

    def __init__(self, steps):
        self.left, self.learning, self.request = steps, False, StopRequest()

    def stage(self, name, total=None):
        self.learning = name == "Learning"

    def advance(self, steps=1):
        self.left -= self.learning
        self.request.made = self.left == 0


@pytest.mark.parametrize("loss", LOSSES)
def test_an_interrupted_run_goes_on_to_the_same_bits(tmp_path, loss, monkeypatch):
    whole, halved, resumed = small_network(), small_network(), small_network()
    run(tmp_path / "whole", whole, loss, steps=8)
    asked = StopAfter(5)
    with monkeypatch.context() as patched:
        patched.setattr("lookalike.training.network.loop.stop_requests", lambda: nullcontext(asked.request))
        stopped = run(tmp_path / "halved", halved, loss, steps=8, progress=asked)
    assert (stopped.stopped, stopped.steps) == (Stopped.INTERRUPTED, 5)
    assert run(tmp_path / "halved", resumed, loss, steps=8, resume=True).steps == 8
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_a_run_goes_on_only_with_the_same_settings(tmp_path):
    run(tmp_path, small_network(), "moco", steps=2)
    with pytest.raises(TrainingRefused, match="cannot be resumed with other settings"):
        run(tmp_path, small_network(), "moco", steps=2, momentum=0.5, resume=True)


def test_without_queries_the_last_weights_are_kept(tmp_path):
    done = run(tmp_path, small_network(), "nt-xent", steps=2, queries=False)
    assert (done.steps, done.best_step) == (2, None)


def test_too_few_images_are_refused(tmp_path):
    few = PretrainingImages(image_ids=IDS[:7], read=pixels, groups={}, preprocessing=PREPROCESSING)
    with validation(tmp_path) as judged, pytest.raises(TrainingRefused, match="7 images are too few"):
        pretrain(
            small_network(),
            PretrainRecipe(loss="moco"),
            few,
            validation=judged,
            folder=RunFolder(tmp_path),
            progress=Silent(),
            seed=0,
            resume=False,
        )


def batch(groups):
    chance = torch.Generator().manual_seed(0)
    first, second = (torch.randn(len(groups), 3, SIZE, SIZE, generator=chance) for _ in range(2))
    return ViewBatch(first=first, second=second, groups=torch.tensor(groups))


@pytest.mark.parametrize("method", [SimClr, MoCo])
def test_near_duplicates_do_not_push_each_other_away(method):
    losses = []
    for groups in ([0, 1, 2, 3], [0, 0, 2, 2]):
        torch.manual_seed(0)
        model = method(small_network(), PretrainRecipe(loss="moco", outputs=8), images=100)
        model.loss(batch(groups))
        losses.append(float(model.loss(batch(groups)).detach()))
    assert losses[1] < losses[0]


def test_keys_come_from_a_copy_that_follows_slowly_and_fill_a_queue_no_larger_than_the_library():
    model = MoCo(small_network(), PretrainRecipe(loss="moco", momentum=0.9, outputs=8), images=6)
    copy, own = (dict(one.named_parameters())["head.layers.0.weight"] for one in (model.key_encoder, model.embedder))
    assert torch.equal(copy, own)
    with torch.no_grad():
        own += 1
    model.after_step()
    torch.testing.assert_close(own - copy, torch.full_like(own, 0.9))
    assert not copy.requires_grad
    for _ in range(2):
        model.loss(batch([0, 1, 2, 3]))
    vectors, groups = model.queue.keys()
    assert vectors.shape == (6, 8)
    assert groups.tolist() == [2, 3, 2, 3, 0, 1], "the oldest went first"


def test_keys_are_in_the_order_of_their_images():
    model = MoCo(small_network(), PretrainRecipe(loss="moco", outputs=8), images=6).eval()
    views = batch([0, 1, 2, 3, 4]).second
    with torch.no_grad():
        torch.testing.assert_close(model._keys(views), model.key_encoder(views), atol=1e-5, rtol=1e-4)


def test_an_image_that_cannot_be_read_is_left_out():
    def read(image_id):
        if image_id == IDS[1]:
            raise ImageRefused(image_id, "unreadable", "is damaged")
        return pixels(image_id)

    assert ReadPixels(read).readable(IDS[:3], Silent()) == [IDS[0], IDS[2]]


def test_pixels_are_kept_as_long_as_there_is_room(monkeypatch):
    asked = []

    def read(image_id):
        asked.append(image_id)
        return pixels(image_id)

    monkeypatch.setattr("lookalike.training.network.pretraining._KEPT_BYTES", 2 * 40 * 40 * 3)
    kept = ReadPixels(read)
    for _ in range(2):
        for image_id in IDS[:3]:
            np.testing.assert_array_equal(kept(image_id), pixels(image_id))
    assert asked == [*IDS[:3], IDS[2]]
