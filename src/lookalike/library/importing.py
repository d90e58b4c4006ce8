"""Vectors that were computed elsewhere, such as on a machine with a faster processor, into a library.

They must be of the live model: the first ones are computed again here, and compared. A search by a picture needs the
model, so vectors of a model that is not here could never be searched with one.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.catalog import AdditionResult, ImageAddition
from lookalike.embedding import PictureEncoder
from lookalike.errors import CallerError, ImageRefused, VectorsRefused
from lookalike.indexing import Refusal, blocked_where_listed, moderated, precomputed_addition
from lookalike.library.export import ABOUT, TABLE, VECTORS
from lookalike.library.parts import LibraryParts
from lookalike.library.reproducing import LEAST_COSINE
from lookalike.on_demand import load
from lookalike.progress import Progress
from lookalike.types import Vectors, Visibility

_CHECKED = 16
_AT_ONCE = 32
_NEEDS_PARQUET = "reading Parquet needs pyarrow: run `pip install 'lookalike[parquet]'`, or write JSON lines"


@dataclass(frozen=True, kw_only=True)
class VectorImportRequest:
    """What to read.

    Attributes:
        folder: with `vectors.npy` ([images, dimension] floats of unit length), `images.jsonl` or `images.parquet` with
            a `source` and optionally an `id`, `tags`, an `owner_id` and a `visibility` for each row, and `export.json`
            with the model's `fingerprint`: what `lookalike export` writes.
        files: sources that are no absolute paths are below this folder.
    """

    folder: Path
    files: Path


@dataclass(frozen=True, kw_only=True)
class VectorImport:
    """What became of the rows.

    Attributes:
        added: images that are new, or came back.
        known: images that were there; those without a vector have one now.
        refused: files that could not be read, are no images, or are other ones than the record says.
        checked: vectors that were computed again, and agreed.
    """

    added: int
    known: int
    refused: tuple[Refusal, ...]
    checked: int


def import_vectors(library: LibraryParts, request: VectorImportRequest, progress: Progress) -> VectorImport:
    """Store images with the vectors that were computed elsewhere; an index is published if it is due.

    Raises:
        CallerError: the files are missing, or do not fit together.
        VectorsRefused: they are of another model, or a vector is not what the model gives its image here; what was
            reported before that is stored.
        LibraryBusy: an index run is at work.
    """
    library.indexer.claim_library()
    live = library.require_live()
    pictures = PictureEncoder(encoder=library.live_model.encoder_of(live), limits=library.limits)
    vectors, records = _read(request.folder, fingerprint=live.fingerprint, dimension=live.dimension)
    progress.stage("Importing images", len(records))
    refused: list[Refusal] = []
    results: list[AdditionResult] = []
    checked = 0
    with library.alone():
        for start in range(0, len(records), _AT_ONCE):
            additions: list[ImageAddition] = []
            for record, vector in zip(records[start:], np.asarray(vectors[start : start + _AT_ONCE]), strict=False):
                path = os.path.abspath(request.files / record["source"])  # noqa: PTH100 - links stay
                try:
                    addition = _addition(library, pictures, path, record, vector, is_checked=checked < _CHECKED)
                except (OSError, ImageRefused) as fault:
                    refused.append(Refusal(path, str(fault)))
                    continue
                checked += checked < _CHECKED
                additions.append(addition)
            if additions:
                results += library.catalog.images.add(blocked_where_listed(library.catalog, additions))
            progress.advance(min(_AT_ONCE, len(records) - start))
    library.publisher.publish_if_due(live)
    new = sum(result in {AdditionResult.NEW, AdditionResult.RETURNED} for result in results)
    return VectorImport(added=new, known=len(results) - new, refused=tuple(refused), checked=checked)


def _addition(
    library: LibraryParts,
    pictures: PictureEncoder,
    path: str,
    record: dict[str, Any],
    vector: NDArray[Any],
    *,
    is_checked: bool,
) -> ImageAddition:
    """What to store of a file.

    Raises:
        OSError: it cannot be read.
        ImageRefused: it is no acceptable image, or another one than the record says.
        VectorsRefused: its vector is not what the model gives it.
    """
    given = np.asarray(vector, np.float32)
    addition, content = precomputed_addition(
        pictures,
        path,
        given,
        tags=tuple(record.get("tags") or ()),
        owner_id=record.get("owner_id"),
        visibility=Visibility(record.get("visibility") or Visibility.PUBLIC),
    )
    if record.get("id") not in {None, addition.content_id}:
        raise ImageRefused(path, "unreadable", f"is another image than the record says ({record['id']})")
    if is_checked:
        cosine = float(np.dot(pictures.vector(content, name=path), given))
        if cosine < LEAST_COSINE:
            raise VectorsRefused(
                f"{path}: its vector is not what {pictures.encoder.name} gives it here (cosine {cosine:.5f}, at least"
                f" {LEAST_COSINE} is needed): compute the vectors with the same model, runtime and preprocessing"
            )
    return moderated(library.moderator, addition, content, name=path)


def _read(folder: Path, *, fingerprint: str, dimension: int) -> tuple[Vectors, list[dict[str, Any]]]:
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        vectors = np.load(folder / VECTORS, mmap_mode="r", allow_pickle=False)
        records = _records(folder)
    except (OSError, ValueError) as fault:
        raise CallerError(f"{folder}: {fault}; `lookalike export` writes such a folder") from None
    if not isinstance(about, dict) or about.get("fingerprint") != fingerprint:
        raise VectorsRefused(f"{folder / ABOUT}: the vectors are of another model than the one that answers here")
    if vectors.ndim != 2 or vectors.shape[1] != dimension or vectors.dtype.kind != "f":  # noqa: PLR2004 - a matrix
        raise VectorsRefused(f"{folder / VECTORS}: must be [images, {dimension}] floats, not {vectors.shape}")
    if len(records) != len(vectors):
        raise CallerError(f"{folder}: {len(vectors):,} vectors and {len(records):,} records")
    for number, record in enumerate(records):
        if not isinstance(record, dict) or not isinstance(record.get("source"), str):
            raise CallerError(f"{folder}: record {number} has no source: give the path of its file")
        if record.get("visibility") not in {None, *Visibility}:
            raise CallerError(f"{folder}: record {number}: visibility must be one of {', '.join(Visibility)}")
    return vectors, records


def _records(folder: Path) -> list[Any]:
    lines = folder / f"{TABLE}.jsonl"
    if lines.exists():
        return [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines() if line.strip()]
    parquet = load("pyarrow.parquet", otherwise=_NEEDS_PARQUET)
    found: list[Any] = parquet.read_table(str(folder / f"{TABLE}.parquet")).to_pylist()
    return found
