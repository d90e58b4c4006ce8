"""Which images look the same: a group of near-duplicates is never split between training and test."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lookalike.types import Vectors

_BLOCK = 1_024


def near_duplicate_groups(
    image_ids: Sequence[str],
    difference_hashes: NDArray[np.uint64],
    vectors: Vectors,
    *,
    most_bits: int = 6,
    least_cosine: float = 0.93,
) -> dict[str, str]:
    """Image id -> the least id of its group; an image that looks like no other is its own group.

    Two images belong together when both witnesses agree, as when near-duplicates are collapsed in results; here groups
    grow by chains, since a test image must not look like any training image.

    Args:
        image_ids: of the images.
        difference_hashes: [images] uint64.
        vectors: [images, dimension] float32 unit rows.
        most_bits: in which two difference hashes may differ.
        least_cosine: of two vectors.
    """
    pairs: list[tuple[str, str]] = []
    for start in range(0, len(image_ids), _BLOCK):
        rows = slice(start, start + _BLOCK)
        near = np.bitwise_count(difference_hashes[rows, None] ^ difference_hashes) <= most_bits
        first, second = np.nonzero(near)
        first += start
        first, second = first[first < second], second[first < second]
        alike = np.einsum("nd,nd->n", vectors[first], vectors[second]) >= least_cosine
        pairs += [(image_ids[a], image_ids[b]) for a, b in zip(first[alike], second[alike], strict=True)]
    return joined_groups(image_ids, pairs)


def joined_groups(image_ids: Iterable[str], pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Image id -> the least id among all that chains of pairs connect it with (union-find)."""
    leader = {image_id: image_id for image_id in image_ids}

    def find(image_id: str) -> str:
        while leader[image_id] != image_id:
            leader[image_id] = leader[leader[image_id]]
            image_id = leader[image_id]
        return image_id

    for first, second in pairs:
        low, high = sorted((find(first), find(second)))
        leader[high] = low
    return {image_id: find(image_id) for image_id in leader}


def group_numbers(image_ids: Sequence[str], groups: Mapping[str, str]) -> NDArray[np.int64]:
    """[images] int64, equal for images of the same group, for `losses.same_group`; independent of the order.

    An image that `groups` does not name is its own group.
    """
    numbers = {name: number for number, name in enumerate(sorted({groups.get(one, one) for one in image_ids}))}
    return np.array([numbers[groups.get(image_id, image_id)] for image_id in image_ids], np.int64)
