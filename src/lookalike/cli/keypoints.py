"""`lookalike keypoints`."""

from dataclasses import asdict
from typing import Annotated

import typer

from lookalike.cli.output import (
    ExitCode,
    JsonOption,
    LibraryOption,
    console,
    faults_are_told,
    messages,
    print_json,
    printable,
    settings_for,
    stop,
)
from lookalike.cli.progress import IndexProgress
from lookalike.library import keypoints as use_case
from lookalike.library.keypoints import KeypointsRequest, KeypointsResult
from lookalike.library.opening import open_library

_REFUSALS_SHOWN = 10


def keypoints(
    *,
    remove: Annotated[bool, typer.Option("--remove", help="Delete all keypoints; images stay as they are.")] = False,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Extract keypoints, which `search --verify` and `duplicates` compare. Needs the extra `keypoints`.

    Run it once: later index runs and uploads keep the keypoints complete. It takes about 3.6 kB for each image.
    After Ctrl-C or a crash it continues where it stopped.
    """
    with (
        faults_are_told(as_json=as_json),
        open_library(settings_for(library)) as opened,
        IndexProgress(messages, quiet=as_json) as progress,
    ):
        result = use_case.keypoints(opened, KeypointsRequest(remove=remove), progress)
    if as_json:
        print_json({"removed": result.removed, **asdict(result.report)})
    else:
        _print(result, removing=remove)
    if result.report.interrupted:
        stop(ExitCode.INTERRUPTED)


def _print(result: KeypointsResult, *, removing: bool) -> None:
    report = result.report
    if removing:
        console.print(f"The keypoints of {result.removed:,} images were deleted.")
        return
    ending = "Interrupted; run it again to go on" if report.interrupted else "Done"
    console.print(f"{ending}: {report.made:,} images got keypoints.")
    for refusal in report.refused[:_REFUSALS_SHOWN]:
        console.print(printable(f"  {refusal.path}: {refusal.reason}"), style="yellow", soft_wrap=True)
    if len(report.refused) > _REFUSALS_SHOWN:
        console.print(f"  and {len(report.refused) - _REFUSALS_SHOWN:,} more could not be read.", style="yellow")
