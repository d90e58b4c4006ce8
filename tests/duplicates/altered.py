"""Copies of a picture, as people make them, and pictures that only look like copies."""

import io

from PIL import Image, ImageDraw, ImageOps

from keypoints.scenes import pasted, scene


def again(image, quality):
    content = io.BytesIO()
    image.save(content, "JPEG", quality=quality)
    return Image.open(io.BytesIO(content.getvalue())).convert("RGB")


def cut(image, share):
    width, height = round(image.width * share), round(image.height * share)
    left, top = (image.width - width) // 3, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


def marked(image):
    """Half-transparent words across it."""
    words = Image.new("RGBA", image.size)
    place = (image.width // 5, image.height // 2)
    ImageDraw.Draw(words).text(place, "SAMPLE", fill=(255, 255, 255, 128), font_size=image.height // 6)
    return Image.alpha_composite(image.convert("RGBA"), words).convert("RGB")


def product(pattern):
    """A garment with a pattern, worn by the same person in the same pose before the same background."""
    shot = Image.new("RGB", (400, 400), "white")
    cloth = scene(pattern, size=(400, 400)).convert("L").point(lambda level: 60 + level // 2).convert("RGB")
    outline = Image.new("L", shot.size)
    ImageDraw.Draw(outline).polygon([(90, 130), (310, 130), (350, 380), (50, 380)], fill=255)
    shot.paste(cloth, mask=outline)
    return pasted(scene(9, size=(90, 90)), shot, at=(155, 30), size=(90, 90))


SIMPLE = {
    "encoded again": lambda image: again(image, 40),
    "half the size": lambda image: again(image.resize((image.width // 2, image.height // 2)), 85),
    "mirrored": ImageOps.mirror,
    "turned": lambda image: image.transpose(Image.Transpose.ROTATE_90),
}
"""Found without keypoints."""

DETAILED = {
    "bordered": lambda image: ImageOps.expand(image, border=image.width // 8, fill="black"),
    "cut": lambda image: cut(image, 0.75),
    "tilted": lambda image: image.rotate(8, Image.Resampling.BICUBIC, expand=True, fillcolor="white"),
    "marked": marked,
    "mirrored and cut": lambda image: cut(ImageOps.mirror(image), 0.8),
}
"""Found by keypoints."""
