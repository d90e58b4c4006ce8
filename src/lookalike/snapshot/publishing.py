"""Building a snapshot beside the others, and making it visible in one step."""

import contextlib
import errno
import logging
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from lookalike.catalog import CatalogState
from lookalike.columns import ImageRows, unknown_rows
from lookalike.durable import sync
from lookalike.errors import StorageFailed
from lookalike.neighbors import BACKENDS, VectorIndex, choose_backend
from lookalike.snapshot.closeness import Closeness
from lookalike.snapshot.manifest import MANIFEST_FILE, FileRecord, Manifest
from lookalike.snapshot.recall import HalfVectors, Truth, sampled_rows
from lookalike.snapshot.stored import (
    COLUMNS_FILE,
    ID_TYPE,
    IDS_FILE,
    REGION_TYPE,
    REGIONS_FILE,
    VISIBILITIES_FILE,
    VISIBILITY_CODES,
    Snapshot,
    folder_of,
    highest_number,
)
from lookalike.types import Vectors, Visibility

_log = logging.getLogger(__name__)

_SEED = 20_150_317
_SELF_SAMPLE = 1_000
_RECALL_SAMPLE = 500
_LAST_DIGIT = np.float32(1e-6)  # two float32 sums of the same products differ by less
_BLOCK = 65_536
_TAKEN = (errno.EEXIST, errno.ENOTEMPTY)


def publish(
    root: Path,
    *,
    model_name: str,
    fingerprint: str,
    state: CatalogState,
    image_ids: Sequence[str],
    vectors: Vectors | HalfVectors,
    visibilities: Sequence[Visibility],
    regions: NDArray[np.int16] | None = None,
    columns: ImageRows | None = None,
    backend: str | None = None,
    parameters: Any = None,
    searching: Any = None,
    threads: int | None = None,
    reference_cosines: NDArray[np.float32] | None = None,
    strangers: Vectors | None = None,
) -> Snapshot:
    """Build a snapshot and make it visible by one rename, after everything in it is on disk.

    Processes may publish at once: each gets its own number, and readers take the highest watermark. A process that is
    killed leaves a `tmp-` directory, which the next one to publish deletes.

    Args:
        root: where snapshots are; made if it is not there.
        model_name: for people.
        fingerprint: of the model that made the vectors.
        state: of the catalog, which the vectors include.
        image_ids: of each row, ascending, at most 32 ASCII characters each.
        vectors: [rows, dimension] float32 unit rows, in that order; or float16, mapped from a file, which are then
            read in blocks as far as the backend can do with that.
        visibilities: in that order.
        regions: [rows], in that order, ascending for each image; None where all rows are whole images.
        columns: [rows] of `IMAGE_ROW`, in that order; None where nothing is known.
        backend: of the index; None chooses by size and dimension.
        parameters: the backend's own build parameters; None chooses them by size and dimension.
        searching: the backend's own search parameters; None takes those that go with the build.
        threads: to build with; None for all cores.
        reference_cosines: the model's own random-pair cosines, for libraries of fewer than 50 public images.
        strangers: [n, dimension] float32 unit rows, of pictures that have nothing to do with any library.

    Raises:
        StorageFailed: the disk is full or failing; nothing was published and nothing is left behind.
        VectorsRefused: vectors that are not finite or not of unit length.
        ValueError: rows out of order, or sequences of different lengths.
    """
    ids = _checked_ids(image_ids, vectors, visibilities)
    public = np.array([visibility is Visibility.PUBLIC for visibility in visibilities], dtype=bool)
    regions = np.zeros(len(ids), REGION_TYPE) if regions is None else regions.astype(REGION_TYPE)
    _require_order(ids, regions)
    arrays = {
        IDS_FILE: ids,
        REGIONS_FILE: regions,
        VISIBILITIES_FILE: np.array([VISIBILITY_CODES[visibility] for visibility in visibilities], dtype=np.uint8),
        COLUMNS_FILE: _checked_columns(columns, len(ids)),
    }
    backend = backend or choose_backend(*vectors.shape)
    try:
        root.mkdir(parents=True, exist_ok=True)
        _collect_leftovers(root)
        with workspace(root) as work:
            index = _built(vectors, backend, parameters=parameters, threads=threads, work=work)
            index = index if searching is None else index.searching_with(searching)
            manifest = Manifest(
                number=0,
                model_name=model_name,
                fingerprint=fingerprint,
                dimension=vectors.shape[1],
                library_id=state.library_id,
                watermark=state.sequence,
                token=state.token,
                size=len(ids),
                backend=backend,
                created_at=datetime.now(UTC).isoformat(timespec="seconds"),
                files={},
                closeness=Closeness.of_index(
                    index, public=public, seed=_SEED, strangers=strangers, reference=reference_cosines
                ),
                self_recall=_self_recall(index, vectors),
                recall_at_10=_recall(index, vectors),
            )
            directory = _publish_files(root, work, manifest, index=index, arrays=arrays)
    except OSError as failure:
        raise StorageFailed(f"the snapshot could not be written to {root}: {failure.strerror or failure}") from failure
    return Snapshot.open(directory)


def _built(
    vectors: Vectors | HalfVectors, backend: str, *, parameters: Any, threads: int | None, work: Path
) -> VectorIndex:
    """The index; from blocks, where the vectors are in a file and the backend can do without having them in memory."""
    how = BACKENDS[backend]
    if vectors.dtype == np.float16 and how.build_from_blocks is not None:
        blocks, (size, dimension) = partial(_blocks, vectors), vectors.shape
        return how.build_from_blocks(blocks, size, dimension, working=work, parameters=parameters, threads=threads)
    return how.build(_as_float32(vectors), parameters=parameters, threads=threads)


def _blocks(vectors: Vectors | HalfVectors) -> Iterator[Vectors]:
    for start in range(0, len(vectors), _BLOCK):
        yield _as_float32(vectors[start : start + _BLOCK])


def _publish_files(
    root: Path, work: Path, manifest: Manifest, *, index: VectorIndex, arrays: Mapping[str, NDArray[Any]]
) -> Path:
    index.save(work)
    for name, array in arrays.items():
        np.save(work / name, array)
    files = {path.name: FileRecord.of(path) for path in sorted(work.iterdir())}
    for name in files:
        sync(work / name)
    return _make_visible(root, work, replace(manifest, files=files))


def _make_visible(root: Path, work: Path, manifest: Manifest) -> Path:
    """Write the manifest, and rename the directory to the next free number."""
    folder = folder_of(root, manifest.fingerprint)
    folder.mkdir(exist_ok=True)
    number = highest_number(root, manifest.fingerprint)
    while True:
        number += 1
        (work / MANIFEST_FILE).write_bytes(replace(manifest, number=number).encode())
        sync(work / MANIFEST_FILE)
        sync(work)
        target = folder / f"{number:06d}"
        try:
            work.rename(target)
        except OSError as failure:
            if failure.errno not in _TAKEN:
                raise
            continue  # another process took this number a moment ago
        sync(folder)
        sync(root)
        return target


@contextlib.contextmanager
def workspace(root: Path) -> Iterator[Path]:
    """A new directory in a folder of snapshots, gone when the `with` ends.

    Other processes know by a lock that it is in use, and delete what a killed process left when they next publish.
    """
    work = root / f"tmp-{uuid.uuid4().hex}"
    lock = FileLock(_lock_path(work))
    with lock:  # the lock comes first: a directory without one has no owner
        work.mkdir()
        try:
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)
            _lock_path(work).unlink(missing_ok=True)


def _collect_leftovers(root: Path) -> None:
    """Delete what killed processes left behind."""
    works = {path.with_suffix("") for path in root.glob("tmp-*")}
    for work in sorted(works):
        lock = FileLock(_lock_path(work))
        try:
            with lock.acquire(timeout=0):
                _log.info("deleting %s, which a process that ended left behind", work)
                shutil.rmtree(work, ignore_errors=True)
                _lock_path(work).unlink(missing_ok=True)
        except Timeout:
            continue  # its owner is at work


def _lock_path(work: Path) -> Path:
    return work.with_suffix(".lock")


def _checked_ids(
    image_ids: Sequence[str], vectors: Vectors | HalfVectors, visibilities: Sequence[Visibility]
) -> NDArray[np.bytes_]:
    if not len(image_ids) == len(vectors) == len(visibilities):
        raise ValueError(f"{len(image_ids)} ids, {len(vectors)} vectors and {len(visibilities)} visibilities")
    if any(len(image_id) > ID_TYPE.itemsize or not image_id.isascii() for image_id in image_ids):
        raise ValueError(f"image ids must be at most {ID_TYPE.itemsize} ASCII characters")
    return np.array(image_ids, dtype=ID_TYPE)


def _require_order(ids: NDArray[np.bytes_], regions: NDArray[np.int16]) -> None:
    if len(regions) != len(ids):
        raise ValueError(f"{len(ids)} ids and {len(regions)} regions")
    next_region = (ids[:-1] == ids[1:]) & (regions[:-1] < regions[1:])
    if not np.all((ids[:-1] < ids[1:]) | next_region):
        raise ValueError("image ids must ascend, and the regions of each image; no two rows may be equal")


def _checked_columns(columns: ImageRows | None, images: int) -> ImageRows:
    columns = unknown_rows(images) if columns is None else columns
    if columns.shape != (images,):
        raise ValueError(f"{len(columns)} rows of columns for {images} images")
    return columns


def _self_recall(index: VectorIndex, vectors: Vectors | HalfVectors) -> float:
    rows = sampled_rows(len(vectors), _SELF_SAMPLE, seed=_SEED)
    if not len(rows):
        return 1.0
    queries = _as_float32(vectors[rows])
    own = np.minimum(np.vecdot(queries, index.vectors(rows)), 1)
    found = index.search(queries, 1)
    return float(np.mean((found.rows[:, 0] == rows) | (found.cosines[:, 0] >= own - _LAST_DIGIT)))


def _recall(index: VectorIndex, vectors: Vectors | HalfVectors) -> float:
    rows = sampled_rows(len(vectors), _RECALL_SAMPLE, seed=_SEED)
    truth = Truth.of(vectors, _as_float32(vectors[rows]), own=rows)
    return truth.recall_of(index, lambda found: _as_float32(vectors[found])).mean


def _as_float32(vectors: Vectors | HalfVectors) -> Vectors:
    return np.asarray(vectors, dtype=np.float32)
