"""Fits the whitening projections that lookalike ships, on unlabelled photos.

    python scripts/fit_projections.py --models .cache/models

Reads a fixed sample of each photo set in the shared folder (LOOKALIKE_SHARED, or ../shared beside the project), gives
a set the square root of its size as its say, and writes one .npz a model beside the packaged descriptions. No label is
read. Raw descriptors are kept in a cache folder, so that a second run takes seconds.

`--held-out SET` fits without one set, to see on that set whether whitening carries over to photos it has not seen:
`benchmarks/embedding.py --projections DIR` then scores it.
"""

import argparse
import hashlib
import os
import random
import tarfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import platformdirs

from lookalike.embedding import Encoder, fit_projection, open_encoder, pool_parts
from lookalike.errors import ImageRefused
from lookalike.preprocessing import prepare

PROJECT = Path(__file__).resolve().parent.parent
PACKAGED = PROJECT / "src" / "lookalike" / "embedding" / "models"
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
SEED = 20_240_101
DIMENSION = 256
SHRINKAGE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoSet:
    """A tar file of photos, and how many of them are read at most."""

    file: str
    limit: int

    @property
    def name(self) -> str:
        """The set's name: its file's, without what says how it is packed."""
        return self.file.split(".")[0]


SETS = (
    PhotoSet(file="human_zappos85.tar", limit=85),
    PhotoSet(file="human_materials100.tar", limit=200),
    PhotoSet(file="smvs_dvd.tar", limit=250),
    PhotoSet(file="coco256.tar", limit=256),
    PhotoSet(file="wardrobe_and_grocery.tar", limit=800),
    PhotoSet(file="fashion_224.tar.gz", limit=600),
    PhotoSet(file="movielens_posters.tar.gz", limit=600),
)


def sampled(archive: Path, limit: int) -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of a fixed sample of the photos in a tar file, in the file's order."""
    with tarfile.open(archive) as tar:
        members = [member for member in tar if member.isfile() and member.name.lower().endswith(SUFFIXES)]
        names = sorted(member.name for member in members)
        chosen = set(random.Random(SEED).sample(names, min(limit, len(names))))  # noqa: S311 - a sample, no secret
        for member in members:
            stream = tar.extractfile(member) if member.name in chosen else None
            if stream is not None:
                yield member.name, stream.read()


def cache_file(cache: Path, photos: PhotoSet, graph: Path) -> Path:
    """Where the raw descriptors of a set's sample are kept; another graph or sample has another name."""
    with graph.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    key = hashlib.sha256(f"{digest} {photos} {SEED}".encode()).hexdigest()[:16]
    return cache / f"{graph.parent.name}-{photos.name}-{key}.npy"


def descriptors_of(encoder: Encoder, archive: Path, limit: int) -> np.ndarray:
    """Raw descriptors of a set's sample, [photos, d]."""
    start, done = time.monotonic(), 0

    def one(photo: tuple[str, bytes]) -> np.ndarray | None:
        nonlocal done
        done += 1
        if done % 100 == 0:
            print(f"  {archive.name} {done} {done / (time.monotonic() - start):.1f}/s", flush=True)
        try:
            rows = prepare(photo[1], encoder.preprocessing, name=photo[0]).rows
        except ImageRefused as error:
            print(f"  left out: {error}")
            return None
        descriptor: np.ndarray = pool_parts(encoder.descriptors(rows), [len(rows)])[0]
        return descriptor

    with ThreadPoolExecutor(encoder.concurrency) as pool:
        found = [row for row in pool.map(one, sampled(archive, limit)) if row is not None]
    return np.stack(found)


def main() -> None:
    """Fits and writes both projections."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shared = Path(os.environ.get("LOOKALIKE_SHARED", PROJECT.parent / "shared"))
    parser.add_argument("--shared", type=Path, default=shared / "data", help="folder of the shared tar files")
    parser.add_argument("--models", type=Path, default=PROJECT / ".cache" / "models", help="folder of pulled models")
    parser.add_argument("--cache", type=Path, default=Path(platformdirs.user_cache_dir("lookalike")) / "descriptors")
    parser.add_argument("--output", type=Path, default=PACKAGED)
    parser.add_argument("--model", action="append", help="default: both packaged models")
    parser.add_argument("--held-out", default="", help="leave this set out")
    parser.add_argument("--shrinkage", type=float, default=SHRINKAGE)
    arguments = parser.parse_args()

    sets = [photos for photos in SETS if photos.name != arguments.held_out]
    for name in arguments.model or ["efficientnet-lite0", "clip-vit-b16"]:
        print(name, flush=True)
        with open_encoder(name, models=arguments.models, mode="throughput") as encoder:
            parts = []
            for photos in sets:
                file = cache_file(arguments.cache, photos, arguments.models / name / "model.onnx")
                if not file.exists():
                    arguments.cache.mkdir(parents=True, exist_ok=True)
                    np.save(file, descriptors_of(encoder, arguments.shared / photos.file, photos.limit))
                parts.append(np.load(file))
        weights = np.concatenate([np.full(len(part), len(part) ** -0.5) for part in parts])
        rows = np.concatenate(parts)
        projection = fit_projection(rows, dimension=DIMENSION, shrinkage=arguments.shrinkage, weights=weights)
        arguments.output.mkdir(parents=True, exist_ok=True)
        file = arguments.output / f"{name}.npz"
        projection.save(file)
        print(f"{file}: {len(rows)} photos, {rows.shape[1]} -> {DIMENSION}, {file.stat().st_size} bytes", flush=True)


if __name__ == "__main__":
    main()
