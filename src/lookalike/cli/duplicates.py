"""`lookalike duplicates`."""

from enum import StrEnum
from typing import Annotated, Any

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
    tell_warnings,
)
from lookalike.cli.progress import IndexProgress
from lookalike.duplicates import CopyPair, Reason, Sureness
from lookalike.errors import CallerError
from lookalike.library import duplicates as use_case
from lookalike.library.duplicates import Action, DuplicatesRequest, DuplicatesResult
from lookalike.library.opening import open_library
from lookalike.types import Image

_WORDS = {
    Reason.LOOK: "the same picture",
    Reason.DETAILS: "{} matching details",
    Reason.MIRRORED_DETAILS: "mirrored, {} matching details",
}
_GROUPS_SHOWN = 50


class KeepChoice(StrEnum):
    """Values of `--keep`."""

    LARGEST = "largest"
    OLDEST = "oldest"
    NEWEST = "newest"


def duplicates(
    *,
    keep: Annotated[KeepChoice, typer.Option(help="Image of each group that stays.")] = KeepChoice.LARGEST,
    hide: Annotated[bool, typer.Option("--hide", help="Make the other images of each group private.")] = False,
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete the other images from the library; files are not touched.")
    ] = False,
    sure: Annotated[
        Sureness | None,
        typer.Option(help="Only copies that are at least so sure (default: likely; certain with --hide or --delete)."),
    ] = None,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find copies: the same picture re-encoded, resized, turned, mirrored, bordered, marked or cut.

    Without --hide or --delete it only reports. Files are never touched. Run `lookalike keypoints` first to find copies
    that are bordered, marked, tilted or cut. Only images that are new are compared again; after Ctrl-C it continues.
    """
    with faults_are_told(as_json=as_json):
        if hide and delete:
            raise CallerError("--hide and --delete: choose one of them")
        action: Action = "hide" if hide else "delete" if delete else "report"
        with open_library(settings_for(library)) as opened, IndexProgress(messages, quiet=as_json) as progress:
            request = DuplicatesRequest(keep=keep.value, action=action, least=sure)
            result = use_case.duplicates(opened, request, progress)
        if as_json:
            print_json(as_document(result, action))
        else:
            tell_warnings(result.warnings)
            _print(result, action)
    if result.interrupted:
        stop(ExitCode.INTERRUPTED)


def as_document(result: DuplicatesResult, action: Action) -> dict[str, Any]:
    """The copies for programs."""
    return {
        "action": action,
        "compared": result.compared,
        "changed": result.changed,
        "interrupted": result.interrupted,
        "notes": result.warnings,
        "groups": [
            {
                "keep": _named(result.images[group.kept]),
                "copies": [
                    _named(result.images[image_id])
                    | {
                        "reason": pair.reason.value,
                        "sure": pair.sure.value,
                        "turn": pair.turn or None,
                        "inliers": pair.inliers or None,
                        "cosine": pair.cosine,
                    }
                    for image_id, pair in group.copies.items()
                ],
            }
            for group in result.groups
        ],
        "same_bytes": [{"id": image_id, "sources": paths} for image_id, paths in result.same_bytes.items()],
    }


def _named(image: Image) -> dict[str, Any]:
    return {"id": image.id, "source": image.source, "width": image.width, "height": image.height}


def _print(result: DuplicatesResult, action: Action) -> None:
    for group in result.groups[:_GROUPS_SHOWN]:
        console.print(printable(f"keep  {_place(result.images[group.kept])}"), soft_wrap=True)
        for image_id, pair in group.copies.items():
            line = f"copy  {_place(result.images[image_id])}  ({_why(pair)}; {pair.sure.value.replace('-', ' ')})"
            console.print(printable(line), soft_wrap=True)
    if len(result.groups) > _GROUPS_SHOWN:
        console.print(f"... and {len(result.groups) - _GROUPS_SHOWN:,} more groups; --json lists all of them")
    copies = sum(len(group.copies) for group in result.groups)
    console.print(f"{len(result.groups):,} groups, {copies:,} copies, among {result.compared:,} images.")
    if result.same_bytes:
        console.print(f"{len(result.same_bytes):,} images are in several files with exactly the same bytes.")
    if result.interrupted:
        console.print("Interrupted; run it again to go on.")
    elif action == "report":
        console.print("Nothing was changed. --hide or --delete acts on the copies.")
    else:
        done = "hidden" if action == "hide" else "deleted from the library; their files were not touched"
        console.print(f"{result.changed:,} images were {done}.")


def _place(image: Image) -> str:
    return f"{image.source or image.upload_name or image.id}, {image.width} x {image.height}"


def _why(pair: CopyPair) -> str:
    return pair.turn or _WORDS[pair.reason].format(pair.inliers)
