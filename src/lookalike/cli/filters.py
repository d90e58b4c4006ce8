"""The options of commands whose hits must meet conditions."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import typer

from lookalike.retrieval import COLOUR_DISTANCE, Filters, Orientation

_TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]
_PixelsOption = Annotated[int | None, typer.Option(metavar="PIXELS", min=1, max=1_000_000)]


@dataclass(frozen=True, kw_only=True)
class FilterOptions:
    """One option for each condition of `Filters`."""

    owner: Annotated[str | None, typer.Option(help="Only images of this owner.")] = None
    tag: Annotated[list[str] | None, typer.Option(metavar="TAG", help="Only images with this tag; repeatable.")] = None
    any_tag: Annotated[
        list[str] | None, typer.Option(metavar="TAG", help="Only images with at least one of these tags; repeatable.")
    ] = None
    no_tag: Annotated[
        list[str] | None, typer.Option(metavar="TAG", help="Only images without this tag; repeatable.")
    ] = None
    uploaded_from: Annotated[
        datetime | None,
        typer.Option("--from", metavar="TIME", formats=_TIMES, help="Only images added then or later; UTC."),
    ] = None
    uploaded_to: Annotated[
        datetime | None, typer.Option("--to", metavar="TIME", formats=_TIMES, help="Only images added before; UTC.")
    ] = None
    min_width: _PixelsOption = None
    max_width: _PixelsOption = None
    min_height: _PixelsOption = None
    max_height: _PixelsOption = None
    orientation: Annotated[Orientation | None, typer.Option(help="Only images of this orientation.")] = None
    colour: Annotated[
        str | None,
        typer.Option(metavar="#RRGGBB", help="Only images of which at least three sixteenths have about this colour."),
    ] = None
    colour_distance: Annotated[int, typer.Option(min=0, max=255, help="How far from --colour is near enough.")] = (
        COLOUR_DISTANCE
    )
    collection: Annotated[str | None, typer.Option(metavar="NAME", help="Only images of this collection.")] = None

    def filters(self) -> Filters:
        """The conditions that were given.

        Raises:
            CallerError: a value cannot be met by any image.
        """
        return Filters(
            owner=self.owner,
            all_tags=tuple(self.tag or ()),
            any_tags=tuple(self.any_tag or ()),
            no_tags=tuple(self.no_tag or ()),
            uploaded_from=_in_utc(self.uploaded_from),
            uploaded_to=_in_utc(self.uploaded_to),
            min_width=self.min_width,
            max_width=self.max_width,
            min_height=self.min_height,
            max_height=self.max_height,
            orientation=self.orientation,
            colour=self.colour,
            colour_distance=self.colour_distance,
            collection=self.collection,
        )


def _in_utc(time: datetime | None) -> datetime | None:
    return time if time is None or time.tzinfo is not None else time.replace(tzinfo=UTC)
