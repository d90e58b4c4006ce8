"""`lookalike judgements graders SET`: who graded, and how much they agree."""

from dataclasses import asdict
from typing import Annotated

import typer

from lookalike.cli.output import (
    JsonOption,
    LibraryOption,
    console,
    faults_are_told,
    print_json,
    printable,
    settings_for,
)
from lookalike.library import grading as use_case
from lookalike.library.grading import GraderAgreement
from lookalike.library.opening import open_library


def graders(
    judgement_set: Annotated[str, typer.Argument(metavar="SET", help="Name of the judgement set.")],
    *,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show who graded a set, how much they agree, and how many pairs wait to be settled on the grading page."""
    with faults_are_told(as_json=as_json):
        with open_library(settings_for(library)) as opened:
            found = use_case.grader_agreement(opened.catalog, judgement_set)
        if as_json:
            print_json(asdict(found))
        else:
            _print(found)


def _print(found: GraderAgreement) -> None:
    people = ", ".join(f"{name} {count:,}" for name, count in found.graders.items()) or "nobody has graded by name"
    console.print(printable(f"{people}; {found.twice:,} pairs were graded by several"), soft_wrap=True)
    if found.alpha is None:
        console.print("agreement (Krippendorff's alpha): too few pairs were graded by several people", soft_wrap=True)
    else:
        settle = f"{found.disputed:,} pairs to settle"
        console.print(f"agreement (Krippendorff's alpha) {found.alpha:.2f}; {settle}", soft_wrap=True)
