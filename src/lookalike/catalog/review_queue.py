"""Images by what moderation does with them: those that wait for review first of all."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, literal, select, tuple_

from lookalike.catalog.images import cursor_after, place_of, read_images
from lookalike.catalog.moderation import read_moderated
from lookalike.catalog.schema import images, moderated_images
from lookalike.catalog.verdicts import Moderated
from lookalike.types import Image, ModerationState


@dataclass(frozen=True, slots=True)
class ReviewPage:
    """Some images of one state, those that have had it for longest first, and the cursor of those that follow."""

    entries: tuple[tuple[Image, Moderated], ...]
    next: str | None


def read_page(connection: Connection, state: ModerationState, *, after: str | None, limit: int) -> ReviewPage:
    """A page of the images of one state; see `Moderation.page`."""
    place = (moderated_images.c.since, moderated_images.c.image_id)
    statement = select(moderated_images.c.image_id).join(images, images.c.id == moderated_images.c.image_id)
    statement = statement.where(moderated_images.c.state == state.value)
    if after is not None:
        since, image_id = place_of(after)
        last = tuple_(literal(since, place[0].type), literal(image_id, place[1].type))
        statement = statement.where(tuple_(*place) > last)
    found = connection.execute(statement.order_by(*place).limit(limit + 1)).scalars().all()
    records, known = read_images(connection, found[:limit]), read_moderated(connection, found[:limit])
    entries = tuple((records[image_id], known[image_id]) for image_id in found[:limit])
    return ReviewPage(
        entries=entries, next=cursor_after(entries[-1][1].since, found[limit - 1]) if len(found) > limit else None
    )


def read_counts(connection: Connection) -> dict[ModerationState, int]:
    """How many live images have each state; those that were never looked at have none."""
    statement = select(moderated_images.c.state, func.count().label("images")).join(
        images, images.c.id == moderated_images.c.image_id
    )
    found = {row.state: row.images for row in connection.execute(statement.group_by(moderated_images.c.state))}
    return {state: found.get(state.value, 0) for state in ModerationState}
