"""Only the last blocks learn; what is frozen keeps its weights and its statistics, whoever calls `train`."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.errors import TrainingRefused
from lookalike.training.network.backbones import (
    Embedder,
    MultiLevel,
    ProjectionHead,
    build_backbone,
    train_all,
    train_last_blocks,
)
from lookalike.training.network.backbones.efficientnet_lite import EfficientNetLite, Scale
from lookalike.training.network.loop import LoopSettings, Training
from lookalike.training.run import RunFolder

BLOCKS = {"resnet18-small": 8, "resnet50": 16, "efficientnet-lite0": 16}


def batch(seed=0, size=32):
    return torch.randn(4, 3, size, size, generator=torch.Generator().manual_seed(seed))


def state(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


def one_step(network):
    learning = [weight for weight in network.parameters() if weight.requires_grad]
    optimiser = torch.optim.SGD(learning, lr=0.5)
    network.train()
    network(batch()).square().mean().backward()
    optimiser.step()


def changed(before, network):
    return {name for name, value in network.state_dict().items() if not torch.equal(before[name], value)}


@pytest.mark.parametrize("name", ["resnet18-small", "efficientnet-lite0"])
def test_a_step_changes_the_last_block_and_nothing_before_it(name):
    network = build_backbone(name, weights=None)
    learning = set(train_last_blocks(network, 1))
    before = state(network)
    one_step(network)
    last = {"resnet18-small": ("layer4.1.",), "efficientnet-lite0": ("_blocks.15.", "_conv_head.", "_bn1.")}[name]
    assert all(entry.startswith(last) for entry in changed(before, network))
    assert learning == {entry for entry, _ in network.named_parameters() if entry.startswith(last)}
    assert learning & changed(before, network)
    assert {entry for entry, weight in network.named_parameters() if weight.grad is not None} == learning
    assert any("running_mean" in entry for entry in changed(before, network)), "what learns follows the batches"


@pytest.mark.parametrize(("name", "blocks"), sorted(BLOCKS.items()))
def test_all_blocks_can_learn_but_the_stem_does_not(name, blocks):
    network = build_backbone(name, weights=None)
    assert len(network.blocks()) == blocks
    learning = train_last_blocks(network, blocks)
    stem = ("conv1.", "bn1.", "_conv_stem.", "_bn0.")
    assert set(learning) == {entry for entry, _ in network.named_parameters() if not entry.startswith(stem)}
    with pytest.raises(TrainingRefused, match=f"last blocks {blocks + 1}: .* 0 to {blocks}"):
        train_last_blocks(network, blocks + 1)
    with pytest.raises(TrainingRefused, match="last blocks -1"):
        train_last_blocks(network, -1)


NETWORK = build_backbone("resnet18-small", weights=None)


@settings(deadline=None, max_examples=20)
@given(counts=st.lists(st.integers(0, 8), min_size=2, max_size=2))
def test_more_blocks_learn_more_whatever_was_frozen_before(counts):
    few, many = sorted(counts)
    after_few = set(train_last_blocks(NETWORK, few))
    after_many = set(train_last_blocks(NETWORK, many))
    assert after_few <= after_many
    assert (after_few == after_many) == (few == many)
    NETWORK.train()
    statistics = {name: part for name, part in NETWORK.named_modules() if isinstance(part, torch.nn.BatchNorm2d)}
    follow = {name for name, part in statistics.items() if part.training}
    assert follow == {name for name in statistics if f"{name}.weight" in after_many}


def test_evaluation_mode_is_left_and_copies_stay_frozen():
    network = build_backbone("resnet18-small", weights=None).eval()
    train_last_blocks(network, 2)
    assert not any(part.training for part in network.modules())
    twin = copy.deepcopy(network)
    before = state(twin)
    one_step(twin)
    assert {entry.split(".")[0] for entry in changed(before, twin)} == {"layer4"}
    assert changed(before, network) == set()


def test_a_head_goes_on_learning_and_everything_can_again():
    model = Embedder(build_backbone("resnet18-small", weights=None), ProjectionHead(512, 8, hidden=16))
    names = {name for name, _ in model.named_parameters()}
    assert set(train_last_blocks(model, 0)) == {name for name in names if name.startswith("head.")}
    model.train()
    assert model.head.training
    before = state(model)
    one_step(model)
    assert {entry.split(".")[0] for entry in changed(before, model)} == {"head"}
    assert set(train_all(model)) == names
    one_step(model)
    assert "backbone.bn1.running_mean" in changed(before, model)
    assert "backbone.conv1.weight" in changed(before, model)


def test_a_backbone_inside_another_module_is_found():
    descriptor = MultiLevel(EfficientNetLite(Scale(width=1.0, depth=1.0, size=224)))
    learning = train_last_blocks(descriptor, 1)
    assert learning
    assert all(name.startswith("network.") for name in learning)
    with pytest.raises(TrainingRefused, match="Linear is not cut into blocks"):
        train_last_blocks(torch.nn.Linear(2, 2), 1)


def test_the_loop_leaves_frozen_statistics_alone_also_when_it_resumes(tmp_path):
    def training(steps):
        model = Embedder(build_backbone("resnet18-small", weights=None, seed=3), ProjectionHead(512, 8))
        train_last_blocks(model, 1)
        return Training(
            model=model,
            batch_at=lambda number: batch(number, size=16),
            loss_of=lambda network, pictures: network(pictures).square().mean(),
            settings=LoopSettings(steps=steps, average=0.5),
            folder=RunFolder(tmp_path / str(steps)),
        )

    first = training(3)
    before = state(first.model)
    first.run()
    touched = changed(before, first.model)
    assert touched
    assert all(entry.startswith(("backbone.layer4.1.", "head.")) for entry in touched)
    again = training(3)
    again.run(resume=True)
    assert changed(state(first.model), again.model) == set()
