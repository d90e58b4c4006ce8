"""Shared sets whose labels grade every pair of images: vectors of a model, and the grade of any pair."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lookalike.catalog import Catalog, content_id, sqlite_url
from training import Set

COLUMNS = {"fashion_224": ("articleType", "gender", "baseColour"), "wardrobe_and_grocery": ("coarse", "label")}


@dataclass(frozen=True, kw_only=True)
class GradedSet:
    """Images, and how well each answers each.

    Attributes:
        name: of the set.
        vectors: [images, dimension] float32, unit rows of the model that the set was indexed with, less their mean.
        labels: [images, columns], numbers of labels; the first says what kind of thing it is.
    """

    name: str
    vectors: np.ndarray
    labels: np.ndarray

    def grades(self, query: int, images: np.ndarray) -> np.ndarray:
        """Of images for a query: one for the same kind, and one more for each further label that is the same."""
        same = self.labels[images] == self.labels[query]
        return np.where(same[:, 0], same.sum(axis=1), 0)

    @property
    def best(self) -> int:
        """The highest grade."""
        return int(self.labels.shape[1])

    @classmethod
    def read(cls, name: str, folder: Path) -> "GradedSet":
        """Index a shared set into a library below a folder, unless it is there, and read it."""
        indexed = Set(name, folder)
        labels: dict[str, tuple[str, ...]] = {}
        with (indexed.images / "manifest.csv").open() as lines:
            for row in csv.DictReader(lines):
                image_id = content_id((indexed.images / row["path"]).read_bytes())
                labels[image_id] = tuple(row[column] for column in COLUMNS[name])
        return cls.of_library(name, indexed.library, labels)[0]

    @classmethod
    def of_library(cls, name: str, library: Path, labels: dict[str, tuple[str, ...]]) -> "tuple[GradedSet, list[str]]":
        """What the model that answers in a library makes of its images, whose labels are given by id; and their ids."""
        with Catalog.open(sqlite_url(library / "catalog.sqlite"), originals=library / "originals") as catalog:
            live = catalog.models.live()
            assert live is not None
            blocks = list(catalog.vectors.blocks(live.fingerprint))
        ids = [image_id for block in blocks for image_id in block.image_ids]
        vectors = np.concatenate([block.vectors for block in blocks])
        vectors = vectors - vectors.mean(axis=0)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        columns = [
            np.unique([labels[one][at] for one in ids], return_inverse=True)[1] for at in range(len(COLUMNS[name]))
        ]
        return cls(name=name, vectors=vectors.astype(np.float32), labels=np.stack(columns, axis=1)), ids


def nearest(vectors: np.ndarray, queries: np.ndarray, depth: int) -> tuple[np.ndarray, np.ndarray]:
    """The nearest images to some of them, without themselves: numbers and cosines, [queries, depth]."""
    found, cosines = [], []
    for start in range(0, len(queries), 256):
        block = queries[start : start + 256]
        scores = vectors[block] @ vectors.T
        scores[np.arange(len(block)), block] = -np.inf
        top = np.argpartition(-scores, depth, axis=1)[:, :depth]
        values = np.take_along_axis(scores, top, axis=1)
        order = np.argsort(-values, axis=1, kind="stable")
        found.append(np.take_along_axis(top, order, axis=1))
        cosines.append(np.take_along_axis(values, order, axis=1))
    return np.concatenate(found), np.concatenate(cosines)


def ndcg_at_10(ranked: np.ndarray, queries: np.ndarray, graded: GradedSet) -> np.ndarray:
    """nDCG@10 with linear gain of each query, [queries]."""
    discounts = 1 / np.log2(np.arange(2, 12))
    values = np.empty(len(queries))
    everything = np.arange(len(graded.vectors))
    for row, query in enumerate(queries):
        gains = graded.grades(query, everything)
        gains[query] = 0
        best = -np.sort(-gains)[:10] @ discounts
        values[row] = gains[ranked[row][:10]] @ discounts / best if best else np.nan
    return values
