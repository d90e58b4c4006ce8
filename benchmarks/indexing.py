"""Does indexing keep the model busy?

Images a second of `Indexer.index` on JPEG files, as a share of what the same model reaches on the same cores when its
inputs are ready in memory. Both run in turn, several times, in one process; the median of the ratios is the answer.

    python benchmarks/indexing.py [--model efficientnet-lite0] [--images 1776] [--rounds 3]
"""

import argparse
import json
import os
import statistics
import tarfile
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lookalike.library.opening import open_library
from lookalike.preprocessing import prepare
from lookalike.settings import load_settings

PROJECT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("LOOKALIKE_SHARED", PROJECT.parent / "shared"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", action="append")
    parser.add_argument("--images", type=int, default=1776)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as working:
        results = {}
        for model in options.model or ["efficientnet-lite0", "clip-vit-b16"]:
            # CLIP takes a tenth of a second an image: fewer images say as much
            images = options.images // 16 if model == "clip-vit-b16" else options.images
            photos = unpack(Path(working) / f"photos-{model}", images)
            results[model] = compare(model, photos, Path(working), options.rounds)
            print(model, json.dumps(results[model], indent=2))
    out = PROJECT / "benchmarks" / "results" / "indexing.json"
    out.write_text(json.dumps({"command": "python benchmarks/indexing.py", **results}, indent=2) + "\n")


def unpack(into: Path, images: int) -> Path:
    with tarfile.open(SHARED / "data" / "wardrobe_and_grocery.tar") as archive:
        jpegs = [member for member in archive if member.name.endswith(".jpg")]
        for number, member in enumerate(jpegs[:images]):
            member.name = f"{number:05d}.jpg"
            archive.extract(member, into, filter="data")
    return into


def compare(model: str, photos: Path, working: Path, rounds: int) -> dict:
    indexed, raw = [], []
    for number in range(rounds):
        raw.append(raw_rate(model, photos, working))
        indexed.append(index_rate(model, photos, working / f"library-{model}-{number}"))
    return {
        "photos": len(list(photos.iterdir())),
        "indexed, images a second": round(statistics.median(indexed), 1),
        "ready inputs, images a second": round(statistics.median(raw), 1),
        "share": round(statistics.median(i / r for i, r in zip(indexed, raw, strict=True)), 3),
        "shares": [round(i / r, 3) for i, r in zip(indexed, raw, strict=True)],
    }


def index_rate(model: str, photos: Path, library: Path) -> float:
    with open_library(settings_for(model, library), create=True, mode="throughput") as opened:
        indexer = opened.indexer
        started = time.perf_counter()
        report = indexer.index([photos])
        return report.added / (time.perf_counter() - started)


def raw_rate(model: str, photos: Path, working: Path) -> float:
    with open_library(settings_for(model, working / "raw"), create=True, mode="throughput") as opened:
        encoder = opened.encoder
        ready = [prepare(photo.read_bytes(), encoder.preprocessing, name=photo.name).rows for photo in photos.iterdir()]
        with ThreadPoolExecutor(encoder.concurrency) as threads:
            started = time.perf_counter()
            for _ in threads.map(encoder.encode_image, ready):
                pass
            return len(ready) / (time.perf_counter() - started)


def settings_for(model: str, library: Path):
    models = Path(os.environ.get("LOOKALIKE_MODELS", PROJECT / ".cache" / "models"))
    return load_settings({"library": library, "models": models, "model": model})


if __name__ == "__main__":
    main()
