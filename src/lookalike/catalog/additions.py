"""Adding images: what is new, what is known, what was deleted, in one transaction for the whole batch."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
from sqlalchemy import Connection, bindparam, delete, insert, select, update

from lookalike.catalog import moderation, recycle_bin
from lookalike.catalog.changing import Changing, chunks
from lookalike.catalog.images import bury_abandoned, change_image, read_image, read_images, tag_rows
from lookalike.catalog.records import AdditionResult, Deletion, ImageAddition
from lookalike.catalog.schema import image_tags, images, tombstones
from lookalike.catalog.sources import SeenFile, write_sources
from lookalike.catalog.vectors import encode, write_vectors
from lookalike.columns import COLUMNS
from lookalike.errors import VectorsRefused
from lookalike.types import WHOLE_IMAGE, RowKey, Visibility


@dataclass(slots=True)
class _Live:
    """What decides about a second sight of an image that is there already."""

    unreadable: bool
    has_upload: bool


@dataclass(slots=True)
class _Plan:
    """What the batch comes to, image by image, before a row is written."""

    live: dict[str, _Live]
    deleted: dict[str, str]
    created: dict[str, ImageAddition] = field(default_factory=dict)
    repaired: dict[str, ImageAddition] = field(default_factory=dict)
    uploaded: dict[str, str | None] = field(default_factory=dict)
    seen: dict[str, SeenFile] = field(default_factory=dict)
    returned: set[str] = field(default_factory=set)
    vectors: dict[str, dict[RowKey, bytes]] = field(default_factory=dict)

    def take(self, addition: ImageAddition, vector: bytes | None) -> AdditionResult:
        """Decide about one addition."""
        image_id = addition.content_id
        if addition.source is not None:
            self.seen[addition.source.path] = SeenFile(addition.source, image_id, addition.refused_under)
        known = self.live.get(image_id)
        if known is None and self.deleted.get(image_id) == Deletion.REQUESTED and not addition.restore:
            return AdditionResult.LEFT_OUT
        if addition.fingerprint is not None and vector is not None:
            self.vectors.setdefault(addition.fingerprint, {})[image_id, WHOLE_IMAGE] = vector
        if known is None:
            self.live[image_id] = _Live(addition.error is not None, addition.upload is not None)
            self.created[image_id] = addition
            return AdditionResult.NEW
        self._take_again(addition, known)
        if image_id in self.returned:
            self.returned.discard(image_id)
            return AdditionResult.RETURNED
        return AdditionResult.KNOWN

    def _take_again(self, addition: ImageAddition, known: _Live) -> None:
        if addition.upload is not None and not known.has_upload:
            known.has_upload = True
            self.uploaded[addition.content_id] = addition.upload_name
        if known.unreadable:
            known.unreadable = addition.error is not None
            self.repaired[addition.content_id] = addition


def add_images(changing: Changing, additions: Sequence[ImageAddition]) -> list[AdditionResult]:
    """Add a batch; see `Images.add`."""
    encoded = _encode(additions)
    ids = list(dict.fromkeys(addition.content_id for addition in additions))
    returned = recycle_bin.take_back(changing, ids)
    plan = _Plan(
        live=_live(changing.connection, ids), deleted=_deleted(changing.connection, ids), returned=set(returned)
    )
    results = [plan.take(addition, vector) for addition, vector in zip(additions, encoded, strict=True)]
    _create(changing, plan)
    _repair(changing, plan)
    described = plan.created | plan.repaired
    verdicts = {one: addition.verdict for one, addition in described.items() if addition.verdict is not None}
    moderation.enter(changing, plan.created.keys(), plan.repaired.keys(), verdicts)
    changed = set(plan.repaired)
    for fingerprint, vectors in plan.vectors.items():
        changed |= write_vectors(changing, fingerprint, vectors)
    changes = write_sources(changing, plan.seen)
    _inherit(changing, [(before, now) for before, now in changes.replaced if now in plan.created])
    changing.touch((changed | changes.renamed) - plan.created.keys())
    # What is new may be homeless too: a later addition of this batch can have its path.
    bury_abandoned(changing, changes.lost | returned | plan.created.keys())
    return results


def _encode(additions: Sequence[ImageAddition]) -> list[bytes | None]:
    """The bytes to keep of each addition's vector.

    Raises:
        VectorsRefused: one is not finite, not of unit length, or of another dimension than the model's others.
    """
    encoded: list[bytes | None] = []
    dimensions: dict[str, int] = {}
    for addition in additions:
        if addition.vector is None or addition.fingerprint is None:
            encoded.append(None)
            continue
        row = np.asarray(addition.vector)
        if dimensions.setdefault(addition.fingerprint, row.size) != row.size:
            raise VectorsRefused(f"vectors of {addition.fingerprint[:12]} have more than one dimension")
        encoded.extend(encode(row[np.newaxis]))
    return encoded


def _live(connection: Connection, ids: Iterable[str]) -> dict[str, _Live]:
    found: dict[str, _Live] = {}
    for chunk in chunks(ids):
        statement = select(images.c.id, images.c.error, images.c.has_upload).where(images.c.id.in_(chunk))
        for image_id, error, has_upload in connection.execute(statement):
            found[image_id] = _Live(error is not None, has_upload)
    return found


def _deleted(connection: Connection, ids: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for chunk in chunks(ids):
        statement = select(tombstones.c.image_id, tombstones.c.reason).where(tombstones.c.image_id.in_(chunk))
        found.update((image_id, reason) for image_id, reason in connection.execute(statement))
    return found


def _create(changing: Changing, plan: _Plan) -> None:
    now = datetime.now(UTC)
    for chunk in chunks(image_id for image_id in plan.created if image_id in plan.deleted):
        changing.connection.execute(delete(tombstones).where(tombstones.c.image_id.in_(chunk)))
    numbers = changing.take(len(plan.created))
    rows = [
        {
            **_description(addition),
            "id": image_id,
            "owner_id": addition.owner_id or None,
            "uploaded_at": addition.uploaded_at or now,
            "visibility": addition.visibility.value,
            "has_upload": plan.live[image_id].has_upload,
            "upload_name": addition.upload_name,
            "sequence": number,
        }
        for number, (image_id, addition) in zip(numbers, plan.created.items(), strict=True)
    ]
    changing.execute_many(insert(images), rows)
    tags = [
        tag
        for row, addition in zip(rows, plan.created.values(), strict=True)
        for tag in tag_rows(row["id"], addition.tags, uploaded_at=row["uploaded_at"])
    ]
    changing.execute_many(insert(image_tags), tags)


def _inherit(changing: Changing, replaced: Sequence[tuple[str, str]]) -> None:
    """Give new images what people had set on the images that were at their paths: a file edited in place.

    Of several predecessors the least visible one decides; tags and owner are only given where the image has none. What
    moderation hides is inherited as it would be without that.
    """
    predecessors = read_images(changing.connection, {before for before, _ in replaced})
    wished = moderation.wishes(changing.connection, {one for pair in replaced for one in pair})
    for before, now in replaced:
        old = predecessors.get(before)
        if old is None:
            continue
        new = read_image(changing.connection, now)
        old_wish, new_wish = wished.get(before, old.visibility), wished.get(now, new.visibility)
        if not (old.tags or old.owner_id or old_wish is not Visibility.PUBLIC):
            continue
        least = max(old_wish, new_wish, key=list(Visibility).index)
        if now in wished:
            moderation.set_wishes(changing, {now: least})
            wished[now] = least
        change_image(
            changing,
            now,
            visibility=None if now in wished else least,
            tags=new.tags or old.tags,
            owner_id=new.owner_id or old.owner_id,
        )


def _description(addition: ImageAddition) -> dict[str, Any]:
    return {
        "width": addition.width,
        "height": addition.height,
        "mean_colour": addition.mean_colour,
        **{column.name: column.stored(addition.columns) for column in COLUMNS},
        "media_type": addition.media_type,
        "byte_count": addition.byte_count,
        "error": addition.error,
    }


def _repair(changing: Changing, plan: _Plan) -> None:
    """Write what was learnt about images that could not be read before, and which ones have an upload now."""
    learnt = ("width", "height", "mean_colour", "media_type", "byte_count", "error", *(one.name for one in COLUMNS))
    repair = (
        update(images)
        .where(images.c.id == bindparam("repaired"))
        .values({name: bindparam(f"new_{name}", type_=images.c[name].type) for name in learnt})
    )
    changing.execute_many(
        repair,
        [
            {"repaired": image_id} | {f"new_{name}": value for name, value in _description(addition).items()}
            for image_id, addition in plan.repaired.items()
        ],
    )
    uploaded = (
        update(images)
        .where(images.c.id == bindparam("uploaded"))
        .values(has_upload=True, upload_name=bindparam("sent_as", type_=images.c.upload_name.type))
    )
    changing.execute_many(
        uploaded, [{"uploaded": image_id, "sent_as": name} for image_id, name in sorted(plan.uploaded.items())]
    )
