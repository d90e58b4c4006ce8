"""A library for training: the images that may be used, and their features. Needs no torch.

What is described has a name, see `rows`.
"""

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookalike.catalog import Catalog
from lookalike.errors import TrainingRefused
from lookalike.preprocessing import Limits, Preprocessing, decode, prepare, transform
from lookalike.training.chance import chance_for
from lookalike.training.features import Described, Describing, describe_images
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

    def view_names(self, image_id: str, count: int) -> list[str]:
        """Names of the first altered views of an image."""
        views = (View(settings=self._settings, number=number) for number in range(count))
        return [str(DescribedRow(image_id=image_id, view=view)) for view in views]

    def prepared(self, name: str) -> NDArray[np.float32]:
        """[3, size, size] float32 of what has that name; of a long picture, its middle part.

        Raises:
            ImageRefused: its image cannot be read.
            UnknownImage: it is not there.
        """
        rows = self.parts(name)
        middle: NDArray[np.float32] = rows[len(rows) // 2]
        return middle

    def parts(self, name: str) -> Batch:
        """[parts, 3, size, size] float32 of what has that name: several parts of a long picture.

        Raises:
            ImageRefused: its image cannot be read.
            UnknownImage: it is not there.
        """
        row = DescribedRow.parse(name)
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

    def describe(self, names: Sequence[str], progress: Callable[[int], None]) -> Described:
        """Features of all images that can be read.

        Raises:
            TrainingRefused: none can.
            StorageFailed: the folder cannot be written.
        """
        return describe_images(names, self._encoder, self.pictures.parts, folder=self._folder, progress=progress)


def crop_names(
    image_ids: Sequence[str], *, least_area: float = 0.1, most_area: float = 0.5, seed: int = 0
) -> dict[str, str]:
    """Image id -> the name of a part of it, with half to twice its shape, at a random place.

    Args:
        image_ids: of the images.
        least_area: share of an image's area.
        most_area: likewise.
        seed: another one cuts otherwise.
    """
    return {image_id: _crop_name(image_id, (least_area, most_area), seed) for image_id in image_ids}


def _crop_name(image_id: str, areas: tuple[float, float], seed: int) -> str:
    chance = chance_for("crop", seed, image_id)
    area, shape = chance.uniform(*areas), 2 ** chance.uniform(-0.5, 0.5)
    width, height = min((area * shape) ** 0.5, 1.0), min((area / shape) ** 0.5, 1.0)
    left, top = chance.uniform(0, 1 - width), chance.uniform(0, 1 - height)
    left, top, width, height = (round(value, 4) for value in (left, top, width, height))
    left, top = min(left, 1 - width), min(top, 1 - height)  # both were rounded
    return str(DescribedRow(image_id=image_id, region=Box(left, top, width, height)))
