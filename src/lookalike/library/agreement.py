"""How often the live model agrees with people about which of two images is more like a third."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import EvaluationRefused
from lookalike.evaluation import Votes, majority, vector_triplet_accuracy
from lookalike.evaluation.pipeline import find_images_named, read_rows
from lookalike.library.judging import JudgementSource
from lookalike.library.parts import LibraryParts
from lookalike.types import Vectors

_TRIPLE = 3


@dataclass(frozen=True, kw_only=True)
class AgreementRequest:
    """Which triplets to ask about.

    Attributes:
        table: a .csv or tab-separated file: one triplet a row.
        columns: names of its columns reference, A and B; without votes, A is the one that people found closer.
        votes: names of columns with the number of votes for A and for B; the majority is followed.
        names_as: how a name becomes a file, such as `photos/{}.jpg`.
        images: where relative names start; None for the table's folder.
    """

    table: Path
    columns: Sequence[str] = ("query", "closer", "farther")
    votes: Sequence[str] = ()
    names_as: str = "{}"
    images: Path | None = None


@dataclass(frozen=True, kw_only=True)
class AgreementResult:
    """How often model and people agree.

    Attributes:
        accuracy: share of the triplets, 0 to 1; a tie of the model counts half.
        triplets: that were asked about.
        ties: of the model.
        even_votes: triplets left out because people were divided evenly.
        ceiling: how often one person who is asked once agrees with the majority; None without votes.
        unknown: names of no public image of the library.
        warnings: what people should know besides.
    """

    accuracy: float
    triplets: int
    ties: int
    even_votes: int
    ceiling: float | None
    unknown: tuple[str, ...]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was left out."""
        if not self.unknown:
            return ()
        return (f"{len(self.unknown):,} names are of no public image of this library: {', '.join(self.unknown[:5])}",)


def agreement(library: LibraryParts, request: AgreementRequest) -> AgreementResult:
    """Compare the live model's cosines with what people said about triplets.

    Raises:
        LibraryMissing: nothing was indexed.
        EvaluationRefused: a column is missing, lines are bad, or no triplet has all its images in the library.
    """
    triples, counts = _read_triplets(request)
    folders = JudgementSource(judgements=str(request.table), images=request.images).folders
    vectors, rows, unknown = _vectors(library, triples, request.names_as, folders)
    kept = rows.min(axis=1) >= 0
    decided = _decided(rows[kept], None if counts is None else counts[kept])
    found = vector_triplet_accuracy(vectors, decided.triplets)
    return AgreementResult(
        accuracy=found.accuracy,
        triplets=found.triplets,
        ties=found.ties,
        even_votes=decided.tied,
        ceiling=None if counts is None else decided.ceiling,
        unknown=tuple(sorted(unknown)),
    )


def _read_triplets(request: AgreementRequest) -> tuple[list[tuple[str, ...]], NDArray[np.int64] | None]:
    """Names [(reference, a, b)], and [triplets, 2] votes for a and b where there are any.

    Raises:
        EvaluationRefused: a column is missing, lines are bad, or a number of votes is none.
    """
    names, voted, table = list(request.columns), list(request.votes), request.table
    if len(names) != _TRIPLE:
        raise EvaluationRefused(f"--columns {','.join(names)}: give {_TRIPLE} columns, separated by commas")
    if voted and len(voted) != _TRIPLE - 1:
        raise EvaluationRefused(f"--votes {','.join(voted)}: give {_TRIPLE - 1} columns, separated by commas")
    rows = read_rows(table, [*names, *voted])
    if not rows:
        raise EvaluationRefused(f"{table}: there are no triplets in it")
    triples = [tuple(row[name] for name in names) for row in rows]
    try:
        counts = np.array([[int(row[name]) for name in voted] for row in rows], dtype=np.int64) if voted else None
    except ValueError as fault:
        raise EvaluationRefused(f"{table}: votes must be whole numbers: {fault}") from None
    return triples, counts


def _vectors(
    library: LibraryParts, triples: Sequence[tuple[str, ...]], template: str, folders: Sequence[Path]
) -> tuple[Vectors, NDArray[np.int64], set[str]]:
    """[images, dimension] vectors, [triplets, 3] rows of them (-1 where unknown), and the names that are unknown."""
    live = library.require_live()
    names = dict.fromkeys(name for triple in triples for name in triple)
    files = {name: template.replace("{}", name) for name in names}
    named = find_images_named(library.catalog, files.values(), folders=folders).images
    stored = library.catalog.vectors.get(live.fingerprint, [image.id for image in named.values()])
    known = [name for name, file in files.items() if file in named and named[file].id in stored]
    if not known:
        raise EvaluationRefused("none of these images is in this library: see --images and --names-as")
    place = {name: row for row, name in enumerate(known)}
    rows = np.array([[place.get(name, -1) for name in triple] for triple in triples], dtype=np.int64)
    return np.stack([stored[named[files[name]].id] for name in known]), rows, names.keys() - place.keys()


def _decided(triplets: NDArray[np.int64], votes: NDArray[np.int64] | None) -> Votes:
    if not len(triplets):
        raise EvaluationRefused("no triplet has all its three images in this library")
    if votes is None:
        return Votes(triplets=triplets, weights=np.ones(len(triplets)), tied=0, ceiling=1.0)
    return majority(triplets, votes)
