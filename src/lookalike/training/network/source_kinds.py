"""The table of training sources, each with its batches, its loss and its held-out queries."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from lookalike.embedding import Projection
from lookalike.errors import TrainingRefused
from lookalike.neighbors import unit_rows
from lookalike.training.examples import ClickPairs, GradedQuery, Pair, Part, Split, low_graded
from lookalike.training.extractors import EncoderFeatures
from lookalike.training.held_out import HeldOut
from lookalike.training.library import KnownImages
from lookalike.training.network.batches import Features, HeadData
from lookalike.training.network.sources import (
    BatchSizes,
    Source,
    click_held_out,
    click_source,
    crops_held_out,
    graded_held_out,
    graded_source,
    view_source,
)
from lookalike.training.network.teaching import taught_held_out, taught_source
from lookalike.training.rows import DescribedRow
from lookalike.types import Vectors


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """Labels: grades and clicks of people.

    Attributes:
        graded: queries with grades.
        clicks: pairs from clicks.
        teacher: a larger model, whose vectors are learnt from.
        groups: image id -> a name, for images that must not be divided between training and test; see `--split-by`.
    """

    graded: Sequence[GradedQuery] = ()
    clicks: ClickPairs | None = None
    teacher: EncoderFeatures | None = None
    groups: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """The images of a run and their labels.

    Attributes:
        known: the images.
        labels: what people said.
        pairs: of the clicks, without those whose grade is low.
    """

    known: KnownImages
    labels: Labels
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Material:
    """Everything that is learnt from, described.

    Attributes:
        examples: images and labels.
        rows: images, parts of them, altered views.
        features: [rows, d] float32, the head's inputs less the start's mean.
        start: the projection that the head begins with.
        parts: where each row went, by its name.
        groups: image id -> name of its group.
        crops: image id -> a part of it that is held out.
        views: image id -> its views.
        taught: image id -> the teacher's vector; empty without one.
        wanted: image id -> what the head is drawn to instead: its own vector beside the teacher's.
        refused: image -> why it could not be described.
    """

    examples: Examples
    rows: tuple[DescribedRow, ...]
    features: Features
    start: Projection
    parts: Split
    groups: Mapping[str, str]
    crops: Mapping[str, DescribedRow]
    views: Mapping[str, Sequence[DescribedRow]]
    taught: Mapping[str, Vectors]
    wanted: Mapping[str, Vectors]
    refused: Mapping[str, str]

    @property
    def names(self) -> list[str]:
        """What judgements and labels call the rows."""
        return [str(row) for row in self.rows]

    def rows_of(self, part: Part) -> list[int]:
        """The numbers of a part's rows."""
        return [number for number, name in enumerate(self.names) if self.parts.parts.get(name) is part]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRows:
    """The rows that sources draw from.

    Attributes:
        images: names and inputs of the training part.
        of: their rows in the material.
        whole: which of the names are images, and neither parts nor views.
        sizes: of the batches.
        loss: its name; None for each source's own.
    """

    images: HeadData
    of: Sequence[int]
    whole: Sequence[str]
    sizes: BatchSizes
    loss: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceKind:
    """A kind of source.

    Attributes:
        held_out: the queries of a part that judge what it teaches; None where there is none.
        source: batches and loss over training rows, for a share of the loss.
        yields_to_grades: whether it leaves validation to grades where there are any.
    """

    held_out: Callable[[Material, Part], HeldOut | None]
    source: Callable[[Material, TrainingRows, float], Source]
    yields_to_grades: bool = False


def _grades(material: Material, training: TrainingRows, share: float) -> Source:
    known, kept = set(training.images.image_ids), []
    for query in material.examples.labels.graded:
        here = [(one, grade) for one, grade in zip(query.images, query.grades, strict=True) if one in known]
        if query.query in known and here:
            images, grades = zip(*here, strict=True)
            kept.append(GradedQuery(query=query.query, images=images, grades=grades))
    return graded_source(
        training.images,
        kept,
        material.parts,
        pool=training.whole,
        share=share,
        sizes=training.sizes,
        loss=training.loss or "listwise",
    )


def _clicks(material: Material, training: TrainingRows, share: float) -> Source:
    clicks = material.examples.labels.clicks
    if clicks is None:
        raise TrainingRefused("clicks: none were read")
    known = set(training.images.image_ids)
    low = low_graded(material.examples.labels.graded)
    return click_source(
        training.images,
        replace(clicks, seen=clicks.seen.only(lambda pair: pair not in low)),
        [pair for pair in material.examples.pairs if {pair.query, pair.positive} <= known],
        material.parts,
        pool=training.whole,
        share=share,
        nearness=unit_rows(material.features[training.of] @ material.start.matrix),
        sizes=training.sizes,
        loss=training.loss,
    )


def _views(material: Material, training: TrainingRows, share: float) -> Source:
    known = set(training.images.image_ids)
    views = {
        image_id: [str(row) for row in rows] for image_id, rows in sorted(material.views.items()) if image_id in known
    }
    return view_source(
        training.images, views, known, share=share, batch=4 * training.sizes.queries, loss=training.loss or "softmax"
    )


def _teacher(material: Material, training: TrainingRows, share: float) -> Source:
    images = training.images
    rows = [row for row, name in enumerate(images.image_ids) if name in material.wanted]
    names = [images.image_ids[row] for row in rows]
    return taught_source(
        HeadData(image_ids=names, features=images.features[rows], groups=images.groups),
        np.stack([material.wanted[name] for name in names]),
        share=share,
        batch=4 * training.sizes.queries,
        seed=training.sizes.seed,
    )


def _grades_held_out(material: Material, part: Part) -> HeldOut | None:
    return graded_held_out(material.examples.labels.graded, material.parts, part, set(material.names))


def _clicks_held_out(material: Material, part: Part) -> HeldOut | None:
    clicks = material.examples.labels.clicks
    return None if clicks is None else click_held_out(clicks, material.parts, part, set(material.names))


def _views_held_out(material: Material, part: Part) -> HeldOut | None:
    crops = {image: str(row) for image, row in material.crops.items() if material.parts.parts.get(image) is part}
    return crops_held_out(crops, set(material.names))


def _teacher_held_out(material: Material, part: Part) -> HeldOut | None:
    asked = [image for image in material.examples.known.image_ids if material.parts.parts.get(image) is part]
    return taught_held_out(asked, material.wanted if part is Part.VALIDATION else material.taught)


SOURCES: Mapping[str, SourceKind] = {
    "grades": SourceKind(held_out=_grades_held_out, source=_grades),
    "clicks": SourceKind(held_out=_clicks_held_out, source=_clicks, yields_to_grades=True),
    "views": SourceKind(held_out=_views_held_out, source=_views),
    "teacher": SourceKind(held_out=_teacher_held_out, source=_teacher, yields_to_grades=True),
}
"""Everything that can be learnt from, by the name that `--on` takes."""
