"""Pictures with many distinct details, and what a camera or an editor makes of them."""

import numpy as np
from PIL import Image, ImageDraw


def scene(seed, size=(320, 240)):
    """Overlapping shapes in many colours: corners and edges everywhere, never the same for two seeds."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", size, tuple(rng.integers(60, 200, 3).tolist()))
    draw = ImageDraw.Draw(image)
    for _ in range(140):
        left, top = rng.integers(-10, size[0]), rng.integers(-10, size[1])
        width, height = rng.integers(4, 46, 2)
        box, colour = (left, top, left + width, top + height), tuple(rng.integers(0, 256, 3).tolist())
        (draw.ellipse if rng.random() < 0.3 else draw.rectangle)([int(one) for one in box], fill=colour)
    return image


def pasted(image, onto, *, at, size):
    """A picture with another one in it."""
    made = onto.copy()
    made.paste(image.resize(size, Image.Resampling.LANCZOS), at)
    return made


def pixels(image):
    return np.asarray(image.convert("RGB"))
