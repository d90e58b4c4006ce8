"""What does "more like this" cost: a search by an image that is in the library, stage by stage?

    python benchmarks/id_query.py --library DIR [--queries 200] [--repeat 7]

`DIR` is a library of about 10,000 images (`lookalike index PHOTOS --library DIR`). Each image is asked with several
times, and its quickest time counts, because other programs share the machine; the table has medians over images. Index
and re-ranking together are wanted within 3 ms. For comparison, the same run multiplies the query with all vectors by
numpy and sorts the 300 best. The table goes to `results/id_query.md`.
"""

import argparse
import statistics
import time
from collections import defaultdict
from pathlib import Path

import numpy as np

from lookalike.library.opening import open_library
from lookalike.retrieval import Query
from lookalike.settings import load_settings

RESULT = Path(__file__).parent / "results" / "id_query.md"
RANKED = 300
NUMPY = "numpy: multiply and sort"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--library", type=Path, required=True)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--repeat", type=int, default=7)
    options = parser.parse_args()
    with open_library(load_settings({"library": options.library})) as library:
        image_ids = [image.id for image in library.catalog.images.browse(limit=options.queries).images]
        blocks = library.catalog.vectors.blocks(library.encoder.fingerprint)
        vectors = np.concatenate([block.vectors for block in blocks])
        quickest: dict[str, dict[str, float]] = defaultdict(dict)
        for _ in range(options.repeat):
            for image_id in image_ids:
                started = time.perf_counter()
                stages = dict(library.engine.search(Query.image(image_id)).milliseconds)
                stages["the whole search"] = 1000 * (time.perf_counter() - started)
                stages["index and re-ranking"] = stages["search"] + stages["rerank"]
                for stage, taken in stages.items():
                    quickest[stage][image_id] = min(taken, quickest[stage].get(image_id, taken))
            for number, image_id in enumerate(image_ids):
                taken = milliseconds_of_numpy(vectors, number)
                quickest[NUMPY][image_id] = min(taken, quickest[NUMPY].get(image_id, taken))
        medians = {stage: statistics.median(times.values()) for stage, times in quickest.items()}
    RESULT.write_text(table(medians, len(vectors), options))
    print(table(medians, len(vectors), options))


def milliseconds_of_numpy(vectors: np.ndarray, number: int) -> float:
    started = time.perf_counter()
    cosines = vectors @ vectors[number]
    best = np.argpartition(-cosines, RANKED)[:RANKED]
    best[np.argsort(-cosines[best])]
    return 1000 * (time.perf_counter() - started)


def table(medians: dict[str, float], images: int, options: argparse.Namespace) -> str:
    lines = [
        "# A search by an image of the library",
        "",
        f"`python benchmarks/id_query.py --library DIR`: {images:,} images, {options.queries} asked with, the quickest",
        f"of {options.repeat} times each; medians. Two shared cores.",
        "",
        "| stage | ms |",
        "|---|--:|",
        *(f"| {stage} | {taken:.2f} |" for stage, taken in medians.items()),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
