"""What filters look at, of all images or of those that changed since a moment: sizes, times, owners and tags."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import BigInteger, Connection, select, type_coerce

from lookalike.catalog.changing import READ_STATE, as_state, is_past
from lookalike.catalog.records import BEGINNING, CatalogState
from lookalike.catalog.schema import image_tags, images

ID_TYPE = np.dtype("S32")
_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageFacts:
    """Facts about live images, all of one moment.

    Attributes:
        state: of the catalog then.
        image_ids: [n] S32, ascending.
        widths: [n] int32, pixels.
        heights: [n] int32, pixels.
        uploaded: [n] int64, when each was added, microseconds since 1970 UTC.
        owners: n of them, None where nobody owns the image.
        tagged: [tags] int64, the places of images that have a tag, once for each tag.
        tags: in that order.
    """

    state: CatalogState
    image_ids: NDArray[np.bytes_]
    widths: NDArray[np.int32]
    heights: NDArray[np.int32]
    uploaded: NDArray[np.int64]
    owners: tuple[str | None, ...]
    tagged: NDArray[np.int64]
    tags: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.image_ids)


def read_facts(connection: Connection, since: CatalogState) -> ImageFacts | None:
    """Of every image that changed since that moment; see `ChangeSequence.facts`."""
    if since != BEGINNING and not is_past(connection, since):
        return None
    state = as_state(connection.execute(READ_STATE).one())
    changed = images.c.sequence > since.sequence
    uploaded = type_coerce(images.c.uploaded_at, BigInteger)
    statement = select(images.c.id, images.c.width, images.c.height, uploaded, images.c.owner_id)
    rows = connection.execute(statement.where(changed).order_by(images.c.id))
    columns: list[list[object]] = [[], [], [], [], []]
    for block in rows.partitions(_AT_ONCE):
        for column, values in zip(columns, zip(*block, strict=True), strict=True):
            column.extend(values)
    image_ids = np.array(columns[0], ID_TYPE)
    tagged = select(image_tags.c.image_id, image_tags.c.tag).join(images, images.c.id == image_tags.c.image_id)
    pairs = connection.execute(tagged.where(changed)).all()
    return ImageFacts(
        state=state,
        image_ids=image_ids,
        widths=np.array(columns[1], np.int32),
        heights=np.array(columns[2], np.int32),
        uploaded=np.array(columns[3], np.int64),
        owners=tuple(columns[4]),  # type: ignore[arg-type]  # text or NULL, as the column is
        tagged=np.searchsorted(image_ids, np.array([image_id for image_id, _ in pairs], ID_TYPE)),
        tags=tuple(tag for _, tag in pairs),
    )
