"""What does preparing an image cost, stage by stage, beside decoding it with bare Pillow?

    python benchmarks/preprocessing.py [FOLDER ...] [--images N] [--size PIXELS]

Times are core-milliseconds (process time, median of rounds, stages interleaved) on one thread, and ratios to
`Image.open(...).convert("RGB")` of the same files in the same run. Folders default to photo sets in the shared data
folder (`LOOKALIKE_SHARED`, else `../shared`), plus photos of 12 megapixels made from the last of them. The table goes
to `benchmarks/results/preprocessing.md`.
"""

import argparse
import io
import os
import random
import statistics
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from PIL import __version__ as pillow_version

from lookalike.preprocessing import (
    OpenedImage,
    Preprocessing,
    decode,
    difference_hash,
    prepare,
    thumbnail,
    transform,
    worth_opening,
)

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "preprocessing.md"
SHARED = Path(os.environ.get("LOOKALIKE_SHARED", ROOT.parent / "shared"))
ROUNDS = 5
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def bare(content):
    return Image.open(io.BytesIO(content)).convert("RGB")


def stages(size: int) -> dict[str, Callable]:
    """Each takes one file's bytes."""
    wanted = Preprocessing(size=size, mean=MEAN, std=STD)
    pixels: dict[bytes, np.ndarray] = {}

    def of_pixels(stage):
        def run(content):
            if content not in pixels:
                pixels[content] = decode(content, name="x", shortest_side=2 * size + 1).pixels
            return stage(pixels[content])

        return run

    return {
        "bare Pillow: open, decode, convert": bare,
        "header, limits, open": lambda content: OpenedImage(content, name="x"),
        "decode (draft as prepare does)": lambda content: decode(content, name="x", shortest_side=2 * size + 1),
        "decode (whole)": lambda content: decode(content, name="x"),
        "transform (resize, crop, z-score)": of_pixels(lambda array: transform(array, wanted)),
        "mean colour and dHash": of_pixels(difference_hash),
        "**prepare, all of it**": lambda content: prepare(content, wanted, name="x"),
        "thumbnail of 256 pixels": lambda content: thumbnail(content, size=256, name="x"),
    }


def measure(contents: list[bytes], size: int) -> dict[str, float]:
    """Core-milliseconds an image of each stage."""
    named = stages(size)
    taken: dict[str, list[float]] = {name: [] for name in named}
    for round_number in range(ROUNDS + 1):
        for name, stage in named.items():
            start = time.process_time()
            for content in contents:
                stage(content)
            if round_number:  # the first warms up
                taken[name].append((time.process_time() - start) * 1000 / len(contents))
    return {name: statistics.median(values) for name, values in taken.items()}


def photos(source: Path, images: int) -> list[bytes]:
    """The same random files in every run, from a folder or a tar file."""
    contents = sorted(read_all(source))
    random.Random(0).shuffle(contents)
    return contents[:images]


def read_all(source: Path) -> Iterator[bytes]:
    if source.is_dir():
        yield from (path.read_bytes() for path in source.rglob("*") if path.is_file() and worth_opening(path.name))
        return
    with tarfile.open(source) as archive:
        for member in archive:
            stream = archive.extractfile(member) if worth_opening(member.name) else None
            if stream is not None:
                yield stream.read()


def large_photos(contents: list[bytes], count: int = 4) -> list[bytes]:
    """4032 x 3024 pixels, each a mosaic of 36 photos."""
    made = []
    for number in range(count):
        mosaic = Image.new("RGB", (4032, 3024))
        for tile in range(36):
            picture = bare(contents[(36 * number + tile) % len(contents)]).resize((672, 504))
            mosaic.paste(picture, (tile % 6 * 672, tile // 6 * 504))
        stream = io.BytesIO()
        mosaic.save(stream, "JPEG", quality=90)
        made.append(stream.getvalue())
    return made


def table(title: str, contents: list[bytes], size: int) -> list[str]:
    times = measure(contents, size)
    base = times["bare Pillow: open, decode, convert"]
    sizes = [Image.open(io.BytesIO(content)).size for content in contents]
    width, height = (int(statistics.median(side)) for side in zip(*sizes, strict=True))
    kilobytes = statistics.mean(map(len, contents)) / 1000
    return [
        f"## {title}",
        "",
        f"{len(contents)} files, median {width} x {height} pixels, mean {kilobytes:,.0f} kB; model input {size} pixels",
        "",
        "| stage | core-ms an image | ratio to bare Pillow |",
        "|---|---|---|",
        *(f"| {name} | {value:.3f} | {value / base:.2f} |" for name, value in times.items()),
        "",
    ]


def shared_sets() -> list[Path]:
    """Photo sets by name, as folders or archives."""
    names = ("wardrobe_and_grocery", "fashion_224", "coco256")
    return [path for name in names for path in sorted((SHARED / "data").glob(f"{name}*"))[:1]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--images", type=int, default=300)
    parser.add_argument("--size", type=int, default=224)
    options = parser.parse_args()
    sources = options.folders or shared_sets()
    if not sources:
        parser.error(f"no photo sets under {SHARED}; name a folder of photos")
    sets = {source.name.split(".")[0]: photos(source, options.images) for source in sources}
    sets["12 megapixels"] = large_photos(next(reversed(sets.values())))
    command = " ".join(["python benchmarks/preprocessing.py", *(path.name for path in options.folders)])
    lines = [
        "# Preprocessing: what an image costs",
        "",
        f"`{command}` with Pillow {pillow_version} and numpy {np.__version__} on a shared machine: read the ratios.",
        "",
    ]
    for title, contents in sets.items():
        lines += table(title, contents, options.size)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
