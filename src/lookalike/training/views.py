"""Random augmented views of an image.

A view depends on (seed, epoch, image id, number of the view) and nothing else: not on how many workers make views, nor
on what was drawn before. It is made with Pillow, from upright pixels.
"""

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from lookalike.training.chance import chance_for
from lookalike.types import Pixels

_TRIES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewSettings:
    """How strongly views differ from their image; the defaults are SimCLR's (Chen et al. 2020, appendix A), milder.

    Attributes:
        size: height and width of a view, pixels.
        least_area: share of the image's area a view shows at least, above 0; 1 cuts nothing off but the shape.
        most_aspect: width over height of the cut lies between 1 / most_aspect and most_aspect, from 1.
        flip: probability of mirroring left and right.
        rotation: most degrees either way, 0 to 180; corners show the image's mean colour.
        jitter: probability of changing brightness, contrast, saturation and hue.
        brightness: the factor lies in 1 - brightness to 1 + brightness; 0 to 1.
        contrast: likewise.
        saturation: likewise.
        hue: most share of the colour circle either way, 0 to 0.5.
        greyscale: probability of losing all colour.
        blur: probability of blurring.
        most_blur: standard deviation of the strongest blur, as a share of `size`.

    Raises:
        ValueError: a value outside its range.
    """

    size: int = 224
    least_area: float = 0.3
    most_aspect: float = 4 / 3
    flip: float = 0.5
    rotation: float = 10.0
    jitter: float = 0.8
    brightness: float = 0.3
    contrast: float = 0.3
    saturation: float = 0.3
    hue: float = 0.05
    greyscale: float = 0.1
    blur: float = 0.3
    most_blur: float = 0.01

    def __post_init__(self) -> None:
        shares = ("flip", "jitter", "brightness", "contrast", "saturation", "greyscale", "blur", "most_blur")
        ranges = {
            "size": (1, 4_096),
            "least_area": (1e-3, 1),
            "most_aspect": (1, 10),
            "rotation": (0, 180),
            "hue": (0, 0.5),
        } | dict.fromkeys(shares, (0, 1))
        for name, (low, high) in ranges.items():
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be between {low} and {high}")

    def sized(self, size: int) -> "ViewSettings":
        """The same for views of another size."""
        return replace(self, size=size)


SIMCLR_VIEWS = ViewSettings(
    least_area=0.08,
    rotation=0,
    brightness=0.8,
    contrast=0.8,
    saturation=0.8,
    hue=0.2,
    greyscale=0.2,
    blur=0.5,
)
"""Chen et al. 2020, appendix A, with colour strength 1."""

MOCO_VIEWS = ViewSettings(
    least_area=0.2,
    rotation=0,
    brightness=0.4,
    contrast=0.4,
    saturation=0.4,
    hue=0.1,
    greyscale=0.2,
    blur=0.5,
)
"""Chen, Fan et al. 2020, "Improved baselines with momentum contrastive learning": MoCo v2's "aug+"."""


def view(pixels: Pixels, settings: ViewSettings, *, seed: int, epoch: int, image_id: str, number: int = 0) -> Pixels:
    """One view, [size, size, 3] uint8.

    Args:
        pixels: [height, width, 3] uint8, upright RGB.
        settings: how strongly it may differ.
        seed: of the training run.
        epoch: of it.
        image_id: of the image.
        number: 0 for the first view of the image in this epoch, 1 for the second.
    """
    chance = chance_for("view", seed, epoch, image_id, number)
    image = _cut(_rotated(Image.fromarray(pixels), settings, chance), settings, chance)
    if chance.random() < settings.flip:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if chance.random() < settings.jitter:
        image = _jittered(image, settings, chance)
    if chance.random() < settings.greyscale:
        image = image.convert("L").convert("RGB")
    if chance.random() < settings.blur:
        image = image.filter(ImageFilter.GaussianBlur(chance.uniform(0, settings.most_blur) * settings.size))
    return np.array(image)


def _rotated(image: Image.Image, settings: ViewSettings, chance: np.random.Generator) -> Image.Image:
    degrees = chance.uniform(-1, 1) * settings.rotation
    if degrees == 0:
        return image
    mean = tuple(round(value) for value in np.asarray(image.resize((1, 1), Image.Resampling.BOX))[0, 0].tolist())
    return image.rotate(degrees, Image.Resampling.BILINEAR, fillcolor=mean)


def _cut(image: Image.Image, settings: ViewSettings, chance: np.random.Generator) -> Image.Image:
    """A random rectangle, resized: Szegedy et al. 2015, "Going deeper with convolutions", section 6."""
    width, height = image.size
    for _ in range(_TRIES):
        area = chance.uniform(settings.least_area, 1) * width * height
        aspect = settings.most_aspect ** chance.uniform(-1, 1)
        wide, high = round((area * aspect) ** 0.5), round((area / aspect) ** 0.5)
        if 1 <= wide <= width and 1 <= high <= height:
            break
    else:  # a long picture has no such rectangle: its largest square
        wide = high = min(width, height)
    left, top = (int(chance.integers(room + 1)) for room in (width - wide, height - high))
    side = (settings.size, settings.size)
    return image.resize(side, Image.Resampling.BICUBIC, box=(left, top, left + wide, top + high))


def _jittered(image: Image.Image, settings: ViewSettings, chance: np.random.Generator) -> Image.Image:
    """Brightness, contrast, saturation and hue, in a random order."""
    steps = (
        (ImageEnhance.Brightness, settings.brightness),
        (ImageEnhance.Contrast, settings.contrast),
        (ImageEnhance.Color, settings.saturation),
        (None, settings.hue),
    )
    amounts = chance.uniform(-1, 1, size=len(steps))
    for place in chance.permutation(len(steps)).tolist():
        enhance, most = steps[place]
        if most == 0:
            continue
        image = (
            _hue_turned(image, amounts[place] * most)
            if enhance is None
            else enhance(image).enhance(1 + amounts[place] * most)
        )
    return image


def _hue_turned(image: Image.Image, share: float) -> Image.Image:
    """Colours moved by that share of the colour circle."""
    turn = round(share * 256)
    hue, saturation, value = image.convert("HSV").split()
    turned = hue.point([(level + turn) % 256 for level in range(256)])
    return Image.merge("HSV", (turned, saturation, value)).convert("RGB")
