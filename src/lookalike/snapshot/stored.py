"""Opening what was published."""

import contextlib
import logging
import os
import shutil
import time
import uuid
from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.catalog import Catalog
from lookalike.columns import IMAGE_ROW, ImageRows, share_repeated
from lookalike.durable import replace_file
from lookalike.errors import DependencyMissing, SnapshotDamaged, SnapshotOutdated, StorageFailed
from lookalike.neighbors import BACKENDS, AllowedRows, VectorIndex
from lookalike.snapshot.centring import CENTRING_FILE, Centring
from lookalike.snapshot.closeness import Closeness
from lookalike.snapshot.manifest import Manifest
from lookalike.types import WHOLE_IMAGE, Mask, RowKey, Rows, Visibility

_log = logging.getLogger(__name__)

IDS_FILE = "image_ids.npy"
ID_TYPE = np.dtype("S32")
REGIONS_FILE = "regions.npy"
REGION_TYPE = np.dtype("<i2")
VISIBILITIES_FILE = "visibilities.npy"
COLUMNS_FILE = "columns.npy"
VISIBILITY_CODES = {Visibility.BLOCKED: 0, Visibility.PUBLIC: 1, Visibility.PRIVATE: 2}
"""How a visibility is stored. Only `PUBLIC` is shown, and a page of zeros shows nothing."""

SET_ASIDE = "set-aside"
"""The folder beside the models' folders for snapshots that were built from another catalog or another past of it."""

_READ_AT_OPENING = 1 << 30  # files above a GiB are only measured when opened; `verify` reads them
_TRIES = 3
_FINGERPRINT_DIGITS = 12
_KEPT_CENTRINGS = "centring-*.npy"
_MOST_CENTRINGS = 100  # of deleted snapshots: a megabyte at most


class Snapshot:
    """An immutable generation of the index table: vectors, the images they are of, and who may see those.

    Row r of the index is region `regions[r]` of the image `image_ids[r]`. Safe to read from many threads. Files are
    mapped, so that several processes share one copy; on POSIX they stay readable after `prune` deletes them.

    Attributes:
        manifest: what it is.
        directory: where it is.
        index: searched by row.
        image_ids: [size] S32, ascending.
        regions: [size] int16, ascending for each image; the first is the whole image.
        visibilities: [size] uint8, see `VISIBILITY_CODES`.
        columns: [size] of `IMAGE_ROW`, what is kept of each image beside its vector.
        centring: what was taken out of the catalog's vectors for the index, and is taken out of queries.
    """

    def __init__(
        self,
        manifest: Manifest,
        directory: Path,
        *,
        index: VectorIndex,
        image_ids: NDArray[np.bytes_],
        regions: NDArray[np.int16],
        visibilities: NDArray[np.uint8],
        columns: ImageRows,
        centring: Centring,
    ) -> None:
        self.manifest = manifest
        self.directory = directory
        self.index = index
        self.image_ids = image_ids
        self.regions = regions
        self.visibilities = visibilities
        self.columns = columns
        self.centring = centring

    @classmethod
    def open(cls, directory: Path) -> "Snapshot":
        """Check and open one snapshot.

        Raises:
            SnapshotDamaged: a file is missing or changed; the message names each.
        """
        manifest = Manifest.read(directory)
        problems = manifest.problems(directory, largest=_READ_AT_OPENING)
        if problems:
            raise SnapshotDamaged("; ".join(problems))
        return cls.unchecked(manifest, directory)

    @classmethod
    def unchecked(cls, manifest: Manifest, directory: Path) -> "Snapshot":
        """Open a snapshot whose checksums were compared a moment ago.

        Raises:
            SnapshotDamaged: its files do not fit together.
        """
        if manifest.backend not in BACKENDS:
            raise SnapshotDamaged(f"its index is of the kind {manifest.backend!r}, which is not available here")
        try:
            index = BACKENDS[manifest.backend].open(directory)
        except DependencyMissing as missing:
            raise SnapshotDamaged(f"its index cannot be opened here: {missing}") from missing
        image_ids = _array(directory / IDS_FILE, ID_TYPE)
        regions = _array(directory / REGIONS_FILE, REGION_TYPE)
        visibilities = _array(directory / VISIBILITIES_FILE, np.dtype(np.uint8))
        columns = _array(directory / COLUMNS_FILE, IMAGE_ROW)
        sizes = {index.size, len(image_ids), len(regions), len(visibilities), len(columns)}
        if sizes != {manifest.size} or index.dimension != manifest.dimension:
            raise SnapshotDamaged("its files are of different sizes")
        return cls(
            manifest,
            directory,
            index=index,
            image_ids=image_ids,
            regions=regions,
            visibilities=visibilities,
            columns=columns,
            centring=Centring.open(directory / CENTRING_FILE, manifest.dimension),
        )

    @property
    def closeness(self) -> Closeness:
        """What a cosine means in this library."""
        return self.manifest.closeness

    @cached_property
    def visible(self) -> Mask:
        """[size] bool, where an image was public when this was published."""
        visible: Mask = self.visibilities == VISIBILITY_CODES[Visibility.PUBLIC]
        visible.flags.writeable = False
        return visible

    @cached_property
    def visible_rows(self) -> AllowedRows:
        """The same, prepared for searching."""
        return AllowedRows.of(self.visible)

    @property
    def repeated(self) -> float:
        """Share of the public images whose difference hash occurred before. Takes .25 s for a million."""
        public = self.visible if self.whole_images is None else self.visible & self.whole_images
        return share_repeated(self.columns["difference_hash"][public])

    @cached_property
    def whole_images(self) -> Mask | None:
        """[size] bool, which rows are whole images; None where all are, as they are while no region is stored."""
        whole = np.asarray(self.regions) == WHOLE_IMAGE
        return None if whole.all() else whole

    def row_of(self, image_id: str) -> int | None:
        """The row of a whole image, or None if it is not in this snapshot."""
        row = int(self.rows_of([image_id])[0])
        return row if row >= 0 else None

    def rows_of(self, image_ids: Sequence[str], regions: Sequence[int] | NDArray[np.int16] | None = None) -> Rows:
        """The rows of images, or of a region of each, [n] int64; -1 for those not in this snapshot.

        Args:
            image_ids: of the images.
            regions: [n], one of each image; None for whole images.
        """
        if not image_ids or not len(self.image_ids):
            return np.full(len(image_ids), -1, dtype=np.int64)
        wanted = np.array([_key(image_id) for image_id in image_ids])
        places = np.minimum(np.searchsorted(self.image_ids, wanted), len(self.image_ids) - 1)
        rows = np.where(self.image_ids[places] == wanted, places, -1)
        for place in np.flatnonzero(regions).tolist() if regions is not None else ():
            rows[place] = self._row_of_region(int(rows[place]), int(regions[place]))  # type: ignore[index]
        return rows

    def _row_of_region(self, first: int, region: int) -> int:
        """The row of a region of the image whose rows begin at `first`; -1 where there is none."""
        if first < 0:
            return -1
        rows = range(first, first + self.rows_from(first))
        return next((row for row in rows if self.regions[row] == region), -1)

    def rows_from(self, first: int) -> int:
        """How many rows the image has whose first row is `first`."""
        if self.whole_images is None:
            return 1
        end = np.searchsorted(self.image_ids, self.image_ids[first], side="right")
        return int(end) - first

    def keys(self, rows: Rows) -> list[RowKey]:
        """What rows are of."""
        ids = self.image_ids[rows].tolist()
        return [(image_id.decode(), region) for image_id, region in zip(ids, self.regions[rows].tolist(), strict=True)]


def newest(
    root: Path, fingerprint: str, *, catalog: Catalog | None = None, problems: list[str] | None = None
) -> Snapshot | None:
    """Open the newest whole snapshot of a model: the one with the highest watermark, then number.

    Args:
        root: where snapshots are published.
        fingerprint: of the model.
        catalog: skip snapshots that were not built from this catalog's past; None opens any.
        problems: skipped snapshots are named here, with the reason, and logged.
    """
    told = [] if problems is None else problems
    for _ in range(_TRIES):  # a snapshot may be pruned between listing and opening; then a newer one is there
        candidates, vanished = _by_age(root, fingerprint, told)
        for manifest, directory in candidates:
            misfit = foreign(manifest, catalog) if catalog else None
            if misfit:
                _tell(told, directory, f"snapshot {manifest.number} {misfit}")
                continue
            try:
                return Snapshot.open(directory)
            except SnapshotDamaged as damage:
                if directory.exists():
                    _tell(told, directory, f"snapshot {manifest.number} is damaged: {damage}")
                else:
                    vanished = True
        if not vanished:
            break
    return None


def foreign(manifest: Manifest, catalog: Catalog) -> str | None:
    """Why a snapshot does not belong to a catalog, to follow its number in a sentence; None where it does.

    It belongs if the catalog has been in the state that the snapshot was built from. After a backup was put back, a
    snapshot from later times would hide what comes in now: its watermark says that it has been included already.
    """
    if catalog.changes.has_been(manifest.state):
        return None
    if manifest.library_id != catalog.library_id:
        return "was built from another library's catalog"
    sequence = catalog.changes.sequence()
    if manifest.watermark > sequence:
        return (
            f"includes {manifest.watermark:,} changes, and the catalog knows {sequence:,}:"
            " an older catalog was put in place"
        )
    return f"includes changes up to {manifest.watermark:,} that this catalog never had: an older one was put in place"


def has_foreign(root: Path, fingerprint: str, catalog: Catalog) -> bool:
    """Whether a model has snapshots that do not belong to this catalog. Reads manifests only."""
    return any(foreign(manifest, catalog) for manifest, _ in _by_age(root, fingerprint, [])[0])


def set_foreign_aside(root: Path, catalog: Catalog, *, keep: timedelta) -> list[str]:
    """Move every model's snapshots that do not belong to this catalog out of the way of those that do.

    Args:
        root: where snapshots are published.
        catalog: the one they should belong to.
        keep: how long those that were moved stay, before they are deleted.

    Returns:
        One sentence for each that was moved.
    """
    _delete_older(root / SET_ASIDE, keep)
    told = []
    for manifest, directory in _readable(root):
        misfit = foreign(manifest, catalog)
        if misfit is None:
            continue
        target = root / SET_ASIDE / directory.parent.name / f"{directory.name}-{uuid.uuid4().hex[:8]}"
        target.parent.mkdir(parents=True, exist_ok=True)
        directory.rename(target)
        os.utime(target)  # from when on `keep` counts
        told.append(f"snapshot {manifest.number} {misfit}; it was moved to {target.relative_to(root)}")
        _log.warning("%s", told[-1])
    return told


def published(root: Path) -> list[Path]:
    """The directory of every published snapshot of every model, whole or not."""
    models = sorted(path for path in root.glob("*") if path.is_dir() and path.name != SET_ASIDE)
    return [path for model in models for path in sorted(model.glob("[0-9]*")) if path.is_dir()]


def _readable(root: Path) -> Iterator[tuple[Manifest, Path]]:
    for directory in published(root):
        try:
            yield Manifest.read(directory), directory
        except SnapshotDamaged:
            continue  # `newest` tells


def _delete_older(folder: Path, keep: timedelta) -> None:
    for directory in folder.glob("*/*"):
        if time.time() - directory.stat().st_mtime > keep.total_seconds():
            shutil.rmtree(directory, ignore_errors=True)


def verify(directory: Path) -> list[str]:
    """Read every file of a snapshot.

    Returns:
        One sentence for each thing that is wrong; empty when the snapshot is whole.
    """
    try:
        manifest = Manifest.read(directory)
        problems = manifest.problems(directory)
        if not problems:
            Snapshot.unchecked(manifest, directory)
    except SnapshotDamaged as damage:
        return [str(damage)]
    return problems


def prune(root: Path, fingerprint: str, *, keep: int = 2) -> None:
    """Delete all but the newest whole snapshots of a model. Nothing is deleted while no whole one is left.

    Args:
        root: where snapshots are published.
        fingerprint: of the model.
        keep: whole snapshots to keep, at least 1.
    """
    if keep < 1:
        raise ValueError(f"keep = {keep}: the newest snapshot must stay")
    kept: set[Path] = set()
    for _, directory in _by_age(root, fingerprint, [])[0]:
        if len(kept) < keep and not verify(directory):
            kept.add(directory)
    if not kept:
        return
    newest_kept = max(int(directory.name) for directory in kept)
    for directory in numbered(root, fingerprint):
        # what is not whole and has a higher number stays: a newer lookalike may have written it
        if directory not in kept and int(directory.name) < newest_kept:
            _keep_centring(directory)
            _remove(root, directory)


def centring_of(root: Path, fingerprint: str, *, number: int, dimension: int) -> Centring | None:
    """How a snapshot was centred, be it still there or one of the last 100 that were deleted; None where it is unknown.

    Pages of a query go on with it when another snapshot has taken the place of the one that answered.
    """
    folder = folder_of(root, fingerprint)
    directory = folder / f"{number:06d}"
    try:
        Manifest.read(directory)
    except SnapshotOutdated:
        return Centring.none(dimension)  # no earlier version centred vectors
    except SnapshotDamaged:
        pass  # it was deleted
    for path in (directory / CENTRING_FILE, folder / _kept_name(number)):
        with contextlib.suppress(SnapshotDamaged):
            return Centring.open(path, dimension)
    return None


def _kept_name(number: int | str) -> str:
    return f"centring-{int(number):06d}.npy"


def _keep_centring(directory: Path) -> None:
    """Keep how a snapshot was centred, which is about to be deleted."""
    folder = directory.parent
    with contextlib.suppress(OSError, StorageFailed):  # then those who page through an old query must search again
        replace_file(folder / _kept_name(directory.name), (directory / CENTRING_FILE).read_bytes())
    for outdated in sorted(folder.glob(_KEPT_CENTRINGS))[:-_MOST_CENTRINGS]:
        outdated.unlink(missing_ok=True)


def folder_of(root: Path, fingerprint: str) -> Path:
    """Where the snapshots of a model are."""
    return root / fingerprint[:_FINGERPRINT_DIGITS]


def numbered(root: Path, fingerprint: str) -> list[Path]:
    """Every published directory of a model, whole or not, by number."""
    folder = folder_of(root, fingerprint)
    found = [path for path in folder.iterdir() if path.name.isdecimal()] if folder.is_dir() else []
    return sorted(found, key=lambda path: int(path.name))


def highest_number(root: Path, fingerprint: str) -> int:
    """Of all snapshots of a model, those set aside too: a number names one snapshot for ever. 0 where there is none."""
    aside = (root / SET_ASIDE / folder_of(root, fingerprint).name).glob("[0-9]*")
    names = [path.name.partition("-")[0] for path in (*numbered(root, fingerprint), *aside)]
    return max([0, *(int(name) for name in names if name.isdecimal())])


def _by_age(root: Path, fingerprint: str, problems: list[str]) -> tuple[list[tuple[Manifest, Path]], bool]:
    """Snapshots with a readable manifest, newest first; and whether one vanished meanwhile."""
    found: list[tuple[Manifest, Path]] = []
    vanished = False
    for directory in numbered(root, fingerprint):
        try:
            manifest = Manifest.read(directory)
        except SnapshotDamaged as damage:
            if directory.exists():
                _tell(problems, directory, f"snapshot {int(directory.name)} is {_state_of(damage)}: {damage}")
            vanished = vanished or not directory.exists()
            continue
        if manifest.fingerprint == fingerprint:
            found.append((manifest, directory))
        else:
            _tell(problems, directory, f"snapshot {manifest.number} is of another model, {manifest.fingerprint}")
    found.sort(key=lambda pair: (pair[0].watermark, pair[0].number), reverse=True)
    return found, vanished


def _state_of(damage: SnapshotDamaged) -> str:
    return "of an earlier version" if isinstance(damage, SnapshotOutdated) else "damaged"


def _tell(problems: list[str], directory: Path, problem: str) -> None:
    if problem not in problems:
        problems.append(problem)
        _log.warning("%s (%s)", problem, directory)


def _remove(root: Path, directory: Path) -> None:
    """Delete a directory such that no reader sees half of it."""
    grave = root / f"tmp-{uuid.uuid4().hex}"
    try:
        directory.rename(grave)
        shutil.rmtree(grave)
    except OSError as failure:
        _log.warning("the old snapshot %s could not be deleted: %s", directory, failure)


def _array(path: Path, dtype: np.dtype[Any]) -> NDArray[Any]:
    try:
        array = np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError, EOFError) as problem:
        raise SnapshotDamaged(f"{path.name} cannot be read: {problem}") from problem
    if array.dtype != dtype or array.ndim != 1:
        raise SnapshotDamaged(f"{path.name} holds {array.dtype} of shape {array.shape}")
    return array


def _key(image_id: str) -> bytes:
    """As stored. numpy drops trailing zero bytes, so an id with one must not pass for another."""
    key = image_id.encode("utf-8", "surrogatepass")
    return b"?" if b"\0" in key else key
