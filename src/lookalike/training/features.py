"""Features of a library's images, computed once for each base model and cached on disk; works without torch.

A folder holds `rows.f32` ([n, d] float32, row after row) and `image_ids.txt` (a line an image). Rows are made durable
before their lines, so whatever a kill leaves behind, the images that both files hold completely are good.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lookalike.durable import append
from lookalike.embedding import pool_parts
from lookalike.embedding.runtimes import Descriptors
from lookalike.errors import CallerError, InternalFault, StorageFailed, TrainingRefused
from lookalike.types import Batch

_ROWS = "rows.f32"
_IMAGE_IDS = "image_ids.txt"
_ITEM = np.dtype(np.float32).itemsize


class Describing(Protocol):
    """The part of an `Encoder` that is needed here."""

    fingerprint: str

    def descriptors(self, batch: Batch) -> Descriptors:
        """[images, 3, size, size] float32 to [images, d] float32."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Described:
    """Images with their descriptors.

    Attributes:
        image_ids: in the order asked for, without those that could not be described.
        rows: place in `descriptors` of each of them, [images] int64.
        descriptors: [n, d] float32, a read-only map of the file, with all that was ever described.
        refused: image id -> why it could not be described.
    """

    image_ids: tuple[str, ...]
    rows: NDArray[np.int64]
    descriptors: Descriptors
    refused: dict[str, str]

    def features(self) -> Descriptors:
        """[images, d] float32 in memory, in the order of `image_ids`."""
        return np.ascontiguousarray(self.descriptors[self.rows])


def describe_images(
    image_ids: Sequence[str],
    encoder: Describing,
    prepare: Callable[[str], NDArray[np.float32]],
    *,
    folder: Path,
    block: int = 32,
    progress: Callable[[int], None] = lambda _: None,
) -> Described:
    """Computes the features of images that the folder does not contain yet; a killed run continues where it stopped.

    Args:
        image_ids: of the library's images. Others that the folder holds are ignored.
        encoder: of the base model.
        prepare: [parts, 3, size, size] float32 of an image, whose descriptors are pooled; where it raises a
            `CallerError` the image is left out.
        folder: of all caches, each in a folder named by its model's fingerprint. One process writes to it at a time.
        block: images described and made durable together.
        progress: told how many more images are finished.

    Raises:
        TrainingRefused: none of the images can be described.
        StorageFailed: the folder cannot be written.
    """
    try:
        return _describe(image_ids, encoder, prepare, folder / encoder.fingerprint, block, progress)
    except OSError as error:
        raise StorageFailed(f"{folder}: cannot keep descriptors: {error.strerror or error}") from error


def _describe(
    image_ids: Sequence[str],
    encoder: Describing,
    prepare: Callable[[str], NDArray[np.float32]],
    folder: Path,
    block: int,
    progress: Callable[[int], None],
) -> Described:
    folder.mkdir(parents=True, exist_ok=True)
    wanted = list(dict.fromkeys(image_ids))
    known, width = _recover(folder)
    missing = [image_id for image_id in wanted if image_id not in known]
    progress(len(wanted) - len(missing))
    refused: dict[str, str] = {}
    for start in range(0, len(missing), block):
        part = missing[start : start + block]
        good = _prepared(part, prepare, refused)
        if good:
            described = encoder.descriptors(np.concatenate(list(good.values())))
            found = pool_parts(described, [len(rows) for rows in good.values()])
            width = _append(folder, list(good), found, width)
            known |= {image_id: len(known) + place for place, image_id in enumerate(good)}
        progress(len(part))
    kept = tuple(image_id for image_id in wanted if image_id in known)
    if not kept:
        raise TrainingRefused(f"none of {len(wanted)} images can be read: index images first")
    rows = np.array([known[image_id] for image_id in kept], np.int64)
    mapped: Descriptors = np.memmap(folder / _ROWS, np.float32, "r", shape=(len(known), width))
    return Described(image_ids=kept, rows=rows, descriptors=mapped, refused=refused)


def _prepared(
    image_ids: Sequence[str], prepare: Callable[[str], NDArray[np.float32]], refused: dict[str, str]
) -> dict[str, NDArray[np.float32]]:
    """Image id -> what the model takes; an image that is no good goes to `refused` and the next one follows."""
    good = {}
    for image_id in image_ids:
        try:
            good[image_id] = prepare(image_id)
        except CallerError as error:
            refused[image_id] = str(error)
    return good


def _append(folder: Path, image_ids: Sequence[str], found: Descriptors, width: int) -> int:
    """Rows first, then lines that name them; returns d."""
    if width and found.shape[1] != width:
        raise InternalFault(f"{folder}: holds descriptors of {width} values, the model gave {found.shape[1]}")
    append(folder / _ROWS, np.ascontiguousarray(found, np.float32).tobytes())
    append(folder / _IMAGE_IDS, "".join(f"{found.shape[1]} {image_id}\n" for image_id in image_ids).encode())
    return int(found.shape[1])


def _recover(folder: Path) -> tuple[dict[str, int], int]:
    """Image id -> row, and d (0 when empty), after what a kill left half-written is cut off."""
    names, rows = folder / _IMAGE_IDS, folder / _ROWS
    if not names.exists() or not rows.exists():
        names.unlink(missing_ok=True)
        rows.unlink(missing_ok=True)
        return {}, 0
    lines = names.read_bytes().splitlines(keepends=True)
    whole = [line for line in lines if line.endswith(b"\n")]
    width = int(whole[0].split(b" ")[0]) if whole else 0
    count = min(len(whole), rows.stat().st_size // (width * _ITEM)) if width else 0
    os.truncate(names, sum(map(len, whole[:count])))
    os.truncate(rows, count * width * _ITEM)
    return {line.decode().rstrip("\n").split(" ", 1)[1]: row for row, line in enumerate(whole[:count])}, width
