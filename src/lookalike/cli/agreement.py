"""`lookalike judgements agreement TABLE`: does the model find alike what people find alike?"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from lookalike.cli.judging import ImagesOption
from lookalike.cli.output import (
    JsonOption,
    LibraryOption,
    console,
    faults_are_told,
    messages,
    print_json,
    printable,
    settings_for,
)
from lookalike.errors import EvaluationRefused
from lookalike.evaluation import Votes, majority, vector_triplet_accuracy
from lookalike.evaluation.pipeline import find_images_named, read_rows
from lookalike.library.judging import JudgementSource
from lookalike.library.opening import open_library
from lookalike.library.parts import LibraryParts
from lookalike.types import Vectors

_TRIPLE = 3


def agreement(
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="A .csv, or tab-separated: one triplet a row.")],
    *,
    columns: Annotated[
        str, typer.Option(metavar="REFERENCE,A,B", help="Its columns; without votes, A is the one people found closer.")
    ] = "query,closer,farther",
    votes: Annotated[
        str, typer.Option(metavar="FOR_A,FOR_B", help="Columns with numbers of votes: the majority is followed.")
    ] = "",
    names_as: Annotated[
        str, typer.Option(metavar="TEMPLATE", help="How a name becomes a file, such as photos/{}.jpg.")
    ] = "{}",
    images: ImagesOption = None,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """How often does the live model agree with people about which of two images is more like a third?"""
    with faults_are_told(as_json=as_json), open_library(settings_for(library)) as opened:
        triples, counts = read_triplets(table, columns, votes)
        asked = JudgementSource(judgements=str(table), images=images)
        vectors, rows, unknown = _vectors(opened, triples, names_as, asked.folders)
        kept = rows.min(axis=1) >= 0
        decided = _decided(rows[kept], None if counts is None else counts[kept])
        found = vector_triplet_accuracy(vectors, decided.triplets)
        document = {
            "triplet_accuracy": found.accuracy,
            "triplets": found.triplets,
            "ties": found.ties,
            "even_votes": decided.tied,
            "ceiling": None if counts is None else decided.ceiling,
            "unknown": sorted(unknown),
        }
    if as_json:
        print_json(document)
        return
    if unknown:
        left_out = f"{len(unknown):,} names are of no public image of this library: {', '.join(sorted(unknown)[:5])}"
        messages.print(printable(left_out), style="yellow", soft_wrap=True)
    console.print(f"The model agrees with people on [bold]{found.accuracy:.1%}[/] of {found.triplets:,} triplets.")
    if counts is None:
        console.print("Guessing gives 50 %.")
    else:
        console.print(f"Guessing gives 50 %, one person asked once {decided.ceiling:.1%}; {decided.tied:,} were even.")


def read_triplets(table: Path, columns: str, votes: str) -> tuple[list[tuple[str, ...]], NDArray[np.int64] | None]:
    """Names [(reference, a, b)], and [triplets, 2] votes for a and b where there are any.

    Raises:
        EvaluationRefused: a column is missing, lines are bad, or a number of votes is none.
    """
    names = _names("--columns", columns, _TRIPLE)
    voted = _names("--votes", votes, _TRIPLE - 1) if votes else []
    rows = read_rows(table, [*names, *voted])
    if not rows:
        raise EvaluationRefused(f"{table}: there are no triplets in it")
    triples = [tuple(row[name] for name in names) for row in rows]
    try:
        counts = np.array([[int(row[name]) for name in voted] for row in rows], dtype=np.int64) if voted else None
    except ValueError as fault:
        raise EvaluationRefused(f"{table}: votes must be whole numbers: {fault}") from None
    return triples, counts


def _names(option: str, given: str, count: int) -> list[str]:
    names = [name.strip() for name in given.split(",")]
    if len(names) != count:
        raise EvaluationRefused(f"{option} {given}: give {count} columns, separated by commas")
    return names


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
