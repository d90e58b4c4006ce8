"""What does describing long pictures in parts give, and what does it cost?

    python benchmarks/long_pictures.py [--models NAME ...]

The scenes of `coco256` are searched by their crops, of which half are longer than 1.6 : 1, described by the central
square alone (as pictures of other shapes are) and in parts. Then strips of two to nine photos among single photos are
searched by a half of themselves and by each photo in them. Needs the shared data folder (`LOOKALIKE_SHARED`, else
`../shared`). The table goes to `benchmarks/results/long_pictures.md`.
"""

import argparse
import csv
import io
import os
import random
import tarfile
from collections import defaultdict
from pathlib import Path

import numpy as np
from PIL import Image

from lookalike.embedding import open_encoder
from lookalike.preprocessing import transform, transform_parts
from lookalike.preprocessing.transform import LONG

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "long_pictures.md"
SHARED = Path(os.environ.get("LOOKALIKE_SHARED", ROOT.parent / "shared"))
MODELS = Path(os.environ.get("LOOKALIKE_MODELS", ROOT / ".cache" / "models"))
LENGTHS = (2, 3, 4, 5, 6, 9)


class Scenes:
    """Pictures with crops, and which pictures show the same category."""

    def __init__(self, archive):
        with tarfile.open(archive) as opened:
            files = {one.name.split("/", 1)[1]: opened.extractfile(one).read() for one in opened if one.isfile()}
        self.pictures = {
            name: Image.open(io.BytesIO(content)).convert("RGB")
            for name, content in files.items()
            if name.endswith(".jpg")
        }
        self.relevant = defaultdict(set)
        for row in table(files["crop_qrels.tsv"]):
            self.relevant[row["qid"]].add(row["relevant"])
        self.crops = {
            row["qid"]: self.pictures[row["image"]].crop(edges(row)) for row in table(files["crop_queries.tsv"])
        }


def table(content):
    return csv.DictReader(io.StringIO(content.decode()), delimiter="\t")


def edges(row):
    left, top, right, bottom = (int(float(row[edge])) for edge in ("x0", "y0", "x1", "y1"))
    return left, top, right, bottom


def is_long(image):
    return max(image.size) > LONG * min(image.size)


def strips(scenes):
    """Photos side by side or one above the other, and photos that are in none."""
    chance = random.Random(0)
    tiles = [squared(image) for _, image in sorted(scenes.pictures.items())]
    chance.shuffle(tiles)
    singles, tiles, made = tiles[:60], tiles[60:], []
    while len(tiles) >= max(LENGTHS):
        count, wide = chance.choice(LENGTHS), chance.random() < 0.5
        parts, tiles = tiles[:count], tiles[count:]
        strip = Image.new("RGB", (224 * count, 224) if wide else (224, 224 * count))
        for number, part in enumerate(parts):
            strip.paste(part, (224 * number, 0) if wide else (0, 224 * number))
        made.append((strip, parts))
    return made, singles


def squared(image):
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.resize((224, 224), Image.Resampling.BICUBIC, box=(left, top, left + side, top + side))


def mean_average_precision(scenes, vector, names):
    gallery_ids = sorted(scenes.pictures)
    gallery = np.stack([vector(scenes.pictures[name]) for name in gallery_ids])
    found = []
    for name in names:
        order = np.argsort(-(gallery @ vector(scenes.crops[name])), kind="stable")
        hits = np.array([gallery_ids[row] in scenes.relevant[name] for row in order])
        found.append((np.cumsum(hits)[hits] / (np.flatnonzero(hits) + 1)).sum() / len(scenes.relevant[name]))
    return float(np.mean(found))


def mean_reciprocal_ranks(made, singles, vector):
    """By halves of the strips, and by the photos in them."""
    gallery = np.stack([vector(strip) for strip, _ in made] + [vector(one) for one in singles])

    def rank(query, row):
        cosines = gallery @ vector(query)
        return 1 + int((cosines > cosines[row]).sum())

    halves = [1 / rank(half(strip), row) for row, (strip, _) in enumerate(made)]
    photos = [1 / rank(part, row) for row, (_, parts) in enumerate(made) for part in parts]
    return float(np.mean(halves)), float(np.mean(photos))


def half(strip):
    width, height = strip.size
    return strip.crop((0, 0, width // 2, height) if width > height else (0, 0, width, height // 2))


def measure(name, scenes):
    rows = []
    made, singles = strips(scenes)
    long_crops = [crop for crop, image in scenes.crops.items() if is_long(image)]
    with open_encoder(name, models=MODELS, mode="throughput") as encoder:
        ways = {
            "central square": lambda image: encoder.encode_image(
                transform(np.asarray(image), encoder.preprocessing)[None]
            ),
            "in parts": lambda image: encoder.encode_image(transform_parts(np.asarray(image), encoder.preprocessing)),
        }
        for way, vector in ways.items():
            everything = mean_average_precision(scenes, vector, list(scenes.crops))
            of_long = mean_average_precision(scenes, vector, long_crops)
            halves, photos = mean_reciprocal_ranks(made, singles, vector)
            rows.append(f"| {name} | {way} | {everything:.4f} | {of_long:.4f} | {halves:.4f} | {photos:.4f} |")
            print(rows[-1], flush=True)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="*", default=["lookalike-small", "efficientnet-lite0"])
    options = parser.parse_args()
    scenes = Scenes(SHARED / "data" / "coco256.tar")
    long_ones = sum(map(is_long, scenes.crops.values()))
    command = f"python benchmarks/long_pictures.py --models {' '.join(options.models)}"
    lines = [
        "# Long pictures in parts",
        "",
        f"`{command}`; a picture beyond {LONG} : 1 is described in two to four parts, at as many runs of the model.",
        "",
        f"mAP of {len(scenes.crops)} crops of scenes and of the {long_ones} long ones among them; mean reciprocal rank",
        "of strips of two to nine photos, found by half of the strip and by one of its photos.",
        "",
        "| model | described by | mAP, all crops | mAP, long crops | strip by its half | strip by a photo |",
        "|---|---|---|---|---|---|",
        *(row for name in options.models for row in measure(name, scenes)),
        "",
    ]
    RESULT.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
