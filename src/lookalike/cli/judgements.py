"""`lookalike judgements list | import | export | remove | from-labels | from-instances | from-triplets`."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal, cast

import typer
from rich.table import Table

from lookalike.cli.help import CommandGroup
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
    messages,
    print_json,
    printable,
    settings_for,
    tell_warnings,
)
from lookalike.errors import EvaluationRefused
from lookalike.evaluation import (
    Combination,
    JudgedQuery,
    JudgementRow,
    Judgements,
    from_instances,
    from_labels,
    from_triplets,
    read_judgements,
    write_judgements,
)
from lookalike.evaluation.pipeline import (
    NamedImages,
    QueryRow,
    find_images_named,
    read_query_table,
    read_rows,
    stored_judgements,
)
from lookalike.library.judging import JudgementSource, bad_line_warnings, choice, file_format
from lookalike.library.opening import open_library
from lookalike.library.parts import LibraryParts
from lookalike.types import Grade

app = typer.Typer(cls=CommandGroup, help="Grades that people gave: what `evaluate` measures by.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Of the judgement set.")]
OutArgument = Annotated[
    Path, typer.Argument(metavar="OUT", help="A judgement file to write: .qrels .tsv .csv or .json (Label Studio).")
]
TableArgument = Annotated[Path, typer.Argument(metavar="TABLE", help="A .csv, or tab-separated, with a header line.")]
ImageColumnOption = Annotated[str, typer.Option("--image-column", help="The column that names the image.")]

_NAMES_SHOWN = 10


@app.command("list")
def list_sets(*, library: LibraryOption = None, as_json: JsonOption = False) -> None:
    """List the judgement sets of the library."""
    with faults_are_told(as_json=as_json), open_library(settings_for(library)) as opened:
        sets = opened.catalog.judgements.sets()
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
    name: Annotated[str | None, typer.Option(help="Of the set; the file's name if not given.")] = None,
    queries: Annotated[Path | None, typer.Option(metavar="TABLE", help="As for `evaluate`.")] = None,
    images: ImagesOption = None,
    file_format_name: FormatOption = None,
    keep_good: KeepGoodOption = False,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Keep the grades of a file in the library, with who gave them and when."""
    asked = JudgementSource(judgements=str(file), queries=queries, images=images)
    with faults_are_told(as_json=as_json), open_library(settings_for(library)) as opened:
        reading = read_judgements(
            file, file_format=file_format(file_format_name), keep_good=keep_good, combine="median"
        )
        tell_warnings(bad_line_warnings(file, reading.bad_lines))
        table = read_query_table(queries) if queries else {}
        stored, unknown = _grades(opened, reading.rows, table, asked, name or file.stem)
        if unknown and not keep_good:
            raise EvaluationRefused(_unknown_names(unknown) + "; --keep-good leaves them out", tuple(unknown))
        if not stored:
            raise EvaluationRefused(f"{file}: none of its images is in this library: name their folder with --images")
        opened.catalog.judgements.write(stored, rule=f"read from {file.name}")
        if as_json:
            print_json({"name": name or file.stem, "grades": len(stored), "unknown": unknown})
            return
        if unknown:
            messages.print(printable(_unknown_names(unknown)), style="yellow", soft_wrap=True)
        console.print(printable(f"{len(stored):,} grades are in the judgement set {name or file.stem}."))


@app.command("export")
def export_set(
    name: NameArgument,
    out: OutArgument,
    *,
    paths: Annotated[bool, typer.Option("--paths", help="Name images by their files, not by their ids.")] = False,
    combine: CombineOption = "median",
    file_format_name: FormatOption = None,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a judgement set to a file."""
    with faults_are_told(as_json=as_json), open_library(settings_for(library)) as opened:
        how = cast("Combination", choice("--combine", combine, Combination))
        judgements = stored_judgements(opened.catalog, name, combine=how)
        if paths:
            judgements = _by_path(opened, judgements)
        write_judgements(judgements, out, file_format=file_format(file_format_name))
        _tell(judgements, out, as_json=as_json)


@app.command("remove")
def remove_set(name: NameArgument, *, library: LibraryOption = None, as_json: JsonOption = False) -> None:
    """Remove a judgement set with its grades."""
    with faults_are_told(as_json=as_json), open_library(settings_for(library)) as opened:
        removed = opened.catalog.judgements.remove_set(name)
        if as_json:
            print_json({"name": name, "removed": removed})
        else:
            console.print(printable(f"{name}: {removed:,} grades removed"))


@app.command("from-labels")
def labels_to_grades(
    table: TableArgument,
    out: OutArgument,
    *,
    labels: Annotated[str, typer.Option("--labels", metavar="COLUMN,...", help="Coarse to fine, or what it is first.")],
    image_column: ImageColumnOption = "path",
    rule: Annotated[str, typer.Option(help="hierarchy or attributes: see docs/measures.md.")] = "hierarchy",
    as_json: JsonOption = False,
) -> None:
    """Make grades from class labels: the more labels agree, the higher the grade."""
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
    instance: Annotated[str, typer.Option("--instance", metavar="COLUMN", help="Equal for pictures of one thing.")],
    image_column: ImageColumnOption = "path",
    as_json: JsonOption = False,
) -> None:
    """Make grades from lists of pictures of the same thing: 5 for those, nothing for others."""
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
        str, typer.Option("--columns", metavar="QUERY,CLOSER,FARTHER", help="The three columns of a vote.")
    ] = "query,closer,farther",
    as_json: JsonOption = False,
) -> None:
    """Make grades from human triplets: the share of comparisons an image won decides."""
    with faults_are_told(as_json=as_json):
        names = [name.strip() for name in columns.split(",")]
        if len(names) != 3:  # noqa: PLR2004 - as the name says
            raise EvaluationRefused(f"--columns {columns}: give three columns, as query,closer,farther")
        votes = ((row[names[0]], row[names[1]], row[names[2]]) for row in read_rows(table, names))
        _write(from_triplets(votes), out, as_json=as_json)


def _grades(
    library: LibraryParts,
    rows: Iterable[JudgementRow],
    table: Mapping[str, QueryRow],
    asked: JudgementSource,
    set_name: str,
) -> tuple[list[Grade], list[str]]:
    """The rows in the library's terms, and the names it does not know."""
    rows = list(rows)
    described = {
        row.query: table[row.query].query if row.query in table else JudgedQuery.parse(row.query) for row in rows
    }
    names = dict.fromkeys([*(query.image for query in described.values()), *(row.image for row in rows)])
    named = find_images_named(library.catalog, names, folders=asked.folders)
    now = datetime.now(UTC)
    grades = [
        _grade(row, described[row.query], named, now, set_name)
        for row in rows
        if described[row.query].image in named.images and row.image in named.images
    ]
    return grades, sorted(names.keys() - named.images.keys())


def _grade(row: JudgementRow, query: JudgedQuery, named: NamedImages, now: datetime, set_name: str) -> Grade:
    image = named.images[query.image]
    return Grade(
        query_image_id=image.id,
        image_id=named.images[row.image].id,
        grade=row.grade,
        at=_time(row.at) or now,
        user_id=row.user or None,
        source="import",
        crop=query.crop((image.width, image.height)),
        judgement_set=set_name,
    )


def _time(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _by_path(library: LibraryParts, judgements: Judgements) -> Judgements:
    """The same, with files in place of ids where there is one."""
    ids = {JudgedQuery.parse(name).image for name in judgements.grades}
    ids |= {image for judged in judgements.grades.values() for image in judged}
    images = library.catalog.images.get_many(sorted(ids))
    path = {image_id: image.source or image_id for image_id, image in images.items()}
    rows = (
        (_renamed(query, path), path.get(image, image), grade)
        for query, judged in judgements.grades.items()
        for image, grade in judged.items()
    )
    return Judgements.of(rows, rule=judgements.rule)


def _renamed(query: str, path: Mapping[str, str]) -> str:
    parsed = JudgedQuery.parse(query)
    return str(JudgedQuery(image=path.get(parsed.image, parsed.image), region=parsed.region))


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


def _unknown_names(names: list[str]) -> str:
    shown = ", ".join(names[:_NAMES_SHOWN]) + (", ..." if len(names) > _NAMES_SHOWN else "")
    return f"{len(names):,} names are of no public image of this library: {shown}"
