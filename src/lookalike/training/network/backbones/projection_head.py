"""The projection head: a small network between a backbone and the loss."""

from torch import Tensor, nn


class ProjectionHead(nn.Module):
    """A layer, batch normalisation and ReLU, and a layer; or a single one.

    In SimCLR (Chen et al. 2020, section 4.2) it is thrown away after training; when its output is what is searched by,
    it is part of the model.

    Args:
        inputs: features of the backbone.
        outputs: the embedding's size.
        hidden: of the layer between; 0 for a single linear layer, which a `Projection` can serve.
    """

    def __init__(self, inputs: int, outputs: int, *, hidden: int = 0) -> None:
        super().__init__()
        self.layers: nn.Module = nn.Linear(inputs, outputs, bias=False)
        if hidden:
            first = nn.Linear(inputs, hidden, bias=False)
            self.layers = nn.Sequential(
                first, nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, outputs, bias=False)
            )

    def forward(self, features: Tensor) -> Tensor:
        """[b, inputs] to [b, outputs]."""
        projected: Tensor = self.layers(features)
        return projected


class Embedder(nn.Module):
    """A backbone and its head.

    Attributes:
        backbone: [b, 3, size, size] to [b, d].
        head: [b, d] to [b, outputs].
    """

    def __init__(self, backbone: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def forward(self, batch: Tensor) -> Tensor:
        """[b, 3, size, size] to [b, outputs]."""
        embedded: Tensor = self.head(self.backbone(batch))
        return embedded
