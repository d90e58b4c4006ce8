"""A lookalike-small that does not ship: one pass of EfficientNet-Lite2, read in four ways that stand side by side.

    pooled   = network(picture)                              means and spreads at nine depths, the centre, the classes
    known    = l2(whitening([sqrt(mean), b sqrt(centre)]))   the features, as they are and in the picture's centre
    named    = sqrt(softmax(classes))                        Google's classifier of 1,000 things (Hellinger's map)
    taught   = l2(ridge(all of it))                          what clip-vit-b16 says, regressed on everything pooled
    textures = l2(whitening(earlier depths))                 colours, textures and parts
    vector   = l2([known, w1 J (named - mean), w2 taught, w3 textures])          J: random axes

Square roots keep the few features that are large from outvoting the many that are small (Arandjelovic and Zisserman
2012, "Three things everyone should know to improve object retrieval"). A kind of thing is told from another along a
few of the 1,000 axes of `named`, and which these are for a kind that nobody has seen is not known: random axes keep all
of them alike (Johnson and Lindenstrauss 1984), principal axes of photos do not.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from lookalike.embedding import Projection, fit_projection

BACKBONE, SIZE = "efficientnet-lite2", 240
KNOWN, NAMED, TAUGHT, TEXTURES, CLASSES = 224, 80, 48, 32, 1_000
"""Values of the vector that each part takes; classes of the classifier."""

NAMED_WEIGHT, TAUGHT_WEIGHT, TEXTURES_WEIGHT = 0.3, 0.3, 0.3
CENTRE_WEIGHT, EARLIER_WEIGHT = 0.7, 0.5
SHRINKAGE, RIDGE = 0.5, 0.1
OF_KINDS = 0.3
"""Share of the photos of kinds.csv in what the whitening is fitted on; the rest are the seven older sets."""


class Pooled(nn.Module):
    """Pooled values of a picture, [b, 3, size, size] to [b, d].

    Args:
        network: EfficientNet-Lite.
        classifier: its weights [1000, 1280] and bias [1000].
    """

    weights: torch.Tensor
    bias: torch.Tensor

    def __init__(self, network, classifier):
        super().__init__()
        self.network, self.widths = network, tuple(network.level_widths)
        self.register_buffer("weights", classifier[0].T.contiguous())
        self.register_buffer("bias", classifier[1])

    def forward(self, batch):
        levels = self.network.levels(batch)
        means = [level.mean((2, 3)) for level in levels]
        centred = [level - mean[:, :, None, None] for level, mean in zip(levels, means, strict=True)]
        spreads = [(level.square().mean((2, 3)) + 1e-6).sqrt() for level in centred]
        edge = levels[-1].shape[-1] // 4
        centre = levels[-1][:, :, edge:-edge, edge:-edge].mean((2, 3))
        return torch.cat([*means, *spreads, centre, means[-1] @ self.weights + self.bias], 1)


class Readings:
    """What parts are made of, told from pooled values, [b, d] each.

    Args:
        widths: of the depths, the features last.
        photos: [photos, d] pooled values that the means of depths are taken from.
    """

    def __init__(self, widths, photos):
        *earlier, last = widths
        self.sizes = [*earlier, last, *earlier, last, last, CLASSES]
        mean, spread, centre = len(earlier), 2 * len(earlier) + 1, 2 * len(earlier) + 2
        self.earlier = [place for place in range(spread) if place != mean]
        self.mean, self.spread, self.centre = mean, spread, centre
        split = self.split(photos)
        self.means = {place: split[place].mean(0) for place in (*self.earlier, mean, spread, centre)}

    def split(self, pooled):
        """Means, spreads, centre and classes; features and their centre as square roots."""
        parts = list(torch.split(pooled, self.sizes, 1))
        for place in (self.mean, self.centre):
            parts[place] = (parts[place].clamp_min(0) + 1e-8).sqrt()
        return parts

    def features(self, pooled):
        """[b, 2560] of the last depth."""
        split = self.split(pooled)
        return torch.cat([split[self.mean], CENTRE_WEIGHT * split[self.centre]], 1)

    def depths(self, pooled):
        """[b, 1776] of the depths before the features."""
        split = self.split(pooled)
        return torch.cat([self.unit(split, place) for place in self.earlier], 1)

    def classes(self, pooled):
        """[b, 1000] square roots of probabilities."""
        return self.split(pooled)[-1].softmax(1).sqrt()

    def everything(self, pooled):
        """[b, 6616] that the ridge regression reads."""
        split = self.split(pooled)
        last = [(self.mean, 1.0), (self.spread, EARLIER_WEIGHT), (self.centre, CENTRE_WEIGHT)]
        weighted = [weight * self.unit(split, place) for place, weight in last]
        return torch.cat([EARLIER_WEIGHT * self.depths(pooled), *weighted, self.classes(pooled)], 1)

    def unit(self, split, place):
        """[b, width] rows of length 1 of a depth, minus its mean."""
        return functional.normalize(split[place] - self.means[place], dim=1)


class Parts(nn.Module):
    """The four parts of pooled values, [b, d] to [b, KNOWN + CLASSES + TAUGHT + TEXTURES].

    Args:
        readings: of the pooled values.
        fitted: projections of `features`, `everything` and `depths`.
    """

    def __init__(self, readings, fitted):
        super().__init__()
        self.readings = readings
        for name, projection in zip(("known", "taught", "textures"), fitted, strict=True):
            self.register_buffer(f"{name}_mean", torch.from_numpy(np.array(projection.mean, np.float32)))
            self.register_buffer(f"{name}_axes", torch.from_numpy(np.array(projection.matrix, np.float32)))

    def forward(self, pooled):
        read = self.readings
        known = (read.features(pooled) - self.known_mean) @ self.known_axes
        taught = (read.everything(pooled) - self.taught_mean) @ self.taught_axes
        textures = (read.depths(pooled) - self.textures_mean) @ self.textures_axes
        known, taught, textures = (functional.normalize(one, dim=1) for one in (known, taught, textures))
        return torch.cat([known, read.classes(pooled), taught, textures], 1)


# -- what is fitted


@dataclass(frozen=True, kw_only=True, eq=False)
class Learned:
    """Photos that parts are fitted on.

    Attributes:
        kinds: [photos, d] pooled values of photos of kinds.csv.
        weights: [photos], how much each counts.
        sets: the same of the seven sets that the whitening of efficientnet-lite0 was fitted on.
        sets_weights: [photos of the sets].
        taught: [photos] bool, which of `kinds` the teacher has described.
        teacher: [taught photos, 256] its vectors.
    """

    kinds: torch.Tensor
    weights: np.ndarray
    sets: torch.Tensor
    sets_weights: np.ndarray
    taught: np.ndarray
    teacher: np.ndarray


def fitted_parts(readings, learned):
    """The parts, and the projection of what they give to vectors of KNOWN + NAMED + TAUGHT + TEXTURES values."""
    known, textures = (
        whitening(read, learned, size) for read, size in ((readings.features, KNOWN), (readings.depths, TEXTURES))
    )
    parts = Parts(readings, (known, ridge(readings, learned), textures)).eval()
    return parts, *joining(parts(learned.kinds).numpy(), learned.weights)


def whitening(read, learned, dimension):
    rows = torch.cat([read(learned.sets), read(learned.kinds)]).numpy()
    shares = [
        (1 - OF_KINDS) * learned.sets_weights / learned.sets_weights.sum(),
        OF_KINDS * learned.weights / learned.weights.sum(),
    ]
    return fit_projection(rows, dimension=dimension, shrinkage=SHRINKAGE, weights=np.concatenate(shares))


def ridge(readings, learned):
    """Ridge regression from everything pooled to the teacher's vectors, on its TAUGHT principal axes.

    There are more values than photos, so it is solved in its dual form.
    """
    every = readings.everything(learned.kinds).numpy()
    share = learned.weights[learned.taught] / learned.weights[learned.taught].sum()
    rows, wanted = every[learned.taught], learned.teacher
    mean = (share @ rows).astype(np.float32)
    roots = np.sqrt(share * len(share)).astype(np.float32)[:, None]
    rows, wanted = (rows - mean) * roots, (wanted - share @ wanted).astype(np.float32) * roots
    strength = np.float32(RIDGE * np.square(rows).sum() / len(rows))
    solved = np.linalg.solve(rows @ rows.T + strength * np.eye(len(rows), dtype=np.float32), wanted)
    matrix = rows.T @ solved
    told = ((every - mean) @ matrix).astype(np.float64)
    axes = np.linalg.eigh((told * learned.weights[:, None]).T @ told)[1][:, ::-1][:, :TAUGHT]
    return Projection(mean=mean, matrix=matrix @ axes.astype(np.float32), reference_cosines=np.zeros(0, np.float32))


def joining(parts, weights):
    """The mean and matrix that make one vector of the parts.

    Args:
        parts: [photos, d] of the photos that the mean of `named` is taken from.
        weights: [photos], how much each counts.
    """
    named = slice(KNOWN, KNOWN + CLASSES)
    drawn = np.linalg.qr(np.random.default_rng(0).standard_normal((CLASSES, NAMED)))[0] * np.sqrt(CLASSES / NAMED)
    mean = np.zeros(parts.shape[1], np.float32)
    mean[named] = weights / weights.sum() @ parts[:, named]
    matrix = np.zeros((parts.shape[1], KNOWN + NAMED + TAUGHT + TEXTURES))
    matrix[:KNOWN, :KNOWN] = np.eye(KNOWN)
    matrix[named, KNOWN : KNOWN + NAMED] = NAMED_WEIGHT * drawn
    after = np.repeat([TAUGHT_WEIGHT, TEXTURES_WEIGHT], [TAUGHT, TEXTURES])
    matrix[KNOWN + CLASSES :, KNOWN + NAMED :] = np.diag(after)
    return mean, matrix.astype(np.float16).astype(np.float32)
