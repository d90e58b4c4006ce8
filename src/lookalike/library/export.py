"""Vectors and records out of a library, for other programs: numpy, JSON lines, Parquet."""

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, Self

import numpy as np

from lookalike.catalog import VectorBlock
from lookalike.durable import replace_file
from lookalike.errors import CallerError, StorageFailed
from lookalike.library.parts import LibraryParts
from lookalike.on_demand import load
from lookalike.progress import Progress
from lookalike.types import WHOLE_IMAGE, Image, Visibility

TableFormat = Literal["jsonl", "parquet"]

VECTORS, TABLE, ABOUT = "vectors.npy", "images", "export.json"
_NEEDS_PARQUET = "writing Parquet needs pyarrow: install it with `pip install 'lookalike[parquet]'`, or choose jsonl"


@dataclass(frozen=True, kw_only=True)
class ExportRequest:
    """What to write, and where.

    Attributes:
        folder: a new or empty folder.
        table: how the records are written.
        hidden: also images that are not public.
    """

    folder: Path
    table: TableFormat = "jsonl"
    hidden: bool = False


@dataclass(frozen=True, kw_only=True)
class ExportResult:
    """What was written.

    Attributes:
        images: rows of the vectors and of the table.
        dimension: of each vector.
        files: names in the folder.
    """

    images: int
    dimension: int
    files: tuple[str, ...]


def export_library(library: LibraryParts, request: ExportRequest, progress: Progress) -> ExportResult:
    """Write the whole-image vectors of the live model, as the catalog holds them, and a record for each.

    Row r of `vectors.npy` ([images, dimension] float32, unit length) is of line r of the table; `export.json` names the
    model. The vectors are those of one moment; an image that is not public any more when its record is read is left
    out.

    Raises:
        CallerError: the folder has something in it.
        LibraryMissing: nothing was indexed.
        DependencyMissing: Parquet without pyarrow.
        StorageFailed: the disk is full.
    """
    live = library.require_live()
    writer_of = _WRITERS[request.table]
    folder = request.folder
    _require_empty(folder)
    progress.stage("Writing vectors and records", library.catalog.counts().live)
    try:
        with tempfile.TemporaryFile(dir=folder) as raw, writer_of(folder / f"{TABLE}.{request.table}") as table:
            count = 0
            for block in library.catalog.vectors.blocks(live.fingerprint):
                kept = _rows(library, block, hidden=request.hidden)
                table.write([_record(image) for image in kept.values()])
                raw.write(block.vectors[list(kept)].astype("<f4").tobytes())
                count += len(kept)
                progress.advance(len(block.image_ids))
            _write_array(folder / VECTORS, raw, shape=(count, live.dimension))
    except OSError as fault:
        raise StorageFailed(f"{folder}: {fault.strerror or fault}") from fault
    about = {"model": live.name, "fingerprint": live.fingerprint, "dimension": live.dimension, "images": count}
    replace_file(folder / ABOUT, json.dumps(about, indent=2).encode())
    files = (VECTORS, f"{TABLE}.{request.table}", ABOUT)
    return ExportResult(images=count, dimension=live.dimension, files=files)


def _write_array(file: Path, raw: BinaryIO, *, shape: tuple[int, int]) -> None:
    """An array of numpy's format, from its numbers: how many rows there are is known only behind the last one."""
    raw.seek(0)
    with file.open("wb") as array:
        np.lib.format.write_array_header_1_0(array, {"descr": "<f4", "fortran_order": False, "shape": shape})
        shutil.copyfileobj(raw, array)


def _require_empty(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise CallerError(f"{folder}: has something in it; give a new or empty folder")
    except OSError as fault:
        raise StorageFailed(f"{folder}: {fault.strerror or fault}") from None


def _rows(library: LibraryParts, block: VectorBlock, *, hidden: bool) -> dict[int, Image]:
    """The records of images that may be written, by their place in the block."""
    visibility = None if hidden else Visibility.PUBLIC
    images = library.catalog.images.get_many(block.image_ids, visibility=visibility)
    places = [place for place, region in enumerate(block.regions.tolist()) if region == WHOLE_IMAGE]
    ids = block.image_ids
    return {place: images[ids[place]] for place in places if ids[place] in images and not images[ids[place]].error}


def _record(image: Image) -> dict[str, Any]:
    return {
        "id": image.id,
        "source": image.source,
        "width": image.width,
        "height": image.height,
        "mean_colour": image.mean_colour,
        "media_type": image.media_type,
        "bytes": image.byte_count,
        "owner_id": image.owner_id,
        "uploaded_at": image.uploaded_at.isoformat(),
        "tags": list(image.tags),
        "visibility": image.visibility.value,
        "upload_name": image.upload_name,
    }


class _JsonLines:
    """One JSON object a line; names that are not UTF-8 are written as escapes."""

    def __init__(self, file: Path) -> None:
        self._file = file.open("w", encoding="utf-8")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, records: list[dict[str, Any]]) -> None:
        """The next records."""
        self._file.writelines(json.dumps(record) + "\n" for record in records)


class _Parquet:
    """A row group for each block."""

    def __init__(self, file: Path) -> None:
        self._arrow = load("pyarrow", otherwise=_NEEDS_PARQUET)
        self._parquet = load("pyarrow.parquet", otherwise=_NEEDS_PARQUET)
        text, number = self._arrow.string(), self._arrow.int64()
        kinds = {"width": number, "height": number, "bytes": number, "tags": self._arrow.list_(text)}
        names = list(_FIELDS)
        self._schema = self._arrow.schema([(name, kinds.get(name, text)) for name in names])
        self._writer = self._parquet.ParquetWriter(str(file), self._schema)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def write(self, records: list[dict[str, Any]]) -> None:
        """The next records; bytes of names that are not UTF-8 are written as escapes."""
        if records:
            printable = [{name: _text(value) for name, value in record.items()} for record in records]
            self._writer.write_table(self._arrow.Table.from_pylist(printable, schema=self._schema))


def _text(value: Any) -> Any:
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


_FIELDS = (
    "id", "source", "width", "height", "mean_colour", "media_type", "bytes", "owner_id", "uploaded_at", "tags",
    "visibility", "upload_name",
)  # fmt: skip
_WRITERS: Mapping[TableFormat, Callable[[Path], Any]] = {"jsonl": _JsonLines, "parquet": _Parquet}
