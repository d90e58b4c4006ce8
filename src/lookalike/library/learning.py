"""What training and adapting have in common: what they start from, and what people said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lookalike.embedding import Encoder
from lookalike.errors import CallerError, InternalFault
from lookalike.evaluation.pipeline import find_images_named, read_query_table
from lookalike.library.judging import JudgementSource, judged_queries
from lookalike.library.parts import LibraryParts
from lookalike.preprocessing import Limits
from lookalike.settings import user_path
from lookalike.training.card import CardMaker, HeldOutMeasure, ImageCounts, LabelSource, ModelCard, read_card
from lookalike.training.examples.example import GradedQuery
from lookalike.training.examples.graded import graded_queries
from lookalike.training.extractors import EncoderFeatures, NewModel
from lookalike.training.held_out import Judged
from lookalike.training.library import KnownImages, known_images
from lookalike.training.parity import Parity
from lookalike.training.rows import DescribedRow
from lookalike.training.whitening import least_images

WITH_LEVELS = ("efficientnet-lite0",)
"""Models whose network is known, so that all of its levels can be learnt over."""


@dataclass(frozen=True, kw_only=True)
class LearningStart:
    """What every kind of learning begins with.

    Attributes:
        base: the model to start from.
        known: the library's images.
        limits: for images.
        folder: of what learning keeps in the library.
    """

    base: EncoderFeatures
    known: KnownImages
    limits: Limits
    folder: Path

    @property
    def descriptors(self) -> Path:
        """Where descriptors are kept, for all runs."""
        return self.folder / "descriptors"


def start_of(library: LibraryParts, base: Encoder) -> LearningStart:
    """What learning begins with.

    Args:
        library: with its images.
        base: the model to start from.

    Raises:
        LibraryMissing: nothing was indexed.
        ModelMissing: the base is not on this machine.
    """
    return LearningStart(
        base=EncoderFeatures(base, library.settings.models),
        known=known_images(library.catalog, library.require_live().fingerprint),
        limits=library.limits,
        folder=library.settings.library / "training",
    )


def require_features(features: str) -> None:
    """Refuse what is no choice of `--features`.

    Raises:
        CallerError: it is none.
    """
    if features not in {"auto", "final", "levels"}:
        raise CallerError(f"--features {features}: choose one of auto, final, levels")


def takes_levels(start: LearningStart, features: str, *, images: int, dimension: int | None) -> bool:
    """Whether to learn over all levels of the base's network, rather than over its final features.

    Args:
        start: from which.
        features: what was asked for; `auto` takes levels where there are any, and images enough for them.
        images: about how many there are to learn from.
        dimension: of the vectors; None for the base's.

    Raises:
        CallerError: the base has none, or there is no such choice.
    """
    require_features(features)
    has_levels = start.base.base in WITH_LEVELS
    if features == "levels" and not has_levels:
        raise CallerError(f"--features levels: only available for {', '.join(WITH_LEVELS)}, not for {start.base.base}")
    enough = images >= least_images(dimension or start.base.encoder.dimension)
    return has_levels and (features == "levels" or (features == "auto" and enough))


def graded_in(library: LibraryParts, source: JudgementSource | None) -> tuple[list[GradedQuery], tuple[str, ...]]:
    """Grades of a file or of a set, with what should be said of them; of all sets where none is named.

    Queries that are no indexed image are left out. Where people disagree, the lower median counts.
    """
    if source is None:
        return graded_queries(library.catalog.judgements.settled()), ()
    found = judged_queries(library, replace(source, combine="median"))
    kept = []
    for name, query in found.queries.items():
        if query.image is None or not found.judgements.grades[name]:
            continue
        graded = sorted(found.judgements.grades[name].items())
        kept.append(
            GradedQuery(
                query=str(DescribedRow(image_id=query.image.id, region=query.crop)),
                images=tuple(one for one, _ in graded),
                grades=tuple(grade for _, grade in graded),
            )
        )
    return kept, found.warnings


def kept_together(library: LibraryParts, asked: str | None, images: Path | None) -> dict[str, str]:
    """Image id -> value of a column of a table, for `--split-by TABLE:COLUMN`.

    Raises:
        CallerError: it is not spelled so, or the table says nothing of any image of the library.
    """
    if asked is None:
        return {}
    table, _, column = asked.rpartition(":")
    if not table or not column:
        raise CallerError(f"--split-by {asked}: give a table and one of its columns, such as articles.csv:type")
    path = user_path(table)
    rows = read_query_table(path, group_by=[column])
    folders = [folder.absolute() for folder in (images, path.parent, Path()) if folder is not None]
    named = find_images_named(library.catalog, [row.query.image for row in rows.values()], folders=folders)
    groups = {
        named.images[row.query.image].id: row.groups[column] for row in rows.values() if row.query.image in named.images
    }
    if not groups:
        raise CallerError(f"--split-by {asked}: no image of this library is in that table")
    return groups


def card_of(
    name: str,
    base: EncoderFeatures,
    judged_by: Sequence[Judged],
    *,
    method: str,
    labels: Sequence[LabelSource],
    images: ImageCounts,
    settings: Mapping[str, Any],
    seconds: float,
    notes: Sequence[str] = (),
) -> CardMaker:
    """The card of a new model, but for what is only known once it is written."""

    def finished(fingerprint: str, parity: Parity | None) -> ModelCard:
        return ModelCard(
            name=name,
            base=base.base,
            base_licence=base.licence,
            fingerprint=fingerprint,
            method=method,
            labels=tuple(labels),
            images=images,
            settings=dict(settings),
            measures=tuple(
                HeldOutMeasure.of(str(measure), found, held_out=one.held_out.name)
                for one in judged_by
                for measure, found in one.comparisons.items()
            ),
            parity=parity,
            seconds=round(seconds, 1),
            date=datetime.now(UTC).isoformat(timespec="seconds"),
            notes=tuple(notes),
        )

    return finished


def kept_card(made: NewModel) -> ModelCard:
    """The card that stands beside a model.

    Raises:
        InternalFault: there is none.
    """
    card = read_card(made.status.path)
    if card is None:
        raise InternalFault(f"{made.status.path}: the new model has no card")
    return card
