import pytest
import torch

from lookalike.training.network.ema import AveragedModel


def test_the_average_follows_its_formula():
    model = torch.nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        model.weight.fill_(0)
    average = AveragedModel(model, decay=0.15)
    expected = 0.0
    for update, value in enumerate([1.0, 2.0, 3.0]):
        with torch.no_grad():
            model.weight.fill_(value)
        average.update(model)
        keep = min(0.15, (1 + update) / (10 + update))
        expected = keep * expected + (1 - keep) * value
    (weight,) = average.model.parameters()
    assert weight.item() == pytest.approx(expected)
