"""The models folder: the files of a model, how they are written atomically, and how damage is detected.

::

    models/
      .clip-vit-b16.lock           held while this model is pulled, imported or removed
      clip-vit-b16/
        model.onnx                 the converted graph (or model.tflite, for OpenVINO alone)
        description.toml           as it was when the model came
        projection.npz             only with an imported model that has one
        golden.npz                 only with an imported model that has golden vectors
        record.json                the graph's size and checksum, the source's checksum, what made it
        card.json, CARD.md         only with a model that was trained here; see `training.card`

A model's folder appears by one rename of a finished folder, so it is either whole or absent.
"""

import contextlib
import errno
import hashlib
import json
import logging
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock

from lookalike.documents import from_document
from lookalike.durable import sync
from lookalike.errors import ModelMissing, StorageFailed

_log = logging.getLogger(__name__)

RECORD = "record.json"
DESCRIPTION = "description.toml"
PROJECTION = "projection.npz"
GOLDEN = "golden.npz"
_UNFINISHED = ".unfinished+"  # a plus cannot be in a name, so no name is another one's prefix
_OUR_FAULTS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO}


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The stored properties of a model's converted graph.

    Attributes:
        source_sha256: of the model file at its source.
        origin: where an imported file was, for people to read; empty otherwise.
        conversion: digest of all that made the graph what it is; see `fingerprints.conversion_digest`.
        graph_file: name of the graph in the model's folder.
        graph_bytes: its size.
        graph_sha256: its checksum.
        dimension: of the vectors, as a trial run measured it.
        descriptor: name of the graph's descriptor tensor.
        nhwc: whether the graph wants channels last.
        golden_cosine: least cosine to its golden vectors when it came; None for a model that has none.
    """

    source_sha256: str
    origin: str
    conversion: str
    graph_file: str
    graph_bytes: int
    graph_sha256: str
    dimension: int
    descriptor: str
    nhwc: bool = False
    golden_cosine: float | None = None


def write_record(folder: Path, record: Record) -> None:
    """Writes the record of the model in `folder`."""
    (folder / RECORD).write_text(json.dumps(asdict(record), indent=2) + "\n", encoding="utf-8")


def read_record(folder: Path) -> Record | None:
    """The record in a model's folder; None where there is none, or where its graph is missing or cut short."""
    try:
        record = from_document(Record, json.loads((folder / RECORD).read_bytes()), place=RECORD)
    except (OSError, ValueError):
        return None
    graph = folder / record.graph_file
    whole = graph.parent == folder and graph.is_file() and graph.stat().st_size == record.graph_bytes
    return record if whole else None


def check_graph(folder: Path, record: Record) -> Path:
    """The path of the graph, when its checksum is that of the record.

    Raises:
        ModelMissing: it was damaged since; the message says how to get it back.
    """
    graph = folder / record.graph_file
    if file_sha256(graph) != record.graph_sha256:
        raise ModelMissing(
            f"{graph}: damaged since it was written; run `lookalike models remove {folder.name}`, then"
            f" `lookalike models pull {folder.name}` (or import its file again)"
        )
    return graph


def file_sha256(file: Path) -> str:
    """SHA-256 of a file's bytes, 64 hexadecimal digits."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def bytes_on_disk(folder: Path) -> int:
    """Of all files in a model's folder; 0 when there is no folder."""
    return sum(file.stat().st_size for file in folder.glob("**/*") if file.is_file())


@contextlib.contextmanager
def model_lock(models: Path, name: str) -> Iterator[None]:
    """Held while a model's folder is made or removed; a second process waits."""
    try:
        models.mkdir(parents=True, exist_ok=True)
        lock = FileLock(models / f".{name}.lock")
        lock.acquire()
    except OSError as error:
        raise StorageFailed(
            f"{models}: models cannot be kept there: {error.strerror or error}; name another folder with"
            " LOOKALIKE_MODELS"
        ) from error
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def new_folder(models: Path, name: str) -> Iterator[Path]:
    """A folder to fill, which becomes the model's folder when the block ends well and vanishes when it does not.

    Call it under the model's lock. What a killed process left is removed first.
    """
    with storage_faults(models):
        for leftover in models.glob(f"{_UNFINISHED}{name}+*"):
            _log.info("removing %s, which an interrupted pull left", leftover)
            shutil.rmtree(leftover, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=f"{_UNFINISHED}{name}+", dir=models))
        try:
            (folder / "new").mkdir()
            yield folder / "new"
            for file in [*(folder / "new").iterdir(), folder / "new"]:
                sync(file)
            _place(folder / "new", models / name, aside=folder / "old")
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def storage_faults(where: Path) -> Iterator[None]:
    """Turns a disk that is full, read-only or failing into `StorageFailed`."""
    try:
        yield
    except OSError as error:
        if error.errno not in _OUR_FAULTS:
            raise
        raise StorageFailed(f"{error.filename or where}: {error.strerror}; nothing half-written was kept") from error


def _place(new: Path, target: Path, *, aside: Path) -> None:
    new.chmod(0o755)  # mkdtemp's folders are private; models may be shared by several users
    if target.exists():
        target.rename(aside)
    new.rename(target)
    sync(target.parent)
