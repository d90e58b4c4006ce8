"""Building a snapshot beside the others, and making it visible in one step."""

import contextlib
import errno
import logging
import shutil
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from lookalike.catalog import CatalogState
from lookalike.durable import sync
from lookalike.errors import SnapshotDamaged, StorageFailed
from lookalike.neighbors import BACKENDS, VectorIndex, choose_backend
from lookalike.snapshot.auditing import audit
from lookalike.snapshot.closeness import Closeness
from lookalike.snapshot.manifest import MANIFEST_FILE, FileRecord, Manifest
from lookalike.snapshot.recall import HalfVectors, Truth, sampled_rows
from lookalike.snapshot.rows import Calibration, IndexPlan, SnapshotRows
from lookalike.snapshot.stored import Snapshot, folder_of, highest_number
from lookalike.types import Vectors

_log = logging.getLogger(__name__)

_SEED = 20_150_317
_SELF_SAMPLE = 1_000
_RECALL_SAMPLE = 500
_LAST_DIGIT = np.float32(1e-6)  # two float32 sums of the same products differ by less
_BLOCK = 65_536
_TAKEN = (errno.EEXIST, errno.ENOTEMPTY)


def publish(
    root: Path,
    rows: SnapshotRows,
    *,
    model_name: str,
    fingerprint: str,
    state: CatalogState,
    index: IndexPlan | None = None,
    calibration: Calibration | None = None,
) -> Snapshot:
    """Build a snapshot and make it visible by one rename, after everything in it is on disk.

    Processes may publish at once: each gets its own number, and readers take the highest watermark. A process that is
    killed leaves a `tmp-` directory, which the next one to publish deletes.

    Args:
        root: where snapshots are; made if it is not there.
        rows: what the snapshot holds.
        model_name: for people.
        fingerprint: of the model that made the vectors.
        state: of the catalog, which the vectors include.
        index: which one to build; None chooses by size and dimension.
        calibration: of closeness; None where only the library's images can tell it.

    Raises:
        StorageFailed: the disk is full or failing; nothing was published and nothing is left behind.
        VectorsRefused: vectors that are not finite or not of unit length.
        SnapshotDamaged: what was written does not hold what it was built from; nothing was published.
        ValueError: rows out of order, or sequences of different lengths.
    """
    arrays = rows.arrays()
    try:
        root.mkdir(parents=True, exist_ok=True)
        _collect_leftovers(root)
        with workspace(root) as work:
            built = _built(rows.vectors, index or IndexPlan(), work=work)
            manifest = _manifest(
                built, rows, calibration or Calibration(), model_name=model_name, fingerprint=fingerprint, state=state
            )
            _write_files(work, index=built, arrays=arrays)
            _require_sound(manifest, work, rows)
            directory = _publish_files(root, work, manifest)
    except OSError as failure:
        raise StorageFailed(f"the snapshot could not be written to {root}: {failure.strerror or failure}") from failure
    return Snapshot.open(directory)


def _built(vectors: Vectors | HalfVectors, plan: IndexPlan, *, work: Path) -> VectorIndex:
    """The index; from blocks, where the vectors are in a file and the backend can do without having them in memory."""
    how = BACKENDS[plan.backend or choose_backend(*vectors.shape)]
    if vectors.dtype == np.float16 and how.build_from_blocks is not None:
        blocks, (size, dimension) = partial(_blocks, vectors), vectors.shape
        index = how.build_from_blocks(
            blocks, size, dimension, working=work, parameters=plan.parameters, threads=plan.threads
        )
    else:
        index = how.build(_as_float32(vectors), parameters=plan.parameters, threads=plan.threads)
    return index if plan.searching is None else index.searching_with(plan.searching)


def _manifest(
    index: VectorIndex,
    rows: SnapshotRows,
    calibration: Calibration,
    *,
    model_name: str,
    fingerprint: str,
    state: CatalogState,
) -> Manifest:
    """What the snapshot is, and what was measured of it, before it has a number and files."""
    return Manifest(
        number=0,
        model_name=model_name,
        fingerprint=fingerprint,
        dimension=rows.vectors.shape[1],
        library_id=state.library_id,
        watermark=state.sequence,
        token=state.token,
        size=len(rows),
        backend=index.backend,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        files={},
        centre_from=rows.centre_from,
        closeness=Closeness.of_index(
            index,
            public=rows.public(),
            seed=_SEED,
            strangers=calibration.strangers,
            reference=calibration.reference_cosines,
            centring=rows.centring,
        ),
        self_recall=_self_recall(index, rows.vectors),
        recall_at_10=_recall(index, rows.vectors),
    )


def _blocks(vectors: Vectors | HalfVectors) -> Iterator[Vectors]:
    for start in range(0, len(vectors), _BLOCK):
        yield _as_float32(vectors[start : start + _BLOCK])


def _write_files(work: Path, *, index: VectorIndex, arrays: Mapping[str, NDArray[Any]]) -> None:
    index.save(work)
    for name, array in arrays.items():
        np.save(work / name, array)


def _require_sound(manifest: Manifest, work: Path, rows: SnapshotRows) -> None:
    """Let a snapshot be published whose files hold what it was built from.

    Raises:
        SnapshotDamaged: they do not.
    """
    problems = audit(Snapshot.unchecked(manifest, work), rows)
    if problems:
        raise SnapshotDamaged(
            f"the new index is not published: {'; '.join(problems)}; the one before goes on answering"
        )


def _publish_files(root: Path, work: Path, manifest: Manifest) -> Path:
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
