"""What the commands that evaluate have in common: their options, and judgements from a file or from the library."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from lookalike.assembly import Library, image_limits
from lookalike.cli.output import messages, printable
from lookalike.errors import CallerError, EvaluationRefused, StorageFailed
from lookalike.evaluation import BadLine, Combination, FileFormat, Judgements, read_judgements
from lookalike.evaluation.pipeline import JudgedLibrary, judged_library, read_query_table, stored_judgements
from lookalike.settings import user_path

_BAD_LINES_SHOWN = 20
_PLOT_SUFFIXES = (".svg", ".png")

JudgementsArgument = Annotated[
    str,
    typer.Argument(
        metavar="JUDGEMENTS",
        help="A file of grades (.qrels .tsv .csv .json), or the name of a judgement set of this library.",
    ),
]
QueriesOption = Annotated[
    Path | None,
    typer.Option(
        "--queries",
        metavar="TABLE",
        help="A .csv or .tsv that says what each query is: its image, its box (x0,y0,x1,y1), columns to group by.",
    ),
]
GroupByOption = Annotated[
    str, typer.Option("--group-by", metavar="COLUMN,...", help="Columns of --queries to report results by.")
]
ImagesOption = Annotated[
    Path | None,
    typer.Option("--images", metavar="DIR", help="Where relative names start; the folder of the file if not given."),
]
FormatOption = Annotated[
    str | None, typer.Option("--format", help=f"The file's format: {', '.join(get_args(FileFormat))}.")
]
KeepGoodOption = Annotated[
    bool, typer.Option("--keep-good", help="Go on without bad lines, which are listed, instead of refusing the file.")
]
CombineOption = Annotated[
    str,
    typer.Option(help=f"Where people disagree about a pair: {', '.join(get_args(Combination))}."),
]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the options say.

    Attributes:
        judgements: a file or the name of a set.
        queries: a table that describes queries, if any.
        group_by: its columns to report by, separated by commas.
        images: where relative names start.
        file_format: None goes by the suffix.
        keep_good: go on without bad lines.
        combine: what becomes of grades that differ.
    """

    judgements: str
    queries: Path | None = None
    group_by: str = ""
    images: Path | None = None
    file_format: str | None = None
    keep_good: bool = False
    combine: str = "refuse"

    @property
    def file(self) -> Path | None:
        """The file, or None when a set of the library is named."""
        path = user_path(self.judgements)
        return path if path.exists() or path.suffix else None

    @property
    def folders(self) -> list[Path]:
        """Where relative names start: each is tried."""
        near = [path.parent for path in (self.file, self.queries) if path is not None]
        return list(dict.fromkeys(folder.absolute() for folder in [self.images, *near, Path()] if folder is not None))


def judged(library: Library, asked: Asked) -> JudgedLibrary:
    """Judgements in the library's own terms.

    Raises:
        EvaluationRefused: the file or the set cannot be used, or nothing of it is in the library.
    """
    columns = [name.strip() for name in asked.group_by.split(",") if name.strip()]
    if columns and asked.queries is None:
        raise EvaluationRefused(f"--group-by {asked.group_by}: name the table that has these columns with --queries")
    table = read_query_table(asked.queries, group_by=columns) if asked.queries else None
    return judged_library(
        library.catalog,
        _judgements(library, asked),
        folders=asked.folders,
        table=table,
        limits=image_limits(library.settings),
    )


def _judgements(library: Library, asked: Asked) -> Judgements:
    combine = choice("--combine", asked.combine, Combination)
    if asked.file is None:
        return stored_judgements(library.catalog, asked.judgements, combine=cast("Combination", combine))
    reading = read_judgements(
        asked.file,
        file_format=file_format(asked.file_format),
        keep_good=asked.keep_good,
        combine=cast("Combination", combine),
    )
    tell_bad_lines(asked.file, reading.bad_lines)
    return reading.judgements


def tell_bad_lines(path: Path, bad_lines: Sequence[BadLine]) -> None:
    """List lines that were left out, on stderr."""
    if bad_lines:
        messages.print(printable(f"{path}: {len(bad_lines)} bad lines were left out:"), style="yellow", soft_wrap=True)
    for bad in bad_lines[:_BAD_LINES_SHOWN]:
        messages.print(printable(f"  {bad}"), soft_wrap=True)
    if len(bad_lines) > _BAD_LINES_SHOWN:
        messages.print(f"  and {len(bad_lines) - _BAD_LINES_SHOWN} more")


def check_outputs(*paths: Path | None, plot: Path | None = None) -> None:
    """Refuse what could not be written before hours are spent on it.

    Raises:
        StorageFailed: the folder is not there.
        CallerError: a plot's suffix is not one that can be drawn.
    """
    for path in (*paths, plot):
        if path is not None and not path.absolute().parent.is_dir():
            raise StorageFailed(f"{path}: cannot be written: there is no folder {path.absolute().parent}")
    if plot is not None and plot.suffix.lower() not in _PLOT_SUFFIXES:
        raise CallerError(f"{plot}: a plot's name must end in {' or '.join(_PLOT_SUFFIXES)}")


def file_format(name: str | None) -> FileFormat | None:
    """The format that --format names.

    Raises:
        EvaluationRefused: none of ours.
    """
    return None if name is None else cast("FileFormat", choice("--format", name, FileFormat))


def choice(option: str, given: str, kind: object) -> str:
    """One of the words of a Literal.

    Raises:
        EvaluationRefused: another.
    """
    if given not in get_args(kind):
        raise EvaluationRefused(f"{option} {given}: choose one of {', '.join(get_args(kind))}")
    return given
