"""The network of lookalike-small: one pass of EfficientNet-Lite0, read in three ways that stand side by side.

    features, levels = network(picture)                       pooled features; means and spreads at nine depths
    known  = l2(whitening(features))                          efficientnet-lite0's own projection, its first axes
    named  = sqrt(softmax(classifier(features)))              Google's classifier of 1,000 things (Hellinger's map)
    taught = l2(head(levels))                                 what clip-vit-b16 taught the first lookalike-small
    vector = l2([known, a J (named - mean), b U taught])      J: random axes, U: principal axes

The weights of the network lie on the line between EfficientNet-Lite0's and those of the first lookalike-small, which
clip-vit-b16 taught and which had forgotten much of what EfficientNet-Lite0 knew (Wortsman et al. 2022, "Robust
fine-tuning of zero-shot models"). A kind of thing is told from another along a few of the 1,000 axes of `named`, and
which these are for a kind that nobody has seen is not known: random axes keep all of them alike (Johnson and
Lindenstrauss 1984), principal axes of photos do not.
"""

import subprocess

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn
from torch.nn import functional

from lookalike.embedding.projection import Projection

SHARE = 0.2
"""Of the first lookalike-small in the averaged weights."""

KNOWN, NAMED, TAUGHT = 224, 80, 80
"""Values of the vector that each part takes."""

NAMED_WEIGHT, TAUGHT_WEIGHT = 0.5, 0.6
EARLIER_WEIGHT, FINAL_WEIGHT, CLASSES = 0.5, 1.0, 1_000
FIRST = "171b26430a5a64597da06014e058e047afbfab66"
"""The last commit whose package has the first lookalike-small, and benchmarks/lookalike_small.py that taught it."""


class Pooled(nn.Module):
    """Means and spreads over the picture at nine depths, [b, 3, size, size] to [b, 4192]."""

    def __init__(self, network):
        super().__init__()
        self.network = network
        self.widths = tuple(network.level_widths) * 2

    def forward(self, batch):
        levels = self.network.levels(batch)
        means = [level.mean((2, 3)) for level in levels]
        centred = [level - mean[:, :, None, None] for level, mean in zip(levels, means, strict=True)]
        return torch.cat([*means, *[(level.square().mean((2, 3)) + 1e-6).sqrt() for level in centred]], 1)


class Parts(nn.Module):
    """The three parts of pooled values, [b, 4192] to [b, KNOWN + CLASSES + 256].

    Args:
        widths: of the pooled values' depths.
        base: projection of efficientnet-lite0.
        classifier: [1000, 1280] weights and [1000] bias of EfficientNet-Lite0.
        first: means that the first lookalike-small takes from pooled values, and its projection.
    """

    base_mean: torch.Tensor
    base_matrix: torch.Tensor
    classes_matrix: torch.Tensor
    classes_bias: torch.Tensor
    level_means: torch.Tensor
    head_mean: torch.Tensor
    head_matrix: torch.Tensor

    def __init__(self, widths, base, classifier, first):
        super().__init__()
        self.widths = widths
        depths = len(widths) // 2
        self.features = slice(sum(widths[: depths - 1]), sum(widths[:depths]))
        self.weights = ((EARLIER_WEIGHT,) * (depths - 1) + (FINAL_WEIGHT,)) * 2
        means, head = first
        for name, values in {
            "base_mean": base.mean,
            "base_matrix": base.matrix[:, :KNOWN],
            "classes_matrix": classifier[0].numpy().T,
            "classes_bias": classifier[1].numpy(),
            "level_means": means,
            "head_mean": head.mean,
            "head_matrix": head.matrix,
        }.items():
            self.register_buffer(name, torch.from_numpy(np.array(values, np.float32)))

    def forward(self, pooled):
        features = pooled[:, self.features]
        known = functional.normalize((features - self.base_mean) @ self.base_matrix, dim=1)
        named = (features @ self.classes_matrix + self.classes_bias).softmax(1).sqrt()
        depths = torch.split(pooled - self.level_means, list(self.widths), 1)
        weighted = [functional.normalize(one, dim=1) * weight for one, weight in zip(depths, self.weights, strict=True)]
        taught = functional.normalize((torch.cat(weighted, 1) - self.head_mean) @ self.head_matrix, dim=1)
        return torch.cat([known, named, taught], 1)


def joining(parts, weights):
    """The mean and matrix that make one vector of the parts, [KNOWN + CLASSES + 256] to [KNOWN + NAMED + TAUGHT].

    Args:
        parts: [photos, d] of the photos that the mean of `named` and the axes of `taught` are taken from.
        weights: [photos], how much each counts.
    """
    share = weights / weights.sum()
    taught = parts[:, KNOWN + CLASSES :].astype(np.float64)
    centred = taught - share @ taught
    axes = np.linalg.eigh((centred * share[:, None]).T @ centred)[1][:, ::-1][:, :TAUGHT]
    drawn = np.linalg.qr(np.random.default_rng(0).standard_normal((CLASSES, NAMED)))[0] * np.sqrt(CLASSES / NAMED)
    mean = np.zeros(parts.shape[1], np.float32)
    mean[KNOWN : KNOWN + CLASSES] = share @ parts[:, KNOWN : KNOWN + CLASSES]
    matrix = np.zeros((parts.shape[1], KNOWN + NAMED + TAUGHT))
    matrix[:KNOWN, :KNOWN] = np.eye(KNOWN)
    matrix[KNOWN : KNOWN + CLASSES, KNOWN : KNOWN + NAMED] = NAMED_WEIGHT * drawn
    matrix[KNOWN + CLASSES :, KNOWN + NAMED :] = TAUGHT_WEIGHT * axes
    return mean, matrix.astype(np.float16).astype(np.float32)


# -- where the weights come from


def averaged(network, first):
    """EfficientNet-Lite0 with normalisation folded, moved by SHARE towards the first lookalike-small."""
    own = folded(network).state_dict()
    network.load_state_dict({key: (1 - SHARE) * own[key] + SHARE * first[key] for key in own})
    return network


def folded(network):
    """Batch normalisation becomes part of the convolutions before it: a fifth less to compute."""
    network.eval()
    for part in list(network.modules()):
        named = dict(part.named_children())
        convolutions = [name for name, child in named.items() if isinstance(child, nn.Conv2d)]
        norms = [name for name, child in named.items() if isinstance(child, nn.BatchNorm2d)]
        for convolution, norm in zip(convolutions, norms, strict=True):
            setattr(part, convolution, nn.utils.fuse_conv_bn_eval(named[convolution], named[norm]))
            setattr(part, norm, nn.Identity())
    return network


def first_small(project, folder):
    """Weights of the first lookalike-small, the means of its pooled values and its projection, out of the history."""
    for ending in ("onnx", "npz"):
        file = folder / f"first.{ending}"
        if not file.exists():
            path = f"{FIRST}:src/lookalike/embedding/models/lookalike-small.{ending}"
            file.write_bytes(subprocess.run(["git", "show", path], cwd=project, check=True, capture_output=True).stdout)
    graph = onnx.load(folder / "first.onnx").graph
    stored = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    weights = {}
    for name, values in stored.items():
        if name.startswith("student.network.") and not name.endswith(".scales"):
            scales = stored.get(name.removesuffix(".stored") + ".scales", np.ones(1, np.float32))
            key = name.removeprefix("student.network.").removesuffix(".stored")
            shaped = scales.reshape(-1, *[1] * (values.ndim - 1)) if name.endswith(".stored") else 1
            weights[key] = torch.from_numpy(np.array(values * shaped, np.float32))
    return weights, (stored["student.means"], Projection.load(folder / "first.npz"))
