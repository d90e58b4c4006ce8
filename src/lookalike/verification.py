"""Is everything that is stored whole, and does the index find what exact search finds?"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from lookalike.catalog import Catalog, LiveModel, VectorBlock, content_id
from lookalike.regular_files import read_regular
from lookalike.snapshot import (
    NEIGHBORS,
    Manifest,
    Recall,
    Snapshot,
    TruthInBlocks,
    catalog_vectors,
    foreign,
    newest,
    published,
    verify,
)

_LEAST_RECALL = 0.9
_RECALL_LOST = 0.05  # below what was measured when the snapshot was published: more than another sample explains
_MOST_NAMED = 20  # images
_SEED = 20_200_811
_SAME = 0.999


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was checked, and what is wrong.

    Attributes:
        problems: in words; empty when all is well.
        images: readable images in the catalog.
        snapshots: how many were checked.
        backend: of the newest snapshot.
        recall: recall@10 of the newest snapshot against exact search over the catalog, with the catalog's images as
            queries; None when there is nothing.
        files: indexed files, drawn at random, whose bytes were compared with the id of their image.
        notes: what is no damage: sampled files that are away, or were written since the last run.
    """

    problems: tuple[str, ...]
    images: int
    snapshots: int
    backend: str = ""
    recall: Recall | None = None
    files: int = 0
    notes: tuple[str, ...] = ()

    def as_document(self) -> dict[str, object]:
        """For programs."""
        return {
            "clean": not self.problems,
            "problems": list(self.problems),
            "images": self.images,
            "snapshots": self.snapshots,
            "backend": self.backend,
            "queries": self.recall.queries if self.recall else 0,
            "recall_at_10": self.recall.mean if self.recall else None,
            "recall_among": self.recall.among if self.recall else None,
            "files": self.files,
            "notes": list(self.notes),
        }


def verify_library(catalog: Catalog, snapshots: Path, *, queries: int, files: int = 200) -> Verification:
    """Check the catalog, every snapshot's checksums, and the newest snapshot's vectors and recall.

    Args:
        catalog: the truth.
        snapshots: the folder of published indexes.
        queries: how many stored images to search with.
        files: how many indexed files to read and compare with the ids of their images.
    """
    sampled = _FileSample(catalog, files)
    problems = [*catalog.check(), *sampled.problems]
    folders = published(snapshots)
    found = [(folder, problem) for folder in folders for problem in _snapshot_problems(catalog, folder)]
    # An index run that publishes meanwhile deletes the oldest snapshots: what is gone as a whole was not damaged.
    problems += [f"{folder.parent.name}/{folder.name}: {problem}" for folder, problem in found if folder.exists()]
    live = catalog.models.live()
    problems += _without_vectors(catalog, live) if live else []
    snapshot = newest(snapshots, live.fingerprint, catalog=catalog) if live else None
    images = catalog.counts().readable
    if snapshot is None or snapshot.manifest.size == 0:
        return Verification(
            problems=tuple(problems),
            images=images,
            snapshots=len(folders),
            files=sampled.read,
            notes=sampled.notes,
        )
    comparison = _Comparison(catalog, snapshot, queries=queries)
    problems += comparison.problems()
    recall = comparison.recall()
    least = min(_LEAST_RECALL, snapshot.manifest.recall_at_10 - _RECALL_LOST)  # an index may be tuned for less
    if recall.mean < least:
        expected = f"at least {least:.0%} is expected"
        problems.append(f"the index finds {recall.mean:.1%} of the true {NEIGHBORS} nearest; {expected}")
    return Verification(
        problems=tuple(problems),
        images=images,
        snapshots=len(folders),
        backend=snapshot.manifest.backend,
        recall=recall,
        files=sampled.read,
        notes=sampled.notes,
    )


class _FileSample:
    """Some indexed files, read again: are they still what their images' ids say?

    Attributes:
        read: how many could be read.
        problems: files whose bytes changed though nothing that an index run looks at did.
        notes: files that are away, or were written since the last run.
    """

    def __init__(self, catalog: Catalog, count: int) -> None:
        self.read = 0
        self.problems: list[str] = []
        away: list[str] = []
        written: list[str] = []
        for file, image_id in catalog.sources.sample(count, seed=_SEED):
            try:
                content, status = read_regular(Path(file.path))
            except OSError:
                away.append(file.path)
                continue
            self.read += 1
            if content_id(content) == image_id:
                continue
            if (status.st_size, status.st_mtime_ns) != (file.byte_count, file.modified_ns):
                written.append(file.path)
            else:
                self.problems.append(
                    f"{file.path!a} holds other bytes than image {image_id}, with the same size and time;"
                    " `lookalike index --verify-content` reads all files again"
                )
        notes = [
            _some(away, "of the sampled files cannot be read"),
            _some(written, "of the sampled files were written since they were indexed; run `lookalike index`"),
        ]
        self.notes = tuple(note for note in notes if note)


def _some(paths: Sequence[str], what: str) -> str:
    return f"{len(paths)} {what}, such as {paths[0]!a}" if paths else ""


def _snapshot_problems(catalog: Catalog, folder: Path) -> list[str]:
    damage = verify(folder)
    if damage:
        return damage
    misfit = foreign(Manifest.read(folder), catalog)
    return [f"it {misfit}; `lookalike index` sets it aside and builds the index anew"] if misfit else []


def _without_vectors(catalog: Catalog, live: LiveModel) -> list[str]:
    missing = [image.id for image in catalog.vectors.images_without(live.fingerprint, limit=_MOST_NAMED + 1)]
    named = [
        f"image {image_id} has no vector of {live.name} and cannot be found; run `lookalike index` to make one"
        for image_id in missing[:_MOST_NAMED]
    ]
    return [*named, "further images have no vector either"] if len(missing) > _MOST_NAMED else named


class _Comparison:
    """One pass over the catalog's vectors, block by block: are the snapshot's the same, and what is truly nearest?"""

    def __init__(self, catalog: Catalog, snapshot: Snapshot, *, queries: int) -> None:
        self._catalog = catalog
        self._snapshot = snapshot
        self._present = np.zeros(snapshot.manifest.size, dtype=bool)
        self._differing: list[str] = []
        self._absent: list[str] = []
        rows = np.random.default_rng(_SEED).permutation(snapshot.manifest.size)[:queries]
        ids = [snapshot.image_ids[row].decode() for row in rows]
        stored = catalog.vectors.get(snapshot.manifest.fingerprint, ids)
        asked = [i for i in ids if i in stored]
        sample = np.array([snapshot.centring.query(stored[i]) for i in asked], dtype=np.float32)
        self._truth = TruthInBlocks(sample.reshape(-1, snapshot.manifest.dimension), snapshot.rows_of(asked))
        if len(sample):
            for block in catalog.vectors.blocks(snapshot.manifest.fingerprint):
                self._take(block)

    def problems(self) -> list[str]:
        """Images whose vector in the snapshot is not the catalog's, or that only one of them has."""
        # Read last, so that what changed while the vectors were read counts as changed.
        manifest = self._snapshot.manifest
        since = self._catalog.changes.since(manifest.state, fingerprint=manifest.fingerprint)
        changed = {change.image_id for change in since.changes} if since else set()
        absent = [image_id for image_id in self._absent if image_id not in changed]
        rows = np.flatnonzero(~self._present)
        left = [image_id for row in rows if (image_id := self._snapshot.image_ids[row].decode()) not in changed]
        told = (
            (self._differing, "vectors differ from the catalog's"),
            (absent, "images of the catalog are missing from the snapshot"),
            (left, "images of the snapshot are unknown to the catalog"),
        )
        return [f"{len(ids)} {words}: {', '.join(ids[:3])}" for ids, words in told if ids]

    def recall(self) -> Recall:
        """What the index finds of the true nearest; see `snapshot.recall`."""
        return self._truth.truth().recall_of(
            self._snapshot.index,
            partial(catalog_vectors, self._catalog, self._snapshot),
            allowed=self._present,
            among="images that the snapshot and the catalog have",
        )

    def _take(self, block: VectorBlock) -> None:
        rows = self._snapshot.rows_of(block.image_ids, block.regions)
        known = rows >= 0
        self._absent += [image_id for image_id, row in zip(block.image_ids, rows, strict=True) if row < 0]
        rows, vectors = rows[known], self._snapshot.centring.rows(block.vectors[known], block.regions[known])
        self._present[rows] = True
        if self._snapshot.index.keeps_vectors:
            cosines = np.einsum("nd,nd->n", self._snapshot.index.vectors(rows), vectors)
            wrong = rows[cosines < _SAME * np.einsum("nd,nd->n", vectors, vectors)]
            self._differing += [self._snapshot.image_ids[row].decode() for row in wrong]
        order = np.argsort(rows)
        self._truth.take(rows[order], vectors[order])
