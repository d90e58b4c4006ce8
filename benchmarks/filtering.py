"""What does a filter cost, and does a filtered search find what exact search finds among the images that meet it?

    python benchmarks/filtering.py [--images 50000] [--dimension 256] [--queries 200]

The library is simulated: clustered unit vectors in a real catalog, with a published index of the kind that its size
gets. A tag is on one image in two, ten, a hundred and a thousand, at random. Times are medians of single searches in
one thread, for k = 30, and the load of the machine stands beside them. Writes results/filtering.md.
"""

import argparse
import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from doubles import ColourGridEncoder
from lookalike.catalog import Catalog, ImageAddition, LiveModel, SourceFile
from lookalike.columns import image_row
from lookalike.indexing import Publisher
from lookalike.retrieval import Filters, View
from lookalike.retrieval.filtering import FilteredViews
from lookalike.retrieval.live import Live
from lookalike.snapshot import Closeness
from unit_vectors import clustered

RESULT = Path(__file__).parent / "results" / "filtering.md"
SHARES = (2, 10, 100, 1000)
K = 30
BATCH = 2_000


def addition(number: int, vector: np.ndarray, model: LiveModel) -> ImageAddition:
    rng = np.random.default_rng(number)
    return ImageAddition(
        content_id=hashlib.sha256(str(number).encode()).hexdigest()[:32],
        width=100,
        height=100,
        mean_colour="#000000",
        columns=image_row(difference_hash=1, colour_signature=rng.integers(0, 256, 96, dtype=np.uint8)),
        media_type="image/png",
        byte_count=1,
        source=SourceFile(path=f"/pictures/{number}.png", byte_count=1, modified_ns=1),
        fingerprint=model.fingerprint,
        vector=vector,
        tags=tuple(f"one-in-{share}" for share in SHARES if rng.integers(share) == 0),
    )


def milliseconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - started)


def measure(folder: Path, *, images: int, dimension: int, queries: int) -> list[str]:
    model = LiveModel(name="simulated", fingerprint="7" * 64, dimension=dimension)
    vectors = (
        clustered(images + queries, dimension, clusters=200, rank=24, seed=1).astype(np.float16).astype(np.float32)
    )
    with Catalog.open(f"sqlite:///{folder / 'catalog.sqlite'}", originals=folder / "originals") as catalog:
        for start in range(0, images, BATCH):
            rows = range(start, min(start + BATCH, images))
            catalog.images.add([addition(row, vectors[row], model) for row in rows])
        snapshot = Publisher(catalog, snapshots=folder / "snapshots", centre_from=0).publish(model)
        view = View.of(snapshot, fingerprint=model.fingerprint, dimension=dimension).following(catalog)
        if view is None:
            raise SystemExit("the catalog was replaced")
        closeness = Closeness.reference(ColourGridEncoder.reference_cosines)
        live = Live(model=model, encoder=ColourGridEncoder(), view=view, closeness=closeness, notes=())
        return rows_of(live, FilteredViews(catalog), vectors, images)


def rows_of(live: Live, filtered: FilteredViews, vectors: np.ndarray, images: int) -> list[str]:
    asked = vectors[images:]
    first = milliseconds(lambda: filtered.narrowed(live, Filters(no_tags=("none",))))
    rows = [row_of("none", live.view, live.view, vectors[:images], asked, [0.0])]
    for share in SHARES:
        filters = Filters(all_tags=(f"one-in-{share}",))
        narrowing = []
        for distance in range(20):  # another filter each time, of the same images
            other = Filters(all_tags=filters.all_tags, max_width=1000 + distance)
            narrowing.append(milliseconds(lambda o=other: filtered.narrowed(live, o)))
        view = filtered.narrowed(live, filters).view
        rows.append(row_of(f"one image in {share}", live.view, view, vectors[:images], asked, narrowing))
    told = f"First filtered search of a process (reading the facts of {images:,} images): {first:.0f} ms."
    backend = live.view.snapshot.manifest.backend if live.view.snapshot else "exact"
    load = f"Load of the machine ({os.cpu_count()} cores) meanwhile: {os.getloadavg()[0]:.1f}."
    return [
        f"{images:,} simulated images of {vectors.shape[1]} numbers, {len(asked)} queries, index `{backend}`. {load}",
        told,
        "",
        *HEAD,
        *rows,
    ]


HEAD = [
    "| filter | images that meet it | recall@30 against exact search | search, ms | a new filter, ms more |",
    "|---|---|---|---|---|",
]


def row_of(name: str, whole: View, view: View, vectors: np.ndarray, asked: np.ndarray, narrowing: list[float]) -> str:
    snapshot = whole.snapshot
    if snapshot is None:
        raise SystemExit("nothing was published")
    order = np.argsort([hashlib.sha256(str(row).encode()).hexdigest()[:32] for row in range(len(vectors))])
    stored = vectors[order]  # in the order of the snapshot's rows
    allowed = np.flatnonzero(view.allowed.mask)
    recalls, times = [], []
    for query in asked:
        searched = view.searched(query)
        times.append(milliseconds(lambda s=searched: view.nearest(s, K)))
        found = {snapshot.row_of(one) for one in view.nearest(searched, K).image_ids}
        best = allowed[np.argsort(-(stored[allowed] @ query))[:K]]
        recalls.append(np.mean([row in found for row in best.tolist()]))
    numbers = f"{np.mean(recalls):.4f} | {np.median(times):.2f} | {np.median(narrowing):.1f}"
    return f"| {name} | {len(allowed):,} | {numbers} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--dimension", type=int, default=256)
    parser.add_argument("--queries", type=int, default=200)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        table = measure(Path(folder), images=given.images, dimension=given.dimension, queries=given.queries)
    command = " ".join(["python benchmarks/filtering.py", *sys.argv[1:]])
    RESULT.write_text("\n".join(["# Filtered search", "", f"`{command}`", "", *table, ""]))
    print("\n".join(table))


if __name__ == "__main__":
    main()
