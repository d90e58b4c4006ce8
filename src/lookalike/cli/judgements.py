"""`lookalike judgements list | import | export | remove | from-labels | from-instances | from-triplets`."""

from pathlib import Path
from typing import Annotated, Literal, cast

import typer
from rich.table import Table

from lookalike.cli import agreement, graders
from lookalike.cli.help import command_group
from lookalike.cli.judging import (
    CombineOption,
    FormatOption,
    ImagesOption,
    KeepGoodOption,
)
from lookalike.cli.output import (
    JsonOption,
    LibraryOption,
    console,
    faults_are_told,
    print_json,
    printable,
    settings_for,
    tell_warnings,
)
from lookalike.errors import EvaluationRefused
from lookalike.evaluation import (
    Judgements,
    from_instances,
    from_labels,
    from_triplets,
    write_judgements,
)
from lookalike.evaluation.pipeline import (
    read_rows,
)
from lookalike.library.judgements import (
    ExportRequest,
    ImportRequest,
    export_judgements,
    import_judgements,
    list_judgements,
    remove_judgements,
)
from lookalike.library.judging import JudgementSource, choice
from lookalike.library.opening import open_library

app = command_group(add_completion=False, help="Grades that people gave, used by `evaluate`.")

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the judgement set.")]
OutArgument = Annotated[
    Path, typer.Argument(metavar="OUT", help="A judgement file to write: .qrels .tsv .csv or .json (Label Studio).")
]
TableArgument = Annotated[
    Path, typer.Argument(metavar="TABLE", help="A .csv or tab-separated file with a header line.")
]
ImageColumnOption = Annotated[str, typer.Option("--image-column", help="Column with the name of the image.")]


@app.command("list")
def list_sets(*, library: LibraryOption = None, as_json: JsonOption = False) -> None:
    """List the judgement sets of the library."""
    with faults_are_told(as_json=as_json), open_library(settings_for(library)) as opened:
        sets = list_judgements(opened)
        if as_json:
            print_json([{name: getattr(one, name) for name in one.__slots__} for one in sets])
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in ("name", "queries", "grades", "people", "rule"):
            table.add_column(heading)
        for one in sets:
            numbers = (f"{number:,}" for number in (one.queries, one.grades, one.graders))
            table.add_row(printable(one.name), *numbers, printable(one.rule))
        if sets:
            console.print_table(table)
        else:
            console.print("There are no judgement sets here: `lookalike judgements import FILE`.")


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="TREC qrels, CSV, TSV or Label Studio JSON.")],
    *,
    name: Annotated[str | None, typer.Option(help="Name of the set (default: the file's name).")] = None,
    queries: Annotated[
        Path | None, typer.Option(metavar="TABLE", help="Table that describes the queries, as for `evaluate`.")
    ] = None,
    images: ImagesOption = None,
    file_format_name: FormatOption = None,
    keep_good: KeepGoodOption = False,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Store the grades of a file in the library, with the person who gave them and the time."""
    source = JudgementSource(
        judgements=str(file), queries=queries, images=images, file_format=file_format_name, keep_good=keep_good
    )
    with faults_are_told(as_json=as_json):
        with open_library(settings_for(library)) as opened:
            result = import_judgements(opened, ImportRequest(source=source, name=name))
        if as_json:
            print_json({"name": result.name, "grades": result.grades, "unknown": list(result.unknown)})
            return
        tell_warnings(result.warnings)
        console.print(printable(f"{result.grades:,} grades are in the judgement set {result.name}."))


@app.command("export")
def export_set(
    name: NameArgument,
    out: OutArgument,
    *,
    paths: Annotated[bool, typer.Option("--paths", help="Write file paths instead of image ids.")] = False,
    combine: CombineOption = "median",
    file_format_name: FormatOption = None,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a judgement set to a file."""
    with faults_are_told(as_json=as_json), open_library(settings_for(library)) as opened:
        request = ExportRequest(name=name, out=out, paths=paths, combine=combine, file_format=file_format_name)
        judgements = export_judgements(opened, request)
        _tell(judgements, out, as_json=as_json)


@app.command("remove")
def remove_set(name: NameArgument, *, library: LibraryOption = None, as_json: JsonOption = False) -> None:
    """Remove a judgement set with its grades."""
    with faults_are_told(as_json=as_json), open_library(settings_for(library)) as opened:
        removed = remove_judgements(opened, name)
        if as_json:
            print_json({"name": name, "removed": removed})
        else:
            console.print(printable(f"{name}: {removed:,} grades removed"))


@app.command("from-labels")
def labels_to_grades(
    table: TableArgument,
    out: OutArgument,
    *,
    labels: Annotated[
        str,
        typer.Option(
            "--labels", metavar="COLUMN,...", help="Label columns, from coarse to fine, or the kind of thing first."
        ),
    ],
    image_column: ImageColumnOption = "path",
    rule: Annotated[str, typer.Option(help="hierarchy or attributes; see docs/measures.md.")] = "hierarchy",
    as_json: JsonOption = False,
) -> None:
    """Derive grades from class labels: the more labels agree, the higher the grade."""
    with faults_are_told(as_json=as_json):
        kind = Literal["hierarchy", "attributes"]
        columns = [name.strip() for name in labels.split(",")]
        rows = read_rows(table, [image_column, *columns])
        judgements = from_labels(
            {row[image_column]: [row[name] for name in columns] for row in rows},
            rule=cast("Literal['hierarchy', 'attributes']", choice("--rule", rule, kind)),
        )
        _write(judgements, out, as_json=as_json)


@app.command("from-instances")
def instances_to_grades(
    table: TableArgument,
    out: OutArgument,
    *,
    instance: Annotated[
        str,
        typer.Option("--instance", metavar="COLUMN", help="Column with the same value for all pictures of one thing."),
    ],
    image_column: ImageColumnOption = "path",
    as_json: JsonOption = False,
) -> None:
    """Derive grades from lists of pictures of the same thing: 5 for the same thing, else no grade."""
    with faults_are_told(as_json=as_json):
        groups: dict[str, list[str]] = {}
        for row in read_rows(table, [image_column, instance]):
            groups.setdefault(row[instance], []).append(row[image_column])
        _write(from_instances(groups.values()), out, as_json=as_json)


@app.command("from-triplets")
def triplets_to_grades(
    table: TableArgument,
    out: OutArgument,
    *,
    columns: Annotated[
        str, typer.Option("--columns", metavar="QUERY,CLOSER,FARTHER", help="The three columns of the table.")
    ] = "query,closer,farther",
    as_json: JsonOption = False,
) -> None:
    """Derive grades from human triplets, by the share of comparisons that an image won."""
    with faults_are_told(as_json=as_json):
        names = [name.strip() for name in columns.split(",")]
        if len(names) != 3:  # noqa: PLR2004 - as the name says
            raise EvaluationRefused(f"--columns {columns}: give three columns, as query,closer,farther")
        votes = ((row[names[0]], row[names[1]], row[names[2]]) for row in read_rows(table, names))
        _write(from_triplets(votes), out, as_json=as_json)


def _write(judgements: Judgements, out: Path, *, as_json: bool) -> None:
    write_judgements(judgements, out)
    _tell(judgements, out, as_json=as_json)


def _tell(judgements: Judgements, out: Path, *, as_json: bool) -> None:
    queries, pairs = len(judgements.grades), judgements.pairs
    if as_json:
        print_json({"file": str(out), "queries": queries, "grades": pairs, "rule": judgements.rule})
    else:
        rule = f" Rule: {judgements.rule}." if judgements.rule else ""
        console.print(printable(f"{out}: {pairs:,} grades for {queries:,} queries.{rule}"), soft_wrap=True)


app.command("agreement")(agreement.agreement)
app.command("graders")(graders.graders)
