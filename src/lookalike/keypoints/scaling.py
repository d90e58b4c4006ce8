"""Bringing a picture to the size at which its details are looked at."""

from PIL import Image


def scaled(image: Image.Image, side: int, resampling: Image.Resampling) -> Image.Image:
    """The picture with a longer side of `side` pixels, its shape kept as far as whole pixels allow."""
    scale = side / max(image.size)
    width, height = (max(round(one * scale), 1) for one in image.size)
    return image.resize((width, height), resampling)
