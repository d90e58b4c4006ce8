"""Is what is called close really close? Strangers and neighbours of the sample library.

    python benchmarks/closeness.py [--models lookalike-small,efficientnet-lite0] [--strangers 200] [--images N]

Publishes an index of the 3,391 sample pictures of `lookalike demo` by each model, and asks it with strangers: photos of
everyday scenes, posters, phone photos of DVD covers and photos of groceries from the shared data folder
(`LOOKALIKE_SHARED`, else `../shared`), and drawn ones: charts, text, checks and stripes, noise, flat colours. None of
the kinds that come from the folder, nor charts, text or stripes, is among the 64 pictures that thresholds are told by.
Then with neighbours: samples cut, turned, mirrored, brightened and made small, and samples as they are whose nearest
other image is looked at. The table goes to `benchmarks/results/closeness.md`.
"""

import argparse
import io
import os
import random
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lookalike.cli.samples import fetch_samples
from lookalike.library.opening import open_library
from lookalike.library.parts import LibraryParts
from lookalike.retrieval import Query
from lookalike.settings import load_settings
from lookalike.types import Hit, Match

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "closeness.md"
SHARED = Path(os.environ.get("LOOKALIKE_SHARED", ROOT.parent / "shared"))
PHOTOS = {
    "scenes": "coco256.tar",
    "posters": "movielens_posters.tar.gz",
    "covers by phone": "smvs_dvd.tar",
    "groceries": "wardrobe_and_grocery.tar",
}
CLOSE = {Match.DUPLICATE, Match.VERY_CLOSE, Match.CLOSE}
SIDE = 320


def saved(image: Image.Image) -> bytes:
    content = io.BytesIO()
    image.save(content, "PNG")
    return content.getvalue()


def photos(archive: str, count: int, rng: random.Random) -> Iterator[bytes]:
    with tarfile.open(SHARED / "data" / archive) as opened:
        members = [one for one in opened.getmembers() if one.name.endswith((".jpg", ".png"))]
        if archive.startswith("wardrobe"):
            members = [one for one in members if "/grocer" in one.name]
        for member in rng.sample(members, count):
            file = opened.extractfile(member)
            if file is not None:
                yield file.read()


def colour(rng: random.Random) -> tuple[int, int, int]:
    return rng.randrange(256), rng.randrange(256), rng.randrange(256)


def drawn(kind: str, rng: random.Random) -> Image.Image:
    image = Image.new("RGB", (SIDE, SIDE), colour(rng) if kind in {"flat", "stripes"} else "white")
    draw = ImageDraw.Draw(image)
    step = rng.choice([10, 20, 40, 80])
    if kind == "noise":
        grain = rng.choice([1, 3, 9, 20])
        cells = np.random.default_rng(rng.randrange(2**31)).integers(
            0, 256, (SIDE // grain, SIDE // grain, 3), np.uint8
        )
        return Image.fromarray(cells).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    if kind == "stripes":
        for place in range(0, SIDE, 2 * step):
            draw.rectangle((place, 0, place + step, SIDE), fill=colour(rng))
    if kind == "text":
        for top in range(20, SIDE - 20, 20):
            words = " ".join("".join(rng.choices("abcdefghilmnoprstu", k=rng.randint(2, 9))) for _ in range(7))
            draw.text((15, top), words, fill="black", font=ImageFont.load_default(13))
    if kind == "chart":
        for place in range(30, SIDE - 30, 30):
            draw.rectangle((place, SIDE - 30 - rng.randrange(30, 250), place + 20, SIDE - 30), fill=colour(rng))
    return image


def strangers(count: int, rng: random.Random) -> dict[str, list[bytes]]:
    kinds = ("flat", "noise", "stripes", "text", "chart")
    each = -(-count // (len(PHOTOS) + 2))
    found = {kind: list(photos(archive, each, rng)) for kind, archive in PHOTOS.items()}
    drawn_each = -(-(count - each * len(PHOTOS)) // len(kinds))
    return found | {kind: [saved(drawn(kind, rng)) for _ in range(drawn_each)] for kind in kinds}


def altered(content: bytes) -> Iterator[tuple[str, bytes]]:
    image = Image.open(io.BytesIO(content)).convert("RGBA")
    ground = Image.new("RGBA", image.size, "white")
    ground.alpha_composite(image)
    whole = ground.convert("RGB")
    width, height = whole.size
    yield "cut by a tenth", saved(whole.crop((width // 10, height // 10, width - width // 10, height - height // 10)))
    yield "turned by 8 degrees", saved(whole.rotate(8, fillcolor="white"))
    yield "mirrored", saved(whole.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    yield "64 pixels wide", saved(whole.resize((64, 64)))
    yield "brighter", saved(whole.point(lambda value: min(int(value * 1.15), 255)))


def first(library: LibraryParts, content: bytes) -> Hit:
    return library.engine.search(Query.picture(content, limit=1)).hits[0]


def measured(library: LibraryParts, samples: list[Path], count: int, rng: random.Random) -> list[str]:
    lines = ["| asked with | | called close | cosine of the first, median and highest |", "|---|--:|--:|---|"]
    mistaken = total = 0
    for kind, contents in strangers(count, rng).items():
        hits = [first(library, content) for content in contents]
        close = sum(hit.match in CLOSE for hit in hits)
        mistaken, total = mistaken + close, total + len(hits)
        cosines = [hit.cosine for hit in hits]
        lines.append(f"| strangers: {kind} | {len(hits)} | {close} | {np.median(cosines):.2f}, {max(cosines):.2f} |")
    kept: dict[str, list[bool]] = {}
    for path in rng.sample(samples, 100):
        for kind, content in altered(path.read_bytes()):
            kept.setdefault(kind, []).append(first(library, content).match in CLOSE)
    for image_id in rng.sample(
        sorted(library.catalog.sources.image_ids_at(map(str, samples)).values()), min(500, len(samples))
    ):
        nearest = library.engine.search(Query.image(image_id, limit=1)).hits[0]
        kept.setdefault("nearest other image", []).append(nearest.match in CLOSE)
    lines += [f"| samples: {kind} | {len(said)} | {sum(said)} | |" for kind, said in kept.items()]
    lost = [not one for said in kept.values() for one in said]
    lines.append(f"\nStrangers called close: {100 * mistaken / total:.1f} % of {total}. ")
    return [*lines, f"Neighbours not called close: {100 * np.mean(lost):.1f} % of {len(lost)}.", ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", default="lookalike-small,efficientnet-lite0")
    parser.add_argument("--strangers", type=int, default=200)
    parser.add_argument("--images", type=int, default=3_391)
    parser.add_argument("--seed", type=int, default=11)
    options = parser.parse_args()
    samples = sorted(fetch_samples(tell=print).iterdir())
    rng = random.Random(options.seed)
    samples = samples if options.images >= len(samples) else sorted(rng.sample(samples, options.images))
    lines = ["# Closeness", "", f"{len(samples)} sample pictures; see `benchmarks/closeness.py`.", ""]
    for name in options.models.split(","):
        with tempfile.TemporaryDirectory() as folder:
            settings = load_settings({"library": folder, "model": name})
            with open_library(settings, create=True) as library:
                library.indexer.index(samples)
                live = library.engine.search(Query.picture(samples[0].read_bytes(), limit=1))
                print(name, live.generation)
                lines += [f"## {name}", "", *measured(library, samples, options.strangers, random.Random(options.seed))]
        RESULT.write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
