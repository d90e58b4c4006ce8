"""What does bringing a picture's colours to sRGB cost, beside decoding it?

    python benchmarks/colour.py [--side PIXELS]

Core time of `decode` for the same picture with a profile and without, interleaved, median of rounds; the first use of a
profile apart. The table goes to `benchmarks/results/colour.md`.
"""

import argparse
import io
import statistics
import time
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms
from PIL import __version__ as pillow_version

from lookalike.preprocessing import Preprocessing, decode, prepare
from lookalike.preprocessing.colour_management import transform_to_srgb
from lookalike.preprocessing.containers.colour_tags import ColourTags
from lookalike.preprocessing.profiles import profile_of_primaries

RESULT = Path(__file__).resolve().parent / "results" / "colour.md"
DISPLAY_P3 = (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)
WANTED = Preprocessing(size=224, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
ROUNDS = 7


def photo(side):
    """Smooth shapes with grain, 4 : 3."""
    chance = np.random.default_rng(0)
    coarse = Image.fromarray(chance.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((side, side * 3 // 4), Image.Resampling.BICUBIC), np.int16)
    return Image.fromarray(np.clip(smooth + chance.integers(-6, 7, smooth.shape), 0, 255).astype(np.uint8))


def encoded(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def pictures(image):
    """Name -> the picture without and with something to do."""
    wide = profile_of_primaries(DISPLAY_P3, (np.arange(256) / 255) ** 2.2).content
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    avif = encoded(image, "AVIF", speed=9)
    at = avif.index(b"colrnclx") + 8
    return {
        "JPEG, Display P3": [encoded(image, "JPEG", **more) for more in ({}, {"icc_profile": wide})],
        "JPEG, sRGB profile": [encoded(image, "JPEG", **more) for more in ({}, {"icc_profile": srgb})],
        "PNG, Display P3": [encoded(image, "PNG", compress_level=1, **more) for more in ({}, {"icc_profile": wide})],
        "PNG with alpha, Display P3": [
            encoded(image.convert("RGBA"), "PNG", compress_level=1, **more) for more in ({}, {"icc_profile": wide})
        ],
        "AVIF, PQ": [avif, avif[:at] + bytes([0, 9, 0, 16]) + avif[at + 4 :]],
    }


def milliseconds(act):
    start = time.process_time()
    act()
    return (time.process_time() - start) * 1000


def ratio(plain, tagged, read):
    """Median over rounds of the time with over the time without."""
    read(plain), read(tagged)
    pairs = [(milliseconds(lambda: read(plain)), milliseconds(lambda: read(tagged))) for _ in range(ROUNDS)]
    before, after = (statistics.median(times) for times in zip(*pairs, strict=True))
    return after / before


def first_use():
    """Making transforms of profiles never seen before, ms."""
    levels = np.arange(256) / 255
    profiles = [profile_of_primaries(DISPLAY_P3, levels**gamma).content for gamma in np.linspace(1.8, 2.6, ROUNDS)]
    tags = [ColourTags(profile=profile) for profile in profiles]
    return statistics.median(milliseconds(partial(transform_to_srgb, one, stored="RGB", given="RGB")) for one in tags)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=2_000)
    options = parser.parse_args()
    image = photo(options.side)
    about = (
        f"{image.width} x {image.height} pixels, Pillow {pillow_version}, LittleCMS {ImageCms.core.littlecms_version}"
    )
    lines = [
        "# Colours: what bringing them to sRGB costs",
        "",
        f"`python benchmarks/colour.py --side {options.side}`: {about}; core time: read the ratios.",
        f"A profile seen for the first time takes {first_use():.1f} ms more.",
        "",
        "| picture | decode, with over without | prepare (224 pixels), with over without |",
        "|---|---|---|",
    ]
    for name, (plain, tagged) in pictures(image).items():
        whole = ratio(plain, tagged, lambda content: decode(content, name="x"))
        small = ratio(plain, tagged, lambda content: prepare(content, WANTED, name="x"))
        lines.append(f"| {name} | {whole:.2f} | {small:.2f} |")
        print(lines[-1], flush=True)
    RESULT.write_text("\n".join([*lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
