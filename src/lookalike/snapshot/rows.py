"""What a snapshot is built from: its rows, the plan of its index, and what closeness is calibrated with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.columns import ImageRows, unknown_rows
from lookalike.snapshot.centring import CENTRING_FILE, Centring
from lookalike.snapshot.recall import HalfVectors
from lookalike.snapshot.stored import (
    COLUMNS_FILE,
    ID_TYPE,
    IDS_FILE,
    REGION_TYPE,
    REGIONS_FILE,
    VISIBILITIES_FILE,
    VISIBILITY_CODES,
)
from lookalike.types import Mask, Vectors, Visibility


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotRows:
    """Regions of images with their vectors, ascending by image and then by region.

    Attributes:
        image_ids: of each row, at most 32 ASCII characters each.
        vectors: [rows, dimension] float32 unit rows, in that order; or float16, mapped from a file, which are then
            read in blocks as far as the backend can do with that.
        visibilities: in that order.
        regions: [rows], in that order, ascending for each image; None where all rows are whole images.
        columns: [rows] of `IMAGE_ROW`, in that order; None where nothing is known.
        centring: what was taken out of the vectors, and is to be taken out of queries; None for nothing.
        centre_from: public images from which vectors were to be centred; 0 for never.
    """

    image_ids: Sequence[str]
    vectors: Vectors | HalfVectors
    visibilities: Sequence[Visibility]
    regions: NDArray[np.int16] | None = None
    columns: ImageRows | None = None
    centring: Centring | None = None
    centre_from: int = 0

    def __len__(self) -> int:
        return len(self.image_ids)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What is stored beside the index, by the name of its file.

        Raises:
            ValueError: rows out of order, or sequences of different lengths.
        """
        ids = self._checked_ids()
        regions = np.zeros(len(ids), REGION_TYPE) if self.regions is None else self.regions.astype(REGION_TYPE)
        _require_order(ids, regions)
        return {
            IDS_FILE: ids,
            REGIONS_FILE: regions,
            VISIBILITIES_FILE: np.array([VISIBILITY_CODES[each] for each in self.visibilities], dtype=np.uint8),
            COLUMNS_FILE: self._checked_columns(),
            CENTRING_FILE: (self.centring or Centring.none(self.vectors.shape[1])).means,
        }

    def public(self) -> Mask:
        """[rows], true where everybody may see the image."""
        return np.array([visibility is Visibility.PUBLIC for visibility in self.visibilities], dtype=bool)

    def _checked_ids(self) -> NDArray[np.bytes_]:
        ids, vectors, visibilities = len(self.image_ids), len(self.vectors), len(self.visibilities)
        if not ids == vectors == visibilities:
            raise ValueError(f"{ids} ids, {vectors} vectors and {visibilities} visibilities")
        if any(len(image_id) > ID_TYPE.itemsize or not image_id.isascii() for image_id in self.image_ids):
            raise ValueError(f"image ids must be at most {ID_TYPE.itemsize} ASCII characters")
        return np.array(self.image_ids, dtype=ID_TYPE)

    def _checked_columns(self) -> ImageRows:
        columns = unknown_rows(len(self)) if self.columns is None else self.columns
        if columns.shape != (len(self),):
            raise ValueError(f"{len(columns)} rows of columns for {len(self)} images")
        return columns


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexPlan:
    """Which index to build, and how.

    Attributes:
        backend: a key of `BACKENDS`; None chooses by size and dimension.
        parameters: the backend's own build parameters; None chooses them by size and dimension.
        searching: the backend's own search parameters; None takes those that go with the build.
        threads: to build with; None for all cores.
    """

    backend: str | None = None
    parameters: Any = None
    searching: Any = None
    threads: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What closeness is calibrated with beside the library's own images.

    Attributes:
        reference_cosines: the model's own random-pair cosines, for libraries of fewer than 50 public images.
        strangers: [n, dimension] float32 unit rows, of pictures that have nothing to do with any library, uncentred.
    """

    reference_cosines: NDArray[np.float32] | None = None
    strangers: Vectors | None = None


def _require_order(ids: NDArray[np.bytes_], regions: NDArray[np.int16]) -> None:
    if len(regions) != len(ids):
        raise ValueError(f"{len(ids)} ids and {len(regions)} regions")
    next_region = (ids[:-1] == ids[1:]) & (regions[:-1] < regions[1:])
    if not np.all((ids[:-1] < ids[1:]) | next_region):
        raise ValueError("image ids must ascend, and the regions of each image; no two rows may be equal")
