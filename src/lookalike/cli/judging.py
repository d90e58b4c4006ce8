"""What the commands that evaluate have in common: their options, and judgements from a file or from the library."""

from pathlib import Path
from typing import Annotated, get_args

import typer

from lookalike.errors import CallerError, StorageFailed
from lookalike.evaluation import Combination, FileFormat

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
        help="A .csv or .tsv that describes each query: its image, its box (x0,y0,x1,y1), columns to group by.",
    ),
]
GroupByOption = Annotated[
    str, typer.Option("--group-by", metavar="COLUMN,...", help="Columns of --queries to report results by.")
]
ImagesOption = Annotated[
    Path | None,
    typer.Option("--images", metavar="DIR", help="Folder of relative names (default: the file's folder)."),
]
FormatOption = Annotated[
    str | None, typer.Option("--format", help=f"The file's format: {', '.join(get_args(FileFormat))}.")
]
KeepGoodOption = Annotated[
    bool, typer.Option("--keep-good", help="Skip and list bad lines instead of refusing the file.")
]
CombineOption = Annotated[
    str,
    typer.Option(help=f"Where people disagree about a pair: {', '.join(get_args(Combination))}."),
]


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
