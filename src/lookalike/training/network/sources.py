"""Training sources: grades, clicks and augmented views, each with its held-out queries."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from lookalike.errors import TrainingRefused
from lookalike.training.examples import (
    ClickPairs,
    GradedQuery,
    Ingredient,
    Mixture,
    NegativeSampler,
    Pair,
    PairSource,
    Part,
    Split,
    graded_by_clicks,
    pairs_by_grade,
)
from lookalike.training.examples.clicks import CALLED_WRONG, CONFIRMED
from lookalike.training.examples.shown import SeenPairs
from lookalike.training.held_out import CLICKED_MEASURES, FOUND_MEASURES, GRADED_MEASURES, HeldOut, held_out
from lookalike.training.network.batches import (
    Features,
    GradedBatches,
    HeadBatch,
    HeadData,
    InBatchPairs,
    PairBatches,
)
from lookalike.training.network.click_batches import ClickBatches, ClickLikelihood, knows_skipped
from lookalike.training.network.objectives import objective
from lookalike.training.rows import DescribedRow

_SPARED = 0.1
_LABELLED_TEMPERATURE = 0.1  # chosen on validation queries of one set of photos, see docs/training.md
_VIEWS_TEMPERATURE = 0.05
_MANY_QUERIES = 1_000  # that were clicked for; a log of fewer is learnt from more slowly, and not by heart
_LIKELIHOOD_PACES = (0.1, 0.3)  # with fewer and with more; chosen with 350 and 2,100, see docs/training.md


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSizes:
    """How large batches are, and how they are drawn.

    Attributes:
        queries: queries, pairs or images in a batch.
        graded: graded images of each query.
        others: random images of the training part besides, shared by the queries.
        candidates: of each pair: its positive and negatives of its own.
        stand_ins: share of queries replaced by one of their best-graded images; see `GradedBatches`.
        seed: of the draws.
    """

    queries: int
    graded: int
    others: int
    candidates: int
    stand_ins: float
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A training source.

    Attributes:
        name: `grades`, `clicks`, `views` or `teacher`.
        share: of the loss, relative to the other sources.
        batch_at: batches by their numbers.
        loss_of: the loss of one.
        counts: how many queries, pairs or images it learns from, for people.
        pace: of a head that learns from nothing else, in learning rates of the recipe.
    """

    name: str
    share: float
    batch_at: Callable[[int], HeadBatch]
    loss_of: Callable[[nn.Module, Any], Tensor]
    counts: Mapping[str, int] = field(default_factory=dict)
    pace: float = 1.0


class MixedSources:
    """Several sources at once: the loss of a step is the sum of theirs, by shares."""

    def __init__(self, sources: Sequence[Source]) -> None:
        if not sources or any(not source.share > 0 for source in sources):
            raise TrainingRefused("choose at least one training source, each with a weight above 0")
        total = sum(source.share for source in sources)
        self._sources = [(source, source.share / total) for source in sources]

    def batch_at(self, number: int) -> tuple[HeadBatch, ...]:
        """One batch of each."""
        return tuple(source.batch_at(number) for source, _ in self._sources)

    def loss_of(self, model: nn.Module, batches: tuple[HeadBatch, ...]) -> Tensor:
        """A scalar."""
        losses = [
            share * source.loss_of(model, batch) for (source, share), batch in zip(self._sources, batches, strict=True)
        ]
        return sum(losses[1:], losses[0])


def graded_source(
    images: HeadData,
    queries: Sequence[GradedQuery],
    split: Split,
    *,
    pool: Sequence[str],
    share: float,
    sizes: BatchSizes,
    loss: str = "listwise",
) -> Source:
    """Learning from grades: of training queries, for training images.

    Args:
        images: of the training part.
        queries: with their grades.
        split: of the images and queries.
        pool: ids of the images that random negatives come from.
        share: of the loss.
        sizes: of the batches.
        loss: its name, in `recipes.LOSSES`.
    """
    mine = split.graded(queries, Part.TRAIN)
    batch_at = (
        _softmax_batches(images, "grades", pairs_by_grade(mine), pool, sizes)
        if loss == "softmax"
        else _graded_batches(images, mine, sizes).batch_at
    )
    grades = sum(len(query.images) for query in mine)
    return Source(
        name="grades",
        share=share,
        batch_at=batch_at,
        loss_of=objective(loss, temperature=_LABELLED_TEMPERATURE),
        counts={"queries": len(mine), "grades": grades},
    )


def _graded_batches(
    images: HeadData, queries: Sequence[GradedQuery], sizes: BatchSizes, *, nearness: Features | None = None
) -> GradedBatches:
    """Lists of graded images; with `nearness`, what is near and was never shown is no negative."""
    return GradedBatches(
        images,
        queries,
        batch=sizes.queries,
        graded=sizes.graded,
        others=sizes.others,
        stand_ins=sizes.stand_ins,
        spared=0.0 if nearness is None else _SPARED,
        nearness=nearness,
        seed=sizes.seed,
    )


def _softmax_batches(
    images: HeadData, source: str, pairs: Sequence[Pair], pool: Sequence[str], sizes: BatchSizes
) -> Callable[[int], HeadBatch]:
    """Each query with one positive and negatives of its own: hard ones first, then random images."""
    return PairBatches(
        images,
        Mixture({source: Ingredient(pairs=pairs)}, seed=sizes.seed),
        NegativeSampler(pool, pairs, images.groups),
        batch=sizes.queries,
        candidates=min(sizes.candidates, max(len(pool) // 2, 2)),
        seed=sizes.seed,
    ).batch_at


def graded_held_out(queries: Sequence[GradedQuery], split: Split, part: Part, known: Collection[str]) -> HeldOut | None:
    """The queries of that part, with all their grades, also of images that were learnt from; None if there is none."""
    mine = [query for query in queries if split.parts.get(query.query) is part]
    return held_out("grades", mine, known, GRADED_MEASURES)


def click_source(
    images: HeadData,
    clicks: ClickPairs,
    pairs: Sequence[Pair],
    split: Split,
    *,
    pool: Sequence[str],
    share: float,
    nearness: Features,
    sizes: BatchSizes,
    loss: str | None = None,
) -> Source:
    """The source for clicks: by default, what people did with everything that was shown should be likely.

    With another loss, or where only clicks were recorded, images clicked more often rank higher, and all of them above
    skipped images.

    Args:
        images: of the training part.
        clicks: what became of them.
        pairs: of them, those that may be used.
        split: of the images.
        pool: ids of the images that random negatives come from.
        share: of the loss.
        nearness: [images, k] float32 unit vectors by the start; what is near and was never shown is no negative.
        sizes: of the batches.
        loss: its name, in `recipes.LOSSES`; None for the likelihood of the clicks, see `ClickLikelihood`.
    """
    mine = split.pairs(pairs, Part.TRAIN)
    if not mine:
        raise TrainingRefused(
            f"clicks: no pair is left to learn from: of {clicks.clicks:,} clicks {clicks.simulated:,} are simulated,"
            f" {clicks.by_bots:,} by bots, {clicks.on_own:,} on own images, {clicks.without_image:,} of searches"
            f" without a whole image, {clicks.repeated:,} repeated and {clicks.too_few:,} of pairs clicked too rarely"
        )
    simulated = sum(pair.source is PairSource.SIMULATED_CLICKS for pair in mine)
    reviewed = {CALLED_WRONG: clicks.called_wrong, CONFIRMED: clicks.confirmed}
    counts = {"pairs by people": len(mine) - simulated, "simulated pairs": simulated, "clicks": clicks.used}
    counts |= {name: count for name, count in reviewed.items() if count}
    known = {name for name in images.image_ids if split.parts.get(name) is Part.TRAIN}
    seen = clicks.seen.only(known.issuperset)
    if loss is None and knows_skipped(seen):
        return _by_likelihood(images, seen, share=share, nearness=nearness, sizes=sizes, counts=counts)
    chosen = loss or "listwise"
    batch_at = (
        _softmax_batches(images, "clicks", mine, pool, sizes)
        if chosen == "softmax"
        else _graded_batches(images, graded_by_clicks(mine), sizes, nearness=nearness).batch_at
    )
    return Source(
        name="clicks",
        share=share,
        batch_at=batch_at,
        loss_of=objective(chosen, temperature=_LABELLED_TEMPERATURE),
        counts=counts,
    )


def _by_likelihood(
    images: HeadData,
    seen: SeenPairs,
    *,
    share: float,
    nearness: Features,
    sizes: BatchSizes,
    counts: Mapping[str, int],
) -> Source:
    """Everything that was shown, clicked or not, by how likely what was done with it is."""
    batches = ClickBatches(
        images,
        seen,
        nearness=nearness,
        batch=sizes.queries,
        shown=2 * sizes.graded,
        others=sizes.others,
        seed=sizes.seed,
    )
    return Source(
        name="clicks",
        share=share,
        batch_at=batches.batch_at,
        loss_of=ClickLikelihood(prior=batches.prior),
        counts={**counts, "shown pairs": batches.pairs},
        pace=_LIKELIHOOD_PACES[len({query for query, _ in seen.pairs}) >= _MANY_QUERIES],
    )


def click_held_out(clicks: ClickPairs, split: Split, part: Part, known: Collection[str]) -> HeldOut | None:
    """Held-out clicks of a part, corrected for where images were shown; only what was shown is judged."""
    mine = [query for query in clicks.seen.rates() if split.parts.get(query.query) is part]
    return held_out("clicks", mine, known, CLICKED_MEASURES, condensed=True)


def view_source(
    images: HeadData,
    views: Mapping[str, Sequence[str]],
    known: Collection[str],
    *,
    share: float,
    batch: int,
    loss: str = "softmax",
) -> Source:
    """Learning without labels: an altered view finds its image among the images of other views.

    Args:
        images: of the training part, and their views.
        views: image id -> names of its views.
        known: names that have features.
        share: of the loss.
        batch: pairs in a batch.
        loss: its name, in `recipes.LOSSES`.
    """
    pairs = [
        Pair(query=name, positive=image_id, source=PairSource.SELF_SUPERVISION)
        for image_id, names in views.items()
        for name in names
        if name in known and image_id in known
    ]
    mixture = Mixture({"views": Ingredient(pairs=pairs)})
    batches = InBatchPairs(images, mixture, answers=pairs, batch=batch)
    return Source(
        name="views",
        share=share,
        batch_at=batches.batch_at,
        loss_of=objective(loss, temperature=_VIEWS_TEMPERATURE),
        counts={"images": len(views), "views": len(pairs)},
    )


def crops_held_out(crops: Mapping[str, str], known: Collection[str]) -> HeldOut | None:
    """A part of an image has to find the image it was cut from."""
    queries = [GradedQuery(query=name, images=(image_id,), grades=(1,)) for image_id, name in crops.items()]
    return held_out("crops", queries, known, FOUND_MEASURES)


def spread(parts: Mapping[str, Part], rows: Iterable[DescribedRow]) -> Split:
    """A division of images, for everything that is of an image too: its parts and its views, by their names."""
    return Split(parts={str(row): parts[row.image_id] for row in rows if row.image_id in parts})
