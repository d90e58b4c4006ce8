"""Stand-ins for tests: a model that needs no file, and pictures whose likeness is known."""

import hashlib
import io

import numpy as np
from PIL import Image

from lookalike.preprocessing import Preprocessing


class ColourGridEncoder:
    """A real, tiny model: the picture's 4 x 4 colour grid, rotated at random into 32 dimensions, unit length."""

    name = "colour-grid"
    dimension = 32
    concurrency = 2
    reference_cosines = np.linspace(-0.5, 0.9, 200, dtype=np.float32)
    preprocessing = Preprocessing(
        size=32,
        fit="centre-crop",
        interpolation="bilinear",
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
    )

    def __init__(self, *, name="colour-grid", seed=1):
        self.name = name
        self.fingerprint = hashlib.sha256(f"{name} {seed}".encode()).hexdigest()
        self.calls = 0
        self.closed = False
        self._rotation = np.linalg.qr(np.random.default_rng(seed).normal(size=(48, 48)))[0][:, :32].astype(np.float32)

    def encode(self, batch):
        self.calls += len(batch)
        grids = batch.reshape(len(batch), 3, 4, 8, 4, 8).mean(axis=(3, 5)).reshape(len(batch), 48) + 1e-3
        vectors = np.stack([grid @ self._rotation for grid in grids])
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)

    def encode_image(self, rows):
        vector = self.encode(rows).mean(axis=0)
        return vector / np.linalg.norm(vector)

    def close(self):
        self.closed = True


def picture(seed, *, size=(64, 48), noise=0, image_format="PNG", **options):
    """Bytes of a picture of coloured blocks: equal seeds look alike, whatever the noise, size and format."""
    blocks = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    image = Image.fromarray(blocks).resize(size, Image.Resampling.BICUBIC)
    if noise:
        grain = np.random.default_rng(seed * 7919 + noise).integers(-noise, noise + 1, (size[1], size[0], 3))
        image = Image.fromarray(np.clip(np.asarray(image).astype(int) + grain, 0, 255).astype(np.uint8))
    buffer = io.BytesIO()
    image.save(buffer, format=image_format, **options)
    return buffer.getvalue()
