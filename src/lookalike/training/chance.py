"""Random number generators seeded by their purpose, independent of when or where they are used."""

import hashlib

import numpy as np


def chance_for(*purpose: int | str) -> np.random.Generator:
    """A generator seeded by its purpose, such as (seed, epoch, image id): the same in any worker and any order."""
    digest = hashlib.sha256("\0".join(f"{type(part).__name__}:{part}" for part in purpose).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16]))
