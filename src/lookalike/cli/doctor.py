"""`lookalike doctor`."""

from dataclasses import asdict

from lookalike.cli.output import (
    ExitCode,
    JsonOption,
    LibraryOption,
    console,
    faults_are_told,
    print_json,
    printable,
    settings_for,
    stop,
)
from lookalike.library.doctor import State, examine
from lookalike.library.opening import open_library

_STYLES = {State.OK: "green", State.WARNING: "yellow", State.PROBLEM: "red"}


def doctor(*, library: LibraryOption = None, as_json: JsonOption = False) -> None:
    """Look at disk, permissions, database, clock, model, index, limits and access, and say what to do.

    Nothing is changed. Ends with exit code 4 when something does not work.
    """
    with faults_are_told(as_json=as_json), open_library(settings_for(library)) as opened:
        findings = examine(opened)
    if as_json:
        print_json([asdict(finding) for finding in findings])
    for finding in [] if as_json else findings:
        console.print(printable(f"{finding.state:<8} {finding.check:<12} {finding.told}"), style=_STYLES[finding.state],
                      soft_wrap=True)  # fmt: skip
        if finding.advice:
            console.print(printable(f"{'':<22}{finding.advice}"), soft_wrap=True)
    if any(finding.state is State.PROBLEM for finding in findings):
        stop(ExitCode.PROBLEMS_FOUND)
