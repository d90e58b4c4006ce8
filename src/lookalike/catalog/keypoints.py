"""Keypoints of images: derived from their bytes, so that they may be missing and be made again."""

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, delete, exists, select

from lookalike.catalog.changing import chunks
from lookalike.catalog.images import SELECT_IMAGES, from_rows
from lookalike.catalog.records import is_image_id
from lookalike.catalog.schema import images, keypoints
from lookalike.catalog.upserting import insert_into
from lookalike.types import Image


def write_keypoints(connection: Connection, recipe: int, packed: Mapping[str, bytes]) -> None:
    """Keep keypoints, in place of others; see `StoredKeypoints.add`."""
    live: set[str] = set()
    for chunk in chunks(packed):
        # On a server, an image that is being deleted must not vanish before its keypoints are written.
        alive = select(images.c.id).where(images.c.id.in_(chunk)).with_for_update(key_share=True, read=True)
        live.update(connection.execute(alive).scalars())
    rows = [{"image_id": one, "recipe": recipe, "points": packed[one]} for one in sorted(live)]
    if rows:
        added = insert_into(connection, keypoints)
        new = {name: added.excluded[name] for name in ("recipe", "points")}
        connection.execute(added.on_conflict_do_update(index_elements=[keypoints.c.image_id], set_=new), rows)


def read_keypoints(connection: Connection, recipe: int, image_ids: Iterable[str]) -> dict[str, bytes]:
    """Of those live images that have some; see `StoredKeypoints.get`."""
    found: dict[str, bytes] = {}
    for chunk in chunks({image_id for image_id in image_ids if is_image_id(image_id)}):
        statement = select(keypoints.c.image_id, keypoints.c.points).where(
            keypoints.c.image_id.in_(chunk), keypoints.c.recipe == recipe
        )
        found.update((image_id, bytes(points)) for image_id, points in connection.execute(statement))
    return found


def without_keypoints(connection: Connection, recipe: int, *, limit: int, after: str) -> list[Image]:
    """Some of the live, readable images that have none; see `StoredKeypoints.images_without`."""
    has_some = exists().where(keypoints.c.image_id == images.c.id, keypoints.c.recipe == recipe)
    statement = SELECT_IMAGES.where(images.c.error.is_(None), images.c.id > after, ~has_some)
    return from_rows(connection, connection.execute(statement.order_by(images.c.id).limit(limit)).all())


def with_keypoints(connection: Connection, recipe: int, image_ids: Iterable[str]) -> set[str]:
    """Those of the images that have some."""
    found: set[str] = set()
    for chunk in chunks({image_id for image_id in image_ids if is_image_id(image_id)}):
        statement = select(keypoints.c.image_id).where(keypoints.c.recipe == recipe, keypoints.c.image_id.in_(chunk))
        found.update(connection.execute(statement).scalars())
    return found


def has_keypoints(connection: Connection) -> bool:
    """Whether any image has some, of any recipe."""
    return bool(connection.execute(select(exists().select_from(keypoints))).scalar_one())


def drop_keypoints(connection: Connection, *, most: int) -> int:
    """Forget the keypoints of at most so many images; of how many they were."""
    some = select(keypoints.c.image_id).order_by(keypoints.c.image_id).limit(most)
    return connection.execute(delete(keypoints).where(keypoints.c.image_id.in_(some))).rowcount
