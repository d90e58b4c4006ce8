"""Random parts of a library's own pictures, whose mean stands for that of the parts that people will search with.

Nobody has searched with a crop yet when an index is published, and what crops have in common is not what whole
pictures have in common. Random parts of the library's own pictures have most of it. A few hundred are embedded once
and kept beside the snapshots; later publications embed only those that are new.
"""

import io
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookalike.catalog import Catalog, LiveModel
from lookalike.distributed import ThreadRunner
from lookalike.durable import replace_file
from lookalike.embedding import Encoder, PictureEncoder
from lookalike.errors import LookalikeError
from lookalike.preprocessing import Limits
from lookalike.types import Box, Vectors

MOST_CUTS = 256
"""Pictures that a part is cut out of. Their mean is then off by a sixteenth of what single parts are from it."""

_IMAGES_A_CUT = 8  # at least: a small library is not kept waiting for an eighth more than its pictures take
_LEAST_SIDE, _MOST_SIDE = 0.3, 0.7  # of the picture's


class Cuts:
    """The kept cuts of one library. A cut's place in its picture, and which pictures are cut, follow from their ids.

    Args:
        catalog: holds the pictures.
        folder: where snapshots are published; cuts are kept beside them, in one file a model.
        limits: for reading pictures.
    """

    def __init__(self, catalog: Catalog, folder: Path, *, limits: Limits) -> None:
        self._catalog = catalog
        self._folder = folder
        self._limits = limits

    def vectors(self, model: LiveModel, image_ids: Sequence[str], encoder: Encoder | None) -> Vectors:
        """Of one cut of each of these pictures, [at most n, dimension] float32 unit rows, in that order.

        Those that are not kept are embedded, and left out where there is no encoder or a picture cannot be read. Cuts
        of other pictures are forgotten.

        Args:
            model: whose vectors.
            image_ids: [n], of public images.
            encoder: that model, opened; None where it is not on this machine.
        """
        kept = self._kept(model)
        missing = [image_id for image_id in image_ids if image_id not in kept]
        made = self._embedded(missing, encoder) if encoder else {}
        known = kept | made
        cuts = {image_id: known[image_id] for image_id in image_ids if image_id in known}
        if made or (cuts.keys() != kept.keys() and encoder is not None):
            self._keep(model, cuts)
        return np.array(list(cuts.values()), dtype=np.float32).reshape(len(cuts), model.dimension)

    def _embedded(self, image_ids: Sequence[str], encoder: Encoder) -> dict[str, NDArray[np.float32]]:
        pictures = PictureEncoder(encoder=encoder, limits=self._limits)

        def embed(image_id: str) -> NDArray[np.float32] | None:
            try:
                content = self._catalog.images.content(image_id)
                return pictures.encode(pictures.prepare(content, name=image_id, crop=cut_box(image_id)))
            except LookalikeError:  # its file is away, or was never one that can be read
                return None

        vectors = ThreadRunner(encoder.concurrency + 1).map(embed, image_ids)
        return {one: vector for one, vector in zip(image_ids, vectors, strict=True) if vector is not None}

    def _path(self, model: LiveModel) -> Path:
        return self._folder / f"cuts-{model.fingerprint[:12]}.npy"

    def _kept(self, model: LiveModel) -> dict[str, NDArray[np.float32]]:
        with suppress(OSError, ValueError, EOFError):
            rows = np.load(self._path(model), allow_pickle=False)
            if rows.dtype == _row_type(model) and rows.ndim == 1:
                ids = rows["image_id"].astype(np.str_).tolist()
                return dict(zip(ids, rows["vector"].astype(np.float32), strict=True))
        return {}

    def _keep(self, model: LiveModel, cuts: Mapping[str, NDArray[np.float32]]) -> None:
        content = io.BytesIO()
        np.save(content, np.array(list(cuts.items()), dtype=_row_type(model)))
        self._folder.mkdir(parents=True, exist_ok=True)
        replace_file(self._path(model), content.getvalue())


def _row_type(model: LiveModel) -> np.dtype[np.void]:
    return np.dtype([("image_id", "S32"), ("vector", "<f2", (model.dimension,))])


def wanted_cuts(images: int) -> int:
    """How many pictures of a library of so many public ones are cut."""
    return min(images // _IMAGES_A_CUT, MOST_CUTS)


def cut_box(image_id: str) -> Box:
    """The part that is cut out of a picture: always the same, of 30 to 70 % a side, anywhere in it."""
    rng = np.random.default_rng(zlib.crc32(image_id.encode()))
    width, height = rng.uniform(_LEAST_SIDE, _MOST_SIDE, 2)
    x, y = rng.uniform(0, [1 - width, 1 - height])
    return Box(float(x), float(y), float(width), float(height))
