"""The page that makes a directory a snapshot: what it holds, and the checksum of each file and of itself."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lookalike.catalog import CatalogState
from lookalike.documents import from_document
from lookalike.errors import SnapshotDamaged, SnapshotOutdated
from lookalike.snapshot.closeness import Closeness

MANIFEST_FILE = "manifest.json"
FORMAT_VERSION = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord:
    """One file of a snapshot.

    Attributes:
        bytes: its length.
        sha256: of its content, 64 hex digits.
    """

    bytes: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> "FileRecord":
        """Read a file, whatever its size, in pieces."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return cls(bytes=file.tell(), sha256=digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a snapshot is.

    Attributes:
        format_version: of the files; a higher one than `FORMAT_VERSION` is from a newer lookalike.
        number: of the snapshot, rising with time for one fingerprint.
        model_name: for people.
        fingerprint: of the model that made every vector.
        dimension: of the vectors.
        library_id: of the library whose catalog it was built from.
        watermark: the catalog's change sequence that is included.
        token: of the catalog at that number: only a catalog with this token in its past can use the snapshot.
        size: rows: one for each region of each image.
        backend: of the index, a key of `lookalike.neighbors.BACKENDS`.
        created_at: ISO 8601, UTC.
        files: by name.
        centre_from: public images from which vectors were to be centred; 0 for never.
        closeness: what a cosine means in this library.
        self_recall: share of sampled images whose own vector finds them first, or one that is equal.
        recall_at_10: share of the ten true nearest that the index finds, over sampled images as queries, each left out
            of its own answer.
    """

    format_version: int = FORMAT_VERSION
    number: int
    model_name: str
    fingerprint: str
    dimension: int
    library_id: str
    watermark: int
    token: str
    size: int
    backend: str
    created_at: str
    files: dict[str, FileRecord]
    centre_from: int
    closeness: Closeness
    self_recall: float
    recall_at_10: float

    @property
    def state(self) -> CatalogState:
        """The state of the catalog that it includes."""
        return CatalogState(self.library_id, self.watermark, self.token)

    def encode(self) -> bytes:
        """As JSON that ends in its own checksum. The same manifest is always the same bytes."""
        document = asdict(self)
        digest = hashlib.sha256(_json(document)).hexdigest()
        return _json({"manifest": document, "sha256": digest})

    @classmethod
    def decode(cls, content: bytes) -> "Manifest":
        """What `encode` wrote, to the last bit.

        Raises:
            SnapshotDamaged: anything else, and manifests of a newer format.
        """
        try:
            document = from_document(_Signed, json.loads(content), place="").manifest
            version = document.get("format_version")
            if isinstance(version, int) and version < FORMAT_VERSION:
                raise SnapshotOutdated(f"its format is {version}, this version of lookalike writes {FORMAT_VERSION}")
            if version != FORMAT_VERSION:
                raise SnapshotDamaged(f"its format is {version!r}, this version of lookalike reads {FORMAT_VERSION}")
            manifest = from_document(cls, document, place="")
            whole = manifest.encode() == content
        except ValueError as problem:
            raise SnapshotDamaged(f"the manifest cannot be read: {problem}") from problem
        if not whole:
            raise SnapshotDamaged("the manifest does not match its own checksum")
        return manifest

    @classmethod
    def read(cls, directory: Path) -> "Manifest":
        """The manifest of a snapshot's directory.

        Raises:
            SnapshotDamaged: it is missing or not whole.
        """
        try:
            content = (directory / MANIFEST_FILE).read_bytes()
        except OSError as problem:
            raise SnapshotDamaged(f"the manifest cannot be read: {problem}") from problem
        return cls.decode(content)

    def problems(self, directory: Path, *, largest: int | None = None) -> list[str]:
        """Compare every file with its record.

        Args:
            directory: of the snapshot.
            largest: files of more bytes are only measured, not read; None reads all.

        Returns:
            One sentence for each file that is not as it was published.
        """
        found = (_problem(directory / name, record, largest) for name, record in sorted(self.files.items()))
        return [problem for problem in found if problem]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Signed:
    """A manifest and its checksum, before its format is known."""

    manifest: dict[str, Any]
    sha256: str


def _problem(path: Path, record: FileRecord, largest: int | None) -> str | None:
    try:
        size = path.stat().st_size
        if size != record.bytes:
            return f"{path.name} has {size} bytes, {record.bytes} were published"
        if (largest is None or size <= largest) and FileRecord.of(path) != record:
            return f"{path.name} does not match its checksum"
    except OSError as failure:
        return f"{path.name} cannot be read: {failure.strerror or failure}"
    return None


def _json(document: object) -> bytes:
    return json.dumps(document, indent=1, sort_keys=True).encode()
