"""What `train` and `adapt` have in common: which model they start from, what people said, and how results are told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from lookalike.assembly import Library, image_limits
from lookalike.cli.judging import Asked, judged
from lookalike.cli.output import advised, console, messages, plain_table, printable
from lookalike.embedding.descriptions import checked_name
from lookalike.embedding.registry import is_packaged
from lookalike.errors import CallerError, LibraryMissing, ModelRefused
from lookalike.evaluation.pipeline import find_images_named, read_query_table
from lookalike.evaluation.report.wording import decimal, signed, span
from lookalike.preprocessing import Limits
from lookalike.settings import Settings, user_path
from lookalike.training.card import HeldOutMeasure, ImageCounts, LabelSource, ModelCard
from lookalike.training.examples.example import GradedQuery
from lookalike.training.examples.graded import graded_queries
from lookalike.training.extractors import EncoderFeatures, FeatureExtractor, NewModel
from lookalike.training.held_out import Judged
from lookalike.training.library import KnownImages, known_images
from lookalike.training.whitening import least_images

WITH_LEVELS = ("efficientnet-lite0",)
"""Models whose network is known, so that all of its levels can be learnt over."""

NewNameArgument = Annotated[str, typer.Argument(metavar="NAME", help="What the new model is to be called.")]
FromOption = Annotated[
    str | None,
    typer.Option("--from", metavar="MODEL", help="The model to start from; the one that answers, if not given."),
]
GradesOption = Annotated[
    str | None,
    typer.Option(
        metavar="JUDGEMENTS",
        help="Grades: a file, or a judgement set of this library; all of its grades, if not given.",
    ),
]
MostImagesOption = Annotated[
    int, typer.Option("--most-images", min=8, help="Images to describe; those that are judged come first.")
]


@dataclass(frozen=True, kw_only=True)
class Start:
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


def start_of(library: Library) -> Start:
    """What learning begins with, in an opened library.

    Raises:
        LibraryMissing: nothing was indexed.
        ModelMissing: the base is not on this machine.
    """
    live = library.catalog.live_model()
    if live is None:
        raise LibraryMissing("nothing was indexed here yet: run `lookalike index FOLDER` first")
    return Start(
        base=EncoderFeatures(library.encoder, library.settings.models),
        known=known_images(library.catalog, live.fingerprint),
        limits=image_limits(library.settings),
        folder=library.settings.library / "training",
    )


def require_new_name(name: str, base: str) -> None:
    """Refuse a name that the new model cannot have, before hours are spent on it.

    Raises:
        ModelRefused: it is no name, the base's, or that of a model that comes with lookalike.
    """
    if checked_name(name) == base:
        raise ModelRefused(f"{name!r} is the model it is made from; choose another name")
    if is_packaged(name):
        raise ModelRefused(f"{name!r} is a model that comes with lookalike; choose another name")


def require_features(features: str) -> None:
    """Refuse what is no choice of `--features`.

    Raises:
        CallerError: it is none.
    """
    if features not in {"auto", "final", "levels"}:
        raise CallerError(f"--features {features}: choose one of auto, final, levels")


def takes_levels(start: Start, features: str, *, images: int, dimension: int | None) -> bool:
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
        raise CallerError(f"--features levels: only for {', '.join(WITH_LEVELS)}; {start.base.base} has none here")
    enough = images >= least_images(dimension or start.base.encoder.dimension)
    return has_levels and (features == "levels" or (features == "auto" and enough))


def levels_of(library: Library, start: Start, *, labelled: bool) -> FeatureExtractor:
    """All levels of the base's network, to learn over.

    Raises:
        FetchFailed: the network's weights could not be had.
        DependencyMissing: torch is not installed.
    """
    from lookalike.training.network.extractors import LevelFeatures  # noqa: PLC0415 - torch is an extra

    return LevelFeatures(
        start.base.base,
        folder=start.folder / "backbones",
        models=library.settings.models,
        threads=library.settings.threads or None,
        labelled=labelled,
    )


def graded_in(library: Library, judgements: str | None, queries: Path | None, images: Path | None) -> list[GradedQuery]:
    """Grades of a file or of a set; of all sets where none is named. Queries that are no indexed image are left out.

    Where people disagree, the lower median counts.
    """
    if judgements is None:
        return graded_queries(library.catalog.grades())
    found = judged(library, Asked(judgements=judgements, queries=queries, images=images, combine="median"))
    for warning in found.warnings:
        messages.print(printable(f"Note: {warning}"), style="yellow", soft_wrap=True)
    kept = []
    for name, query in found.queries.items():
        if query.image is None or not found.judgements.grades[name]:
            continue
        part = query.crop
        spelled = query.image.id
        if part is not None:
            numbers = ",".join(f"{100 * value:.8g}" for value in (part.x, part.y, part.width, part.height))
            spelled = f"{spelled}#xywh=percent:{numbers}"
        graded = sorted(found.judgements.grades[name].items())
        kept.append(
            GradedQuery(
                query=spelled, images=tuple(one for one, _ in graded), grades=tuple(grade for _, grade in graded)
            )
        )
    return kept


def kept_together(library: Library, asked: str | None, images: Path | None) -> dict[str, str]:
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
    made: NewModel,
    base: EncoderFeatures,
    judged_by: Sequence[Judged],
    *,
    method: str,
    labels: Sequence[LabelSource],
    images: ImageCounts,
    settings: dict[str, Any],
    seconds: float,
    notes: Sequence[str] = (),
) -> ModelCard:
    """A card of what was made, kept beside the model."""
    description = made.status.description
    card = ModelCard(
        name=description.name,
        base=base.base,
        base_licence=base.licence,
        fingerprint=made.status.fingerprint or "",
        method=method,
        labels=tuple(labels),
        images=images,
        settings=settings,
        measures=tuple(
            HeldOutMeasure.of(str(measure), found, held_out=one.held_out.name)
            for one in judged_by
            for measure, found in one.comparisons.items()
        ),
        parity=made.parity,
        seconds=round(seconds, 1),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        notes=tuple(notes),
    )
    card.save(made.status.path)
    return card


def print_judged(name: str, base: str, judged_by: Sequence[Judged]) -> None:
    """A row a measure of each kind of held-out queries."""
    console.print(printable(f"{name} (new) against {base} (base), on queries that nothing was learnt from:"))
    table = plain_table("held out", "measure", "new", "base", "difference", "", "95 % interval")
    for one in judged_by:
        for measure, found in one.comparisons.items():
            relative = f"{100 * (found.first / found.second - 1):+.1f} %" if found.second else ""
            table.add_row(
                f"{found.queries:,} {one.held_out.name}",
                str(measure),
                decimal(found.first, 4),
                decimal(found.second, 4),
                signed(found.difference.mean, 4),
                relative,
                span(found.difference, signs=True),
            )
    console.print_table(table)


def tell_refused(refused: dict[str, str]) -> None:
    """How many images could not be described, with an example."""
    if refused:
        first = next(iter(refused.items()))
        messages.print(
            printable(f"Note: {len(refused):,} images could not be described ({first[0]}: {first[1]})"),
            style="yellow",
            soft_wrap=True,
        )


def tell_next(settings: Settings, name: str, held_out: Path | None) -> None:
    """What to do with the new model."""
    judgements = ["--judgements", str(held_out)] if held_out else []
    promote = advised(settings, "models", "promote", name, *judgements)
    show = f"`lookalike models show {name}`"
    told = f"It waits beside the model that answers: {promote} lets it answer if it ranks no worse,"
    console.print(printable(f"{told} {show} says what it is."), soft_wrap=True)
