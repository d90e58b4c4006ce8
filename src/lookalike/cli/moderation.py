"""`lookalike moderation list | decide | rescan`."""

from typing import Annotated, Any

import typer

from lookalike.catalog import Moderated
from lookalike.cli.help import command_group
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
from lookalike.cli.progress import IndexProgress
from lookalike.library import moderation as use_case
from lookalike.library.moderation import MOST_DECISIONS, DecideRequest, QueueRequest, RescanRequest
from lookalike.library.opening import open_library
from lookalike.types import ModerationState

app = command_group(add_completion=False, help="Images that wait for review, and decisions about them.")

_SCORES_SHOWN = 3


@app.command("list")
def list_images(
    *,
    state: Annotated[ModerationState, typer.Option(help="Which images.")] = ModerationState.HELD,
    limit: Annotated[int, typer.Option(min=1, max=MOST_DECISIONS, help="How many at most.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="`next_cursor` of the list before.")] = None,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """List images that wait for review, or those of another state, the oldest first."""
    with faults_are_told(as_json=as_json), open_library(settings_for(library)) as opened:
        queue = use_case.read_queue(opened, QueueRequest(state=state, limit=limit, after=cursor))
        if as_json:
            listed = [_shown(about) | {"source": image.source} for image, about in queue.page.entries]
            print_json({"images": listed, "next_cursor": queue.page.next, "counts": queue.counts})
            return
        for image, about in queue.page.entries:
            name = image.source or image.upload_name or ""
            line = f"{image.id}  {about.since:%Y-%m-%d}  {about.verdict.reason or _scores(about)}  {name}"
            console.print(printable(line.rstrip()), soft_wrap=True)
        told = ", ".join(f"{count:,} {one}" for one, count in queue.counts.items())
        console.print(f"{told}." if any(queue.counts.values()) else "No image was moderated yet.")


@app.command()
def decide(
    images: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of images.")],
    *,
    state: Annotated[
        ModerationState, typer.Option("--as", help="What is done with them; `held` puts them back into the queue.")
    ],
    note: Annotated[str, typer.Option(help="Why, in words.")] = "",
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show, blur, block or hold images."""
    with faults_are_told(as_json=as_json), open_library(settings_for(library)) as opened:
        decided = use_case.decide(opened, DecideRequest(image_ids=images, state=state, note=note))
        if as_json:
            print_json({"images": [_shown(about) for about in decided.values()]})
            return
        console.print(f"{len(decided):,} images are {state.value} now")


@app.command()
def rescan(
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Run the classifiers on every image, also where their scores are stored.")
    ] = False,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Apply the setting `moderation` to the images that are in the library already."""
    with (
        faults_are_told(as_json=as_json),
        open_library(settings_for(library)) as opened,
        IndexProgress(messages, quiet=as_json) as progress,
    ):
        result = use_case.rescan(opened, RescanRequest(everything=everything), progress)
    if as_json:
        print_json(
            {
                "images": result.images,
                "classified": result.classified,
                "changed": result.changed,
                "counts": result.counts,
            }
        )
        return
    told = ", ".join(f"{count:,} {one}" for one, count in result.counts.items())
    console.print(f"{result.images:,} images, {result.classified:,} of them classified now, {result.changed:,} changed")
    console.print(f"{told}.")


def _shown(about: Moderated) -> dict[str, Any]:
    verdict = about.verdict
    return {
        "id": about.image_id,
        "state": verdict.state,
        "reason": verdict.reason,
        "scores": verdict.scores,
        "visibility": about.visibility,
        "since": about.since,
        "decided_by": about.decided_by,
        "decided_at": about.decided_at,
    }


def _scores(about: Moderated) -> str:
    """The greatest scores, for people."""
    greatest = sorted(about.verdict.scores.items(), key=lambda pair: -pair[1])[:_SCORES_SHOWN]
    return ", ".join(f"{label} {score:.2f}" for label, score in greatest)
