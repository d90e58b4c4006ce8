"""Descriptors from several depths: their parts, their weights, and that they serve as one graph."""

import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.errors import TrainingRefused
from lookalike.training.network.backbones.efficientnet_lite import EfficientNetLite, Scale
from lookalike.training.network.backbones.levels import MultiLevel
from lookalike.training.network.exporting import to_onnx

SIDE = 64


@pytest.fixture(scope="module")
def network():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return EfficientNetLite(Scale(width=1.0, depth=1.0, size=SIDE)).eval()


@pytest.fixture(scope="module")
def batch():
    return torch.rand(5, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1)) * 2 - 1


def centred(network, batch, weights=None):
    descriptor = MultiLevel(network, weights=weights).eval()
    with torch.no_grad():
        descriptor.centre_on(descriptor.pooled(batch))
    return descriptor


def test_the_last_part_is_what_the_network_gives(network, batch):
    descriptor = MultiLevel(network).eval()
    with torch.no_grad():
        pooled, features = descriptor.pooled(batch), network(batch)
    assert pooled.shape == (5, descriptor.dimension)
    assert torch.equal(pooled[:, -network.dimension :], features)


def test_each_part_has_its_weight_as_length(network, batch):
    weights = [0.1 * (number + 1) for number in range(len(network.level_widths))]
    descriptor = centred(network, batch, weights)
    with torch.no_grad():
        parts = descriptor(batch).split(list(descriptor.part_widths), dim=1)
    for part, weight in zip(parts, weights, strict=True):
        torch.testing.assert_close(part.norm(dim=1), torch.full((5,), weight), rtol=1e-4, atol=1e-5)


def test_cached_parts_give_the_same_descriptor(network, batch):
    descriptor = centred(network, batch)
    with torch.no_grad():
        assert torch.equal(descriptor.weighted(descriptor.pooled(batch)), descriptor(batch))


def test_a_descriptor_does_not_depend_on_its_batch(network, batch):
    descriptor = centred(network, batch)
    with torch.no_grad():
        alone = torch.cat([descriptor(batch[row : row + 1]) for row in range(5)])
        torch.testing.assert_close(descriptor(batch), alone, rtol=1e-3, atol=1e-4)


def test_its_origins_are_kept_with_its_weights(network, batch):
    first, second = centred(network, batch), MultiLevel(network).eval()
    second.load_state_dict(first.state_dict())
    with torch.no_grad():
        assert torch.equal(first(batch), second(batch))


def test_it_is_one_graph(network, batch):
    descriptor = centred(network, batch)
    session = onnxruntime.InferenceSession(to_onnx(descriptor, size=SIDE), providers=["CPUExecutionProvider"])
    served = session.run(None, {session.get_inputs()[0].name: batch.numpy()})[0]
    with torch.no_grad():
        np.testing.assert_allclose(served, descriptor(batch).numpy(), atol=1e-3)


def makes_a_descriptor(weights):
    return len(weights) == 9 and min(weights) >= 0 and any(weights)


@given(weights=st.lists(st.floats(0, 1), min_size=9, max_size=9).filter(makes_a_descriptor))
@settings(deadline=None, max_examples=15)
def test_weights_of_every_part_make_a_descriptor(network, weights):
    assert MultiLevel(network, weights=weights).dimension == sum(network.level_widths)


@given(weights=st.lists(st.floats(-1, 1), max_size=12).filter(lambda weights: not makes_a_descriptor(weights)))
@settings(deadline=None, max_examples=30)
def test_weights_that_make_no_descriptor_are_refused(network, weights):
    with pytest.raises(TrainingRefused, match="one for each of the 9 parts"):
        MultiLevel(network, weights=weights)
