"""A library for training: the images that may be used, and their features. Needs no torch.

What is described is a row, see `rows`.
"""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookalike.catalog import Catalog
from lookalike.embedding.runtimes import Descriptors
from lookalike.errors import TrainingRefused
from lookalike.preprocessing import Limits, Preprocessing, decode, prepare, transform
from lookalike.training.chance import chance_for
from lookalike.training.features import Describing, describe_images
from lookalike.training.rows import DescribedRow, View
from lookalike.training.views import ViewSettings, view
from lookalike.types import WHOLE_IMAGE, Batch, Box, Pixels, Vectors, Visibility


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KnownImages:
    """Images that everybody may find, in ascending order of id, which is a random order: ids are hashes of bytes.

    Attributes:
        image_ids: of the images.
        difference_hashes: [images] uint64.
        vectors: [images, dimension] float32 unit rows, by the model that answers now.
    """

    image_ids: tuple[str, ...]
    difference_hashes: NDArray[np.uint64]
    vectors: Vectors

    def sample(self, needed: Collection[str], most: int) -> "KnownImages":
        """The required images, and others until there are `most` in all."""
        wanted = np.array([image_id in needed for image_id in self.image_ids], bool)
        others = np.flatnonzero(~wanted)[: max(most - int(wanted.sum()), 0)]
        rows = np.sort(np.concatenate([np.flatnonzero(wanted), others]))
        return KnownImages(
            image_ids=tuple(self.image_ids[row] for row in rows),
            difference_hashes=self.difference_hashes[rows],
            vectors=self.vectors[rows],
        )


def known_images(catalog: Catalog, fingerprint: str) -> KnownImages:
    """The public images that have a vector of that model.

    Raises:
        TrainingRefused: there is none.
    """
    ids: list[str] = []
    hashes, vectors = [], []
    for block in catalog.vectors.blocks(fingerprint):
        whole = block.regions == WHOLE_IMAGE
        public = [row for row, seen in enumerate(block.visibilities) if seen is Visibility.PUBLIC and whole[row]]
        ids += [block.image_ids[row] for row in public]
        hashes.append(block.columns["difference_hash"][public])
        vectors.append(block.vectors[public])
    if not ids:
        raise TrainingRefused("no public image of this library is indexed: run `lookalike index FOLDER` first")
    return KnownImages(image_ids=tuple(ids), difference_hashes=np.concatenate(hashes), vectors=np.concatenate(vectors))


class LibraryPictures:
    """The pictures of a library as a model takes them: images, parts of them, and altered views.

    Args:
        catalog: where the bytes are.
        preprocessing: what the model wants its pixels to be.
        limits: for images.
        views: how altered views differ from their image; None for the defaults.
    """

    def __init__(
        self, catalog: Catalog, preprocessing: Preprocessing, *, limits: Limits, views: ViewSettings | None = None
    ) -> None:
        self.preprocessing = preprocessing
        self._catalog, self._limits = catalog, limits
        self._views = (views or ViewSettings()).sized(preprocessing.size)
        self._settings = hashlib.sha256(repr(self._views).encode()).hexdigest()[:8]

    def views_of(self, image_id: str, count: int) -> list[DescribedRow]:
        """The first altered views of an image."""
        views = (View(settings=self._settings, number=number) for number in range(count))
        return [DescribedRow(image_id=image_id, view=view) for view in views]

    def prepared(self, row: DescribedRow) -> NDArray[np.float32]:
        """[3, size, size] float32 of an image, a part or a view; of a long picture, its middle part.

        Raises:
            ImageRefused: its image cannot be read.
            UnknownImage: it is not there.
        """
        parts = self.parts(row)
        middle: NDArray[np.float32] = parts[len(parts) // 2]
        return middle

    def parts(self, row: DescribedRow) -> Batch:
        """[parts, 3, size, size] float32 of an image, a part or a view: several parts of a long picture.

        Raises:
            ImageRefused: its image cannot be read.
            UnknownImage: it is not there.
        """
        if row.view is not None:
            altered = view(
                self.pixels(row.image_id), self._views, seed=0, epoch=0, image_id=row.image_id, number=row.view.number
            )
            return transform(altered, self.preprocessing)[None]
        content = self._catalog.images.content(row.image_id)
        return prepare(content, self.preprocessing, name=row.image_id, limits=self._limits, crop=row.region).rows

    def pixels(self, image_id: str, *, shortest_side: int | None = None) -> Pixels:
        """Upright RGB pixels of an image, [height, width, 3] uint8.

        Args:
            image_id: of the image.
            shortest_side: see `preprocessing.decode`.

        Raises:
            ImageRefused: it cannot be read.
            UnknownImage: it is not there.
        """
        content = self._catalog.images.content(image_id)
        return decode(content, name=image_id, limits=self._limits, shortest_side=shortest_side).pixels


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DescribedRows:
    """Images, parts and views with their descriptors.

    Attributes:
        rows: in the order asked for, without those that could not be described.
        features: [rows, d] float32.
        refused: name of a row -> why it could not be described.
    """

    rows: tuple[DescribedRow, ...]
    features: Descriptors
    refused: Mapping[str, str]


class DescribedLibrary:
    """Raw descriptors by one model of images, of parts of them and of altered views, each made once and kept.

    Args:
        pictures: as the model takes them.
        encoder: describes; each model has its own folder.
        folder: of all descriptors that are kept.
    """

    def __init__(self, pictures: LibraryPictures, encoder: Describing, *, folder: Path) -> None:
        self.pictures = pictures
        self._encoder, self._folder = encoder, folder

    def describe(self, rows: Sequence[DescribedRow], progress: Callable[[int], None]) -> DescribedRows:
        """Features of all images, parts and views that can be read; their names are the keys of the cache.

        Raises:
            TrainingRefused: none can.
            StorageFailed: the folder cannot be written.
        """
        named = {str(row): row for row in rows}
        found = describe_images(
            list(named),
            self._encoder,
            lambda name: self.pictures.parts(named[name]),
            folder=self._folder,
            progress=progress,
        )
        kept = tuple(named[name] for name in found.image_ids)
        return DescribedRows(rows=kept, features=found.features(), refused=found.refused)


def random_crops(
    image_ids: Sequence[str], *, least_area: float = 0.1, most_area: float = 0.5, seed: int = 0
) -> dict[str, DescribedRow]:
    """Image id -> a part of it, with half to twice its shape, at a random place.

    Args:
        image_ids: of the images.
        least_area: share of an image's area.
        most_area: likewise.
        seed: another one cuts otherwise.
    """
    return {image_id: _random_crop(image_id, (least_area, most_area), seed) for image_id in image_ids}


def _random_crop(image_id: str, areas: tuple[float, float], seed: int) -> DescribedRow:
    chance = chance_for("crop", seed, image_id)
    area, shape = chance.uniform(*areas), 2 ** chance.uniform(-0.5, 0.5)
    width, height = min((area * shape) ** 0.5, 1.0), min((area / shape) ** 0.5, 1.0)
    left, top = chance.uniform(0, 1 - width), chance.uniform(0, 1 - height)
    left, top, width, height = (round(value, 4) for value in (left, top, width, height))
    left, top = min(left, 1 - width), min(top, 1 - height)  # both were rounded
    return DescribedRow(image_id=image_id, region=Box(left, top, width, height))
