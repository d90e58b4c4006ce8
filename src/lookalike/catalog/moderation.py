"""What moderation found of images, what people decided about them, and whether it hides them.

An image that moderation hides has the visibility `blocked`, like any other that nobody may see, so that whatever leaves
out blocked images leaves it out, too. The visibility that it has otherwise is kept beside it.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection, Row, bindparam, case, delete, select, update

from lookalike.catalog.changing import Changing, chunks
from lookalike.catalog.records import is_image_id
from lookalike.catalog.schema import images, moderated_images
from lookalike.catalog.upserting import insert_into
from lookalike.catalog.verdicts import Moderated, Verdict
from lookalike.errors import ImageHeld, UnknownImage
from lookalike.types import ModerationState, Visibility

Verdicts: TypeAlias = Mapping[str, Verdict]
"""By the id of an image."""


def read_moderated(connection: Connection, image_ids: Iterable[str]) -> dict[str, Moderated]:
    """What is known of those that were moderated, by id."""
    found: dict[str, Moderated] = {}
    for chunk in chunks(one for one in dict.fromkeys(image_ids) if is_image_id(one)):
        statement = select(moderated_images).where(moderated_images.c.image_id.in_(chunk))
        found.update((row.image_id, _moderated(row)) for row in connection.execute(statement))
    return found


def wishes(connection: Connection, image_ids: Iterable[str]) -> dict[str, Visibility]:
    """Of images that moderation hides: the visibility that they have otherwise."""
    found = read_moderated(connection, image_ids)
    return {one: about.visibility for one, about in found.items() if about.verdict.state.hides}


def wish(changing: Changing, image_id: str, visibility: Visibility) -> Visibility:
    """Note which visibility an image is to have; what it has now.

    Raises:
        ImageHeld: moderation hides it, and it was to be seen.
    """
    if image_id not in wishes(changing.connection, [image_id]):
        return visibility
    if visibility is not Visibility.BLOCKED:
        raise ImageHeld.of(image_id)
    set_wishes(changing, {image_id: visibility})
    return Visibility.BLOCKED


def set_wishes(changing: Changing, wished: Mapping[str, Visibility]) -> None:
    """Note which visibility hidden images have once moderation shows them."""
    statement = update(moderated_images).where(moderated_images.c.image_id == bindparam("moderated"))
    changing.execute_many(
        statement.values(visibility=bindparam("wished")),
        [{"moderated": one, "wished": visibility.value} for one, visibility in wished.items()],
    )


def enter(changing: Changing, created: Collection[str], repaired: Collection[str], verdicts: Verdicts) -> None:
    """Write what was found of images that were just added, and hide those that must not be seen.

    What people decided about the same bytes before goes on to hold.

    Args:
        changing: the transaction that added them, so that none of them is seen for a moment.
        created: ids of those that are new.
        repaired: ids of those that could not be read before.
        verdicts: of those of them that were looked at.
    """
    for one, about in _known(changing.connection, [*created, *repaired], new=created).items():
        if about.decided_by is not None:
            _write(changing.connection, about)
        elif one in verdicts:
            _write(changing.connection, replace(about, verdict=verdicts[one]))


def judge(changing: Changing, verdicts: Verdicts) -> set[str]:
    """Write what was found of live images; what people decided goes on to hold.

    Returns:
        The ids of those whose state is another one now.
    """
    changed: set[str] = set()
    for one, about in _known(changing.connection, verdicts).items():
        verdict, kept = verdicts[one], about.verdict
        if about.decided_by is not None:
            verdict = replace(verdict, state=kept.state, untrusted=kept.untrusted)
        _write(changing.connection, replace(about, verdict=verdict))
        if kept.state is not verdict.state:
            changed.add(one)
    changing.touch(changed)
    return changed


def decide(
    changing: Changing, image_ids: Sequence[str], state: ModerationState, *, actor: str
) -> dict[str, ModerationState]:
    """Write a person's decision, see `Moderation.decide`; the states before it, by id."""
    connection, now = changing.connection, datetime.now(UTC)
    known = _known(connection, image_ids)
    for one in image_ids:
        if one not in known:
            raise UnknownImage.of(one)
    for about in known.values():
        verdict = replace(about.verdict, state=state)
        _write(connection, replace(about, verdict=verdict, decided_by=actor, decided_at=now))
    changing.touch(known)
    return {one: about.verdict.state for one, about in known.items()}


def forget_undecided(connection: Connection, image_ids: Collection[str]) -> None:
    """Leave nothing of images that were deleted but what people decided about them."""
    for chunk in chunks(image_ids):
        undecided = moderated_images.c.image_id.in_(chunk) & moderated_images.c.decided_by.is_(None)
        connection.execute(delete(moderated_images).where(undecided))


def _write(connection: Connection, about: Moderated) -> None:
    """Write what is known of a live image, and give it the visibility that this leads to."""
    verdict, now = about.verdict, datetime.now(UTC)
    values: dict[str, Any] = {
        "state": verdict.state.value,
        "reason": verdict.reason,
        "scores": json.dumps({label: round(score, 6) for label, score in verdict.scores.items()}),
        "classifiers": verdict.classifiers,
        "untrusted": verdict.untrusted,
        "visibility": about.visibility.value,
        "decided_by": about.decided_by,
        "decided_at": about.decided_at,
    }
    statement = insert_into(connection, moderated_images).values(image_id=about.image_id, since=now, **values)
    is_same = moderated_images.c.state == verdict.state.value
    since = case((is_same, moderated_images.c.since), else_=statement.excluded.since)
    connection.execute(statement.on_conflict_do_update(index_elements=["image_id"], set_=values | {"since": since}))
    visibility = Visibility.BLOCKED if verdict.state.hides else about.visibility
    shown = update(images).where(images.c.id == about.image_id).values(visibility=visibility.value)
    connection.execute(shown)


def _known(connection: Connection, image_ids: Iterable[str], *, new: Collection[str] = ()) -> dict[str, Moderated]:
    """What is known of live images, with the visibility that each has where moderation does not hide it.

    Args:
        connection: to the catalog.
        image_ids: of the images.
        new: those whose record has that visibility, whatever was known of the same bytes.
    """
    wanted = [one for one in dict.fromkeys(image_ids) if is_image_id(one)]
    before = read_moderated(connection, wanted)
    found: dict[str, Moderated] = {}
    for chunk in chunks(wanted):
        rows = connection.execute(select(images.c.id, images.c.visibility).where(images.c.id.in_(chunk)))
        for one, visibility in rows:
            about = before.get(one) or Moderated.never(one)
            is_apart = about.verdict.state.hides and one not in new
            found[one] = about if is_apart else replace(about, visibility=Visibility(visibility))
    return found


def _moderated(row: Row[Any]) -> Moderated:
    return Moderated(
        image_id=row.image_id,
        verdict=Verdict(
            state=ModerationState(row.state),
            reason=row.reason,
            scores=json.loads(row.scores),
            classifiers=row.classifiers,
            untrusted=row.untrusted,
        ),
        visibility=Visibility(row.visibility),
        since=row.since,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
    )
