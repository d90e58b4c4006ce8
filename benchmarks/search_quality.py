"""How well does the served pipeline rank, and does it rank what plain numpy ranks?

Indexes photos with known relevance into a fresh library, asks the search engine for every photo (leave one out), and
prints mAP by `qrels.tsv`: through the engine, by plain numpy on the same vectors, and, for clip-vit-b16, by CLIP's
plain 512-d `image_embeds`. Then asks with random crops of half a photo's area and counts how often the photo itself is
first.

    python benchmarks/search_quality.py [FOLDER] [--model clip-vit-b16] [--tries 200]

FOLDER holds photos and a qrels.tsv (query, relevant, grade); by default the shared set wardrobe_and_grocery.
"""

import argparse
import csv
import json
import os
import random
import tarfile
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np

from lookalike.embedding.runtimes.openvino import import_openvino
from lookalike.library.opening import open_library
from lookalike.preprocessing import prepare
from lookalike.reranking import NotItself
from lookalike.retrieval import Query, QueryJournal, SearchEngine
from lookalike.settings import load_settings
from lookalike.types import Box

PROJECT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("LOOKALIKE_SHARED", PROJECT.parent / "shared"))
RESULTS = PROJECT / "benchmarks" / "results"
SEED = 20_26


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--model", default="clip-vit-b16")
    parser.add_argument("--tries", type=int, default=200)
    options = parser.parse_args()
    models = Path(os.environ.get("LOOKALIKE_MODELS", PROJECT / ".cache" / "models"))
    with tempfile.TemporaryDirectory() as working:
        folder = options.folder or unpacked("wardrobe_and_grocery.tar", Path(working))
        settings = load_settings({"library": Path(working) / "library", "models": models, "model": options.model})
        with open_library(settings, create=True, mode="throughput") as library:
            report = library.indexer.index([folder])
            print(
                f"{report.added} photos indexed, {report.images_per_second:.1f} a second, {len(report.refused)} refused"
            )
            measured = measure(library, folder, options.tries)
    measured |= {"model": options.model, "set": folder.name, "photos": report.added}
    print(json.dumps(measured, indent=2))
    measured["command"] = f"python benchmarks/search_quality.py --model {options.model}"
    out = RESULTS / f"search_quality-{folder.name}-{options.model}.json"
    out.write_text(json.dumps(measured, indent=2) + "\n")


def unpacked(name: str, into: Path) -> Path:
    with tarfile.open(SHARED / "data" / name) as archive:
        archive.extractall(into, filter="data")
    return into / name.split(".", maxsplit=1)[0]


def measure(library, folder: Path, tries: int) -> dict:
    paths = {
        state.image_id: path for path, state in library.catalog.sources.below(str(folder)).items() if state.image_id
    }
    ids = sorted(paths)
    relevant = relevance(folder, {path: image_id for image_id, path in paths.items()})
    engine = SearchEngine(
        library.catalog,
        snapshots=library.settings.snapshots,
        models=library.live_model,
        journal=QueryJournal(library.catalog),
        rerankers=(NotItself(),),
        depth=len(ids),
    )
    stored = library.catalog.vectors.get(library.encoder.fingerprint, ids)
    vectors = np.stack([stored[i] for i in ids]).astype(np.float64)
    served = mean_average_precision(
        relevant, {q: [h.image.id for h in engine.search(Query.image(q, limit=len(ids))).hits] for q in relevant}
    )
    result = {
        "queries": len(relevant),
        "mAP through the engine": served,
        "mAP by plain numpy on the same vectors": mean_average_precision(relevant, ranked(ids, vectors, relevant)),
    }
    if (plain := image_embeds(library, ids)) is not None:
        embeds = mean_average_precision(relevant, ranked(ids, plain, relevant))
        result |= {"mAP of plain 512-d image_embeds": embeds, "relative gain over image_embeds": served / embeds - 1}
    result["crops of half the area that find their photo first"] = crops_found(library, ids, tries)
    result["crops tried"] = tries
    engine.close()
    return result


def relevance(folder: Path, id_of: dict[str, str]) -> dict[str, set[str]]:
    """Every relevant image of every query, whatever its grade; the query itself left out."""
    relevant = defaultdict(set)
    with (folder / "qrels.tsv").open(newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            query, other = id_of.get(str(folder / row["query"])), id_of.get(str(folder / row["relevant"]))
            if query and other and query != other and float(row["grade"]) > 0:
                relevant[query].add(other)
    return relevant


def ranked(ids: list[str], vectors, queries) -> dict[str, list[str]]:
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    place = {image_id: n for n, image_id in enumerate(ids)}
    orders = {query: np.argsort(-(vectors @ vectors[place[query]]), kind="stable") for query in queries}
    return {query: [ids[n] for n in order if ids[n] != query] for query, order in orders.items()}


def mean_average_precision(relevant: dict[str, set[str]], runs: dict[str, list[str]]) -> float:
    """Mean over queries of: sum of precision at each relevant rank, by all relevant images."""
    scores = []
    for query, answers in relevant.items():
        found = np.array([image_id in answers for image_id in runs[query]])
        ranks = np.flatnonzero(found) + 1
        scores.append(float(np.sum(np.arange(1, len(ranks) + 1) / ranks)) / len(answers))
    return float(np.mean(scores))


def crops_found(library, ids: list[str], tries: int) -> float:
    chance, first = random.Random(SEED), 0
    for image_id in (chance.choice(ids) for _ in range(tries)):
        width = chance.uniform(0.5, 1.0)
        height = 0.5 / width
        crop = Box(x=chance.uniform(0, 1 - width), y=chance.uniform(0, 1 - height), width=width, height=height)
        content = library.catalog.images.content(image_id)
        hits = library.engine.search(Query.picture(content, crop=crop, limit=1)).hits
        first += image_id == hits[0].image.id or image_id in hits[0].duplicates
    return first / tries


def image_embeds(library, ids: list[str]):
    """The 512-d vectors CLIP itself puts out, for the same photos prepared in the same way; None for other models."""
    graph = library.settings.models / library.encoder.name / "model.onnx"
    compiled = import_openvino().Core().compile_model(str(graph), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    outputs = [output for output in compiled.outputs if "image_embeds" in output.names]
    if not outputs:
        return None
    rows = []
    for image_id in ids:
        prepared = prepare(library.catalog.images.content(image_id), library.encoder.preprocessing, name=image_id)
        rows.append(compiled(prepared.rows[:1])[outputs[0]][0])
    return np.stack(rows).astype(np.float64)


if __name__ == "__main__":
    main()
