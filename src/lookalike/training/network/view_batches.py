"""Batches of two views of each image, for learning without labels."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lookalike.errors import TrainingRefused
from lookalike.preprocessing import Preprocessing, transform
from lookalike.training.chance import chance_for
from lookalike.training.examples import group_numbers
from lookalike.training.views import ViewSettings, view
from lookalike.types import Pixels


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ViewBatch:
    """Two views of each image of a batch.

    Attributes:
        first: [b, 3, size, size] float32, normalised as the model wants it.
        second: [b, 3, size, size], other views of the same images in the same order.
        groups: [b] int64, equal for near-duplicates (see `losses.same_group`).
    """

    first: Tensor
    second: Tensor
    groups: Tensor


class ViewBatches:
    """Every image once an epoch in a new order, in batches of one size; what does not fill one waits for another epoch.

    What batch `n` holds depends on the seed and on `n` alone, not on the number of workers. Reading, decoding and
    Pillow's work run in threads beside each other.
    """

    def __init__(
        self,
        image_ids: Sequence[str],
        read: Callable[[str], Pixels],
        *,
        views: ViewSettings,
        preprocessing: Preprocessing,
        groups: Mapping[str, str],
        batch: int = 64,
        seed: int = 0,
        workers: int = 2,
    ) -> None:
        """Prepare to draw.

        Args:
            image_ids: of the part that is trained on.
            read: upright RGB pixels of an image; may be called from several threads at once.
            views: how views differ from their image. Their size is that of the batch.
            preprocessing: mean and standard deviation of the model's input.
            groups: image id -> name of its near-duplicate group; an image that is not named is its own.
            batch: images in a batch.
            seed: of order and views.
            workers: threads.

        Raises:
            TrainingRefused: fewer images than a batch.
        """
        if len(image_ids) < batch:
            raise TrainingRefused(f"{len(image_ids)} images do not fill a batch of {batch}: make it smaller")
        self._image_ids, self._read, self._views = tuple(image_ids), read, views
        self._preprocessing = Preprocessing(size=views.size, mean=preprocessing.mean, std=preprocessing.std)
        self._groups = torch.from_numpy(group_numbers(image_ids, groups))
        self._batch, self._seed = batch, seed
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="views")

    def batch_at(self, number: int) -> ViewBatch:
        """The batch of that number."""
        epoch, place = divmod(number, len(self._image_ids) // self._batch)
        order = chance_for("order", self._seed, epoch).permutation(len(self._image_ids))
        chosen = order[place * self._batch : (place + 1) * self._batch].tolist()
        made = list(self._pool.map(lambda row: self._two_views(self._image_ids[row], epoch), chosen))
        first, second = (torch.from_numpy(np.stack(rows)) for rows in zip(*made, strict=True))
        return ViewBatch(first=first, second=second, groups=self._groups[chosen])

    def _two_views(self, image_id: str, epoch: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        pixels = self._read(image_id)
        first, second = (
            view(pixels, self._views, seed=self._seed, epoch=epoch, image_id=image_id, number=number)
            for number in range(2)
        )
        return transform(first, self._preprocessing), transform(second, self._preprocessing)

    def close(self) -> None:
        """Ends the threads."""
        self._pool.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
