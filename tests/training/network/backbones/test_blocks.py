import torch

from lookalike.training.network.backbones.blocks import Blocked


class Two(Blocked):
    dimension = 4

    def __init__(self):
        super().__init__()
        self.first = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.BatchNorm1d(4))
        self.second = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.BatchNorm1d(4))

    def blocks(self):
        return [self.first, self.second]

    def forward(self, batch):
        return self.second(self.first(batch))


def test_statistics_of_frozen_parts_do_not_follow_the_batches():
    network = Two()
    means = dict(network.named_buffers())
    network.frozen = ("first",)
    assert network.train() is network
    network(torch.randn(8, 4) + 5)
    assert torch.equal(means["first.1.running_mean"], torch.zeros(4))
    assert not torch.equal(means["second.1.running_mean"], torch.zeros(4))
    network.frozen = ()
    network.train()
    network(torch.randn(8, 4) + 5)
    assert not torch.equal(means["first.1.running_mean"], torch.zeros(4))
