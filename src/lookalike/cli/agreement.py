"""`lookalike judgements agreement TABLE`: does the model find alike what people find alike?"""

from pathlib import Path
from typing import Annotated

import typer

from lookalike.cli.judging import ImagesOption
from lookalike.cli.output import (
    JsonOption,
    LibraryOption,
    console,
    faults_are_told,
    print_json,
    settings_for,
    tell_warnings,
    words,
)
from lookalike.library import agreement as use_case
from lookalike.library.agreement import AgreementRequest, AgreementResult
from lookalike.library.opening import open_library


def agreement(
    table: Annotated[
        Path, typer.Argument(metavar="TABLE", help="A .csv or tab-separated file with one triplet per row.")
    ],
    *,
    columns: Annotated[
        str,
        typer.Option(
            metavar="REFERENCE,A,B",
            help="Columns of the table. Without --votes, A is the one that people found closer.",
        ),
    ] = "query,closer,farther",
    votes: Annotated[
        str, typer.Option(metavar="FOR_A,FOR_B", help="Columns with the number of votes for each; the majority counts.")
    ] = "",
    names_as: Annotated[
        str, typer.Option(metavar="TEMPLATE", help="Pattern that turns a name into a file, such as photos/{}.jpg.")
    ] = "{}",
    images: ImagesOption = None,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure how often the live model agrees with people about which of two images is more like a third."""
    request = AgreementRequest(
        table=table, columns=words(columns), votes=words(votes), names_as=names_as, images=images
    )
    with faults_are_told(as_json=as_json):
        with open_library(settings_for(library)) as opened:
            result = use_case.agreement(opened, request)
        if as_json:
            print_json(_as_document(result))
            return
        tell_warnings(result.warnings)
        _print(result)


def _as_document(result: AgreementResult) -> dict[str, object]:
    return {
        "triplet_accuracy": result.accuracy,
        "triplets": result.triplets,
        "ties": result.ties,
        "even_votes": result.even_votes,
        "ceiling": result.ceiling,
        "unknown": list(result.unknown),
    }


def _print(result: AgreementResult) -> None:
    console.print(f"The model agrees with people on [bold]{result.accuracy:.1%}[/] of {result.triplets:,} triplets.")
    if result.ceiling is None:
        console.print("Guessing gives 50 %.")
    else:
        even = f"{result.even_votes:,} were even."
        console.print(f"Guessing gives 50 %, one person asked once {result.ceiling:.1%}; {even}")
