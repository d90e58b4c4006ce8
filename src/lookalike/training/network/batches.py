"""Batches of features that a head, or the network under it, learns from: queries with candidates.

What batch `n` holds depends on the seed and on `n` alone, so that a resumed run gives the same bits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lookalike.errors import TrainingRefused
from lookalike.training.chance import chance_for
from lookalike.training.examples import (
    GradedQuery,
    Mixture,
    NegativeSampler,
    Pair,
    group_numbers,
)
from lookalike.training.network.losses import same_group
from lookalike.training.network.losses.graded import UNJUDGED

_STANDS_IN = 3  # a lesser grade is no promise that two images have the same neighbours

Features: TypeAlias = NDArray[np.float32]
"""Cached features, [images, d] float32: raw descriptors less their projection's mean, or a library's unit vectors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadData:
    """Images with their features, to look examples up in.

    Attributes:
        image_ids: of the images.
        features: [images, d] float32 in the same order.
        groups: image id -> name of its near-duplicate group; an image that is not named is its own.

    Raises:
        TrainingRefused: not as many features as images, or features that are not finite.
    """

    image_ids: Sequence[str]
    features: Features
    groups: Mapping[str, str]

    def __post_init__(self) -> None:
        if self.features.ndim != 2 or len(self.features) != len(self.image_ids):  # noqa: PLR2004
            raise TrainingRefused(f"features of shape {self.features.shape} for {len(self.image_ids)} images")
        if not np.isfinite(self.features).all():
            raise TrainingRefused("a feature is not finite")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeadBatch:
    """Queries with candidates.

    Attributes:
        queries: [b, d] float32.
        candidates: [n, d], shared by the queries, or [b, n, d].
        targets: [b, n] int64 grades, -1 where nobody judged; or [b] int64 labels.
        never_negative: [b, n] bool.
    """

    queries: Tensor
    candidates: Tensor
    targets: Tensor
    never_negative: Tensor


class GradedBatches:
    """Batches of graded queries; the candidates are the images graded for any of them, and random other images."""

    def __init__(
        self,
        images: HeadData,
        queries: Sequence[GradedQuery],
        *,
        batch: int = 32,
        graded: int = 16,
        others: int = 256,
        stand_ins: float = 0.0,
        spared: float = 0.0,
        nearness: Features | None = None,
        seed: int = 0,
    ) -> None:
        """Prepare to draw.

        Args:
            images: the images of the training part. Graded images that are not among them are left out.
            queries: with their grades.
            batch: queries in a batch.
            graded: number of graded images drawn for each query; half of them have a grade above 0, if possible.
            others: number of random images of the whole part.
            stand_ins: probability, 0 to 1, that an image with the query's highest grade (at least 3) replaces the
                query. Images that people call the same have the same neighbours, so few graded queries teach as much
                as many.
            spared: share of the images, those nearest to the query by `nearness`, that are not used as negatives
                unless they were judged: an image that nobody was shown may well be relevant.
            nearness: [images, k] float32 unit vectors for `spared`; required if it is above 0.
            seed: of the random draws; batch `n` depends only on it and on `n`.

        Raises:
            TrainingRefused: no query has a grade above 0 for an image that is here.
        """
        self._rows = {image_id: row for row, image_id in enumerate(images.image_ids)}
        self._features = torch.from_numpy(np.ascontiguousarray(images.features))
        self._groups = group_numbers(images.image_ids, images.groups)
        self._judged = [judged for judged in map(self._known, queries) if judged is not None]
        if not self._judged:
            raise TrainingRefused("no query has a grade above 0 for another of these images: there is nothing to learn")
        self._batch, self._graded, self._others, self._seed = batch, graded, others, seed
        self._stand_ins, self._spared = stand_ins, spared if nearness is not None else 0.0
        self._nearness = nearness

    def _known(self, query: GradedQuery) -> "_Judged | None":
        judged = [
            (self._rows[image], grade)
            for image, grade in zip(query.images, query.grades, strict=True)
            if image in self._rows and image != query.query
        ]
        if query.query not in self._rows or not any(grade > 0 for _, grade in judged):
            return None
        rows, grades = np.array(sorted(judged), np.int64).T
        return _Judged(query=self._rows[query.query], rows=rows, grades=grades)

    def batch_at(self, number: int) -> HeadBatch:
        """The batch of that number."""
        chance = chance_for("graded", self._seed, number)
        count = min(self._batch, len(self._judged))
        chosen = [self._judged[place] for place in chance.choice(len(self._judged), count, replace=False)]
        drawn = [judged.drawn(self._graded, chance) for judged in chosen]
        others = chance.choice(len(self._features), min(self._others, len(self._features)), replace=False)
        candidates = np.unique(np.concatenate([*drawn, others]))
        queries = np.array([judged.asking(self._stand_ins, chance) for judged in chosen])
        asked = zip(chosen, queries.tolist(), strict=True)
        grades = np.stack([judged.grades_of(candidates, asking=row) for judged, row in asked])
        groups = torch.from_numpy(self._groups)
        return HeadBatch(
            queries=self._features[queries],
            candidates=self._features[candidates],
            targets=torch.from_numpy(grades),
            never_negative=same_group(groups[queries], groups[candidates])
            | self._may_answer(queries, candidates, grades),
        )

    def _may_answer(
        self, queries: NDArray[np.int64], candidates: NDArray[np.int64], grades: NDArray[np.int64]
    ) -> Tensor:
        """[b, n] bool: candidates that are not judged and are among the nearest, so not used as negatives."""
        if not self._spared or self._nearness is None:
            return torch.zeros(grades.shape, dtype=torch.bool)
        cosines = self._nearness[queries] @ self._nearness.T
        place = min(int((1 - self._spared) * cosines.shape[1]), cosines.shape[1] - 1)
        least = np.partition(cosines, place, axis=1)[:, place, None]
        return torch.from_numpy((cosines[:, candidates] >= least) & (grades == UNJUDGED))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Judged:
    """A query by its row, with the rows [m] of its graded images, ascending, and their grades [m]."""

    query: int
    rows: NDArray[np.int64]
    grades: NDArray[np.int64]

    def drawn(self, count: int, chance: np.random.Generator) -> NDArray[np.int64]:
        """Rows of at most `count` graded images; at least half are relevant, if there are enough."""
        relevant = chance.permutation(self.rows[self.grades > 0])[
            : max(count // 2, count - int((self.grades <= 0).sum()))
        ]
        rest = chance.permutation(self.rows[self.grades <= 0])[: count - len(relevant)]
        return np.concatenate([relevant, rest])

    def asking(self, stand_ins: float, chance: np.random.Generator) -> int:
        """The row used as the query: the query's own, or that of an image with the highest grade."""
        highest = int(self.grades.max())
        alike = self.rows[self.grades == highest]
        if highest < _STANDS_IN or chance.random() >= stand_ins:
            return self.query
        return int(alike[chance.integers(len(alike))])

    def grades_of(self, rows: NDArray[np.int64], *, asking: int) -> NDArray[np.int64]:
        """Grades of the rows for the query `asking`: -1 if not judged, as is the query itself."""
        places = np.minimum(np.searchsorted(self.rows, rows), len(self.rows) - 1)
        known = np.where(self.rows[places] == rows, self.grades[places], UNJUDGED)
        known[rows == self.query] = self.grades.max()
        known[rows == asking] = UNJUDGED
        return known


class PairBatches:
    """Batches of examples: query, one positive and n - 1 negatives each, drawn from a mixture of sources."""

    def __init__(
        self,
        images: HeadData,
        mixture: Mixture,
        sampler: NegativeSampler,
        *,
        batch: int = 64,
        candidates: int = 32,
        seed: int = 0,
    ) -> None:
        """Prepare to draw.

        Args:
            images: of the part that is trained on; every pair's images must be among them.
            mixture: of pairs.
            sampler: of their negatives, from the same images.
            batch: examples in a batch.
            candidates: of each example.
            seed: of the negatives.
        """
        self._images = _Rows(images)
        self._mixture, self._sampler = mixture, sampler
        self._batch, self._candidates, self._seed = batch, candidates, seed

    def batch_at(self, number: int) -> HeadBatch:
        """The batch of that number.

        Raises:
            TrainingRefused: a pair names an image that is not here, or there are too few images for the negatives.
        """
        chance = chance_for("pairs", self._seed, number)
        pairs = self._mixture.draw(self._batch, step=number)
        examples = [self._sampler.example(pair, candidates=self._candidates, chance=chance) for pair in pairs]
        candidates = np.array([[self._images.row(one) for one in example.candidates] for example in examples])
        return HeadBatch(
            queries=self._images.features[[self._images.row(example.query) for example in examples]],
            candidates=self._images.features[candidates],
            targets=torch.tensor([example.label for example in examples]),
            never_negative=torch.zeros(candidates.shape, dtype=torch.bool),
        )


class InBatchPairs:
    """Batches of pairs whose negatives are the positives of the other pairs: many negatives for the price of none."""

    def __init__(self, images: HeadData, mixture: Mixture, *, answers: Sequence[Pair] = (), batch: int = 256) -> None:
        """Prepare to draw.

        Args:
            images: of the part that is trained on; every pair's images must be among them.
            mixture: of pairs.
            answers: all pairs that are known, so that what answers a query in another pair is not its negative.
            batch: pairs in a batch.
        """
        self._images = _Rows(images)
        self._mixture, self._batch = mixture, batch
        answered = {(self._images.row(pair.query), self._images.row(pair.positive)) for pair in answers}
        self._answers = np.array(sorted(self._pair_number(*pair) for pair in answered), np.int64)

    def batch_at(self, number: int) -> HeadBatch:
        """The batch of that number.

        Raises:
            TrainingRefused: a pair names an image that is not here.
        """
        pairs = self._mixture.draw(self._batch, step=number)
        queries = [self._images.row(pair.query) for pair in pairs]
        positives = [self._images.row(pair.positive) for pair in pairs]
        known = self._known(np.array(queries)[:, None], np.array(positives)[None])
        groups = self._images.groups
        return HeadBatch(
            queries=self._images.features[queries],
            candidates=self._images.features[positives],
            targets=torch.arange(len(pairs)),
            never_negative=known
            | same_group(groups[queries], groups[positives])
            | same_group(groups[positives], groups[positives]),
        )

    def _pair_number(self, query: int, positive: int) -> int:
        return query * len(self._images.features) + positive

    def _known(self, queries: NDArray[np.int64], positives: NDArray[np.int64]) -> Tensor:
        """[b, b] bool: whether that row is known to answer that query."""
        numbers = queries * len(self._images.features) + positives
        if not len(self._answers):
            return torch.zeros(numbers.shape, dtype=torch.bool)
        places = np.minimum(np.searchsorted(self._answers, numbers), len(self._answers) - 1)
        return torch.from_numpy(self._answers[places] == numbers)


class _Rows:
    """Features and groups by row, and the row of an image."""

    def __init__(self, images: HeadData) -> None:
        self.features = torch.from_numpy(np.ascontiguousarray(images.features))
        self.groups = torch.from_numpy(group_numbers(images.image_ids, images.groups))
        self._rows = {image_id: row for row, image_id in enumerate(images.image_ids)}

    def row(self, image_id: str) -> int:
        """Of an image.

        Raises:
            TrainingRefused: it is not here.
        """
        if image_id not in self._rows:
            raise TrainingRefused(f"image {image_id}: is in a pair, but has no features here")
        return self._rows[image_id]
