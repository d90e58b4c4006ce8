"""The source for distillation: the vectors of a larger model say which images are similar, without labels.

Hinton et al. 2015, "Distilling the knowledge in a neural network"; of similarities: Fang et al. 2021, "SEED".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from lookalike.neighbors import unit_rows
from lookalike.training.chance import chance_for
from lookalike.training.examples import GradedQuery
from lookalike.training.held_out import TAUGHT_MEASURES, HeldOut, held_out
from lookalike.training.network.batches import HeadBatch, HeadData
from lookalike.training.network.losses import similarity_distillation
from lookalike.training.network.sources import Source
from lookalike.types import Vectors

_NEAREST = 10
_TEMPERATURE = 0.1
_AT_ONCE = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class TaughtLoss:
    """The student's similarities within a batch are drawn to the teacher's; see `losses.similarity_distillation`."""

    temperature: float = _TEMPERATURE

    def __call__(self, model: nn.Module, batch: HeadBatch) -> Tensor:
        """A scalar."""
        return similarity_distillation(
            model(batch.queries), batch.candidates, temperature=self.temperature, teacher_temperature=self.temperature
        )


class TaughtBatches:
    """Images with the teacher's vectors; near-duplicates are never together, for they would be each other's answer.

    Args:
        images: of the training part.
        vectors: [images, e] float32 unit rows that it is drawn to, in the same order; see `both_sides`.
        batch: images in a batch.
        seed: of the draws.
    """

    def __init__(self, images: HeadData, vectors: Vectors, *, batch: int, seed: int) -> None:
        self._features = torch.from_numpy(np.array(images.features))
        self._vectors = torch.from_numpy(np.array(vectors))
        members: dict[str, list[int]] = {}
        for row, image_id in enumerate(images.image_ids):
            members.setdefault(images.groups.get(image_id, image_id), []).append(row)
        self._groups = [members[name] for name in sorted(members)]
        self._size = min(batch, len(self._groups))
        self._seed = seed

    def batch_at(self, number: int) -> HeadBatch:
        """`queries` are the student's features, `candidates` the teacher's vectors of the same images."""
        chance = chance_for("taught", self._seed, number)
        drawn = chance.permutation(len(self._groups))[: self._size].tolist()
        rows = torch.tensor([self._groups[place][chance.integers(len(self._groups[place]))] for place in drawn])
        return HeadBatch(
            queries=self._features[rows],
            candidates=self._vectors[rows],
            targets=torch.arange(len(rows)),
            never_negative=torch.zeros((len(rows), len(rows)), dtype=torch.bool),
        )


def taught_source(images: HeadData, vectors: Vectors, *, share: float, batch: int, seed: int) -> Source:
    """Learning which images a teacher finds alike.

    Args:
        images: of the training part.
        vectors: [images, e] float32 unit rows that it is drawn to, in the same order; see `both_sides`.
        share: of the loss.
        batch: images in a batch.
        seed: of the draws.
    """
    batches = TaughtBatches(images, vectors, batch=batch, seed=seed)
    return Source(
        name="teacher",
        share=share,
        batch_at=batches.batch_at,
        loss_of=TaughtLoss(),
        counts={"images": len(images.image_ids)},
    )


def both_sides(own: Vectors, taught: Vectors) -> Vectors:
    """What a student is drawn to: the mean of its own similarities and the teacher's, [images, d + e] unit rows.

    Drawn to the teacher's alone it forgets what it knew better, which no unlabelled image shows; see
    `distilling.fit_beside`.

    Args:
        own: [images, d] float32 unit rows of the student.
        taught: [images, e] float32 unit rows of the teacher.
    """
    centred = [unit_rows(rows - rows.mean(axis=0)) for rows in (own, taught)]
    both: Vectors = np.hstack(centred) / np.sqrt(2, dtype=np.float32)
    return both


def taught_held_out(queries: Sequence[str], vectors: Mapping[str, Vectors]) -> HeldOut | None:
    """Each image asks for the ten that are nearest to it by the teacher, the nearest three with the higher grade.

    Args:
        queries: image ids that were kept from the student.
        vectors: image id -> unit vector of the teacher, of every image that is searched.
    """
    names = sorted(vectors)
    asked = [name for name in queries if name in vectors]
    if len(names) <= _NEAREST or not asked:
        return None
    gallery = np.stack([vectors[name] for name in names])
    graded = []
    for start in range(0, len(asked), _AT_ONCE):
        part = asked[start : start + _AT_ONCE]
        order = np.argsort(-(np.stack([vectors[name] for name in part]) @ gallery.T), axis=1, kind="stable")
        for query, rows in zip(part, order[:, : _NEAREST + 1].tolist(), strict=True):
            near = tuple(names[row] for row in rows if names[row] != query)[:_NEAREST]
            graded.append(GradedQuery(query=query, images=near, grades=(2,) * 3 + (1,) * (len(near) - 3)))
    return held_out("teacher", graded, set(names), TAUGHT_MEASURES)
