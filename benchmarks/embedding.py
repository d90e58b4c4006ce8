"""How well do the models' vectors rank photos, and how fast is each runtime?

    python benchmarks/embedding.py [--set wardrobe_and_grocery ...] [--projections held-out=DIR ...] [--no-speed]

Quality: every photo with relevant others is a query against all photos of its set (leave one out, exact cosines, plain
numpy); mAP over the queries by the set's ground truth. `descriptor` is what the graph gives before its projection.
`--projections` also scores projections that were fitted otherwise, as `scripts/fit_projections.py --held-out` writes
them. Raw descriptors are cached, so that a second run takes seconds.

Speed: one image at a time on all cores, and all cores with an image each, relative to ONNX Runtime in float32. Run it
on a quiet machine; read the ratios.

Expected with the default model on wardrobe_and_grocery: at least 1.15 times the mAP of CLIP's plain 512-d
`image_embeds`.
"""

import argparse
import csv
import hashlib
import os
import platform
import queue
import tarfile
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import platformdirs

from lookalike.embedding import Mode, Projection, RuntimeName, open_encoder
from lookalike.embedding.projection import to_vectors
from lookalike.embedding.registry import PACKAGED
from lookalike.embedding.runtimes.openvino import import_openvino
from lookalike.preprocessing import Preprocessing, prepare

PROJECT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("LOOKALIKE_SHARED", PROJECT.parent / "shared"))
MODELS = Path(os.environ.get("LOOKALIKE_MODELS", PROJECT / ".cache" / "models"))
RESULTS = PROJECT / "benchmarks" / "results" / "embedding.md"
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
WAYS: tuple[tuple[RuntimeName, Mode], ...] = (
    ("onnxruntime", "latency"),
    ("onnxruntime", "throughput"),
    ("openvino", "latency"),
    ("openvino", "throughput"),
)
SETS = {  # what counts as relevant: at least this grade
    "wardrobe_and_grocery": (1, 2),
    "smvs_dvd": (1,),
    "human_zappos85": (2,),
}
MODEL_OUTPUTS = {"clip-vit-b16": ("descriptor", "image_embeds"), "efficientnet-lite0": ("descriptor",)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", action="append", choices=SETS, help="default: all")
    parser.add_argument("--projections", action="append", default=[], metavar="LABEL=DIR")
    parser.add_argument("--cache", type=Path, default=Path(platformdirs.user_cache_dir("lookalike")) / "descriptors")
    parser.add_argument("--no-quality", action="store_true")
    parser.add_argument("--no-speed", action="store_true")
    options = parser.parse_args()
    lines = [
        "# Embedding",
        "",
        f"{platform.machine()}, {os.cpu_count()} cores. Made by `python benchmarks/embedding.py`.",
        "",
    ]
    if not options.no_quality:
        extra = dict(entry.split("=", 1) for entry in options.projections)
        lines += quality_table(options.set or list(SETS), extra, options.cache)
    if not options.no_speed:
        lines += speed_table()
    print("\n".join(lines))
    RESULTS.write_text("\n".join(lines) + "\n")


# -- quality


def quality_table(sets: list[str], extra: dict[str, str], cache: Path) -> list[str]:
    columns = [(name, grade) for name in sets for grade in SETS[name]]
    scores: dict[str, dict[tuple[str, int], float]] = defaultdict(dict)
    for name in sets:
        photos = read_photos(name)
        relevant = {grade: relevance(name, list(photos), grade) for grade in SETS[name]}
        for label, vectors in vectors_of(name, photos, extra, cache):
            for grade, answers in relevant.items():
                scores[label][name, grade] = mean_average_precision(vectors, answers)
    heads = [f"{name}, grade >= {grade}" for name, grade in columns]
    rows = [[label, *(f"{found[column]:.4f}" for column in columns)] for label, found in scores.items()]
    plain, default = scores["clip-vit-b16 image_embeds, 512-d"], scores["clip-vit-b16 vectors, 256-d"]
    rows.append(["gain of the default over image_embeds", *(f"{default[c] / plain[c] - 1:+.1%}" for c in columns)])
    return ["## Quality: mAP, leave one out", "", *markdown(["vectors", *heads], rows), ""]


def vectors_of(name: str, photos: dict[str, bytes], extra: dict[str, str], cache: Path):
    """(label, unit vectors) of each kind of vector."""
    for model in MODEL_OUTPUTS:
        outputs = raw_outputs(model, name, photos, cache)
        for output, rows in outputs.items():
            yield f"{model} {output}, {rows.shape[1]}-d", to_vectors(rows, None)
        folders = {"vectors": PACKAGED, **{f"vectors ({label})": Path(folder) for label, folder in extra.items()}}
        for label, folder in folders.items():
            if (folder / f"{model}.npz").exists():
                projection = Projection.load(folder / f"{model}.npz")
                vectors = to_vectors(outputs["descriptor"], projection)
                yield f"{model} {label}, {vectors.shape[1]}-d", vectors


def read_photos(name: str) -> dict[str, bytes]:
    """Path inside the set -> bytes."""
    photos = {}
    with tarfile.open(SHARED / "data" / f"{name}.tar") as tar:
        for member in tar:
            if member.isfile() and member.name.lower().endswith(SUFFIXES):
                photos[member.name.removeprefix("./").split("/", 1)[1]] = content(tar, member)
    return dict(sorted(photos.items()))


def content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    stream = tar.extractfile(member)
    assert stream is not None
    return stream.read()


def relevance(name: str, paths: list[str], grade: int) -> dict[int, set[int]]:
    """Relevant photos of each query, as places in `paths`; the query itself left out."""
    place, relevant = {path: number for number, path in enumerate(paths)}, defaultdict(set)
    with tarfile.open(SHARED / "data" / f"{name}.tar") as tar:
        member = next(member for member in tar if member.name.endswith("qrels.tsv"))
        lines = content(tar, member).decode().splitlines()
    for row in csv.DictReader(lines, delimiter="\t"):
        query, other = row["query"], row.get("relevant") or row["candidate"]
        if float(row["grade"]) >= grade and query != other and query in place and other in place:
            relevant[place[query]].add(place[other])
    return relevant


def mean_average_precision(vectors, relevant: dict[int, set[int]]) -> float:
    """Mean over queries of: sum of precision at each relevant rank, by all relevant photos."""
    cosines = vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    np.fill_diagonal(cosines, -np.inf)
    scores = []
    for query, answers in relevant.items():
        found = np.isin(np.argsort(-cosines[query], kind="stable"), list(answers))
        ranks = np.flatnonzero(found) + 1
        scores.append(np.sum(np.arange(1, len(ranks) + 1) / ranks) / len(answers))
    return float(np.mean(scores))


def raw_outputs(model: str, name: str, photos: dict[str, bytes], cache: Path) -> dict[str, np.ndarray]:
    """Each output of the model's graph for all photos, in float32 by OpenVINO."""
    graph = MODELS / model / "model.onnx"
    with graph.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    file = cache / f"outputs-{model}-{name}-{digest[:16]}.npz"
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(file, allow_pickle=False, **run_graph(model, graph, photos))
    with np.load(file) as arrays:
        return {output: arrays[output] for output in MODEL_OUTPUTS[model]}


def run_graph(model: str, graph: Path, photos: dict[str, bytes]) -> dict[str, np.ndarray]:
    openvino = import_openvino()
    with open_encoder(model, models=MODELS) as encoder:
        preprocessing = encoder.preprocessing
    network = openvino.Core().read_model(graph)
    network.reshape([1, 3, preprocessing.size, preprocessing.size])
    lanes = os.cpu_count() or 1
    settings = {"INFERENCE_PRECISION_HINT": "f32", "NUM_STREAMS": str(lanes), "INFERENCE_NUM_THREADS": str(lanes)}
    compiled = openvino.Core().compile_model(network, "CPU", settings)
    free: queue.SimpleQueue = queue.SimpleQueue()
    for _ in range(lanes):
        free.put(compiled.create_infer_request())

    def one(photo: tuple[str, bytes]) -> list[np.ndarray]:
        row = prepare(photo[1], preprocessing, name=photo[0]).rows[:1]
        request = free.get()
        try:
            request.infer({0: row})
            return [request.get_tensor(output).data[0].copy() for output in MODEL_OUTPUTS[model]]
        finally:
            free.put(request)

    with ThreadPoolExecutor(lanes) as pool:
        rows = list(pool.map(one, photos.items()))
    return {output: np.stack([row[number] for row in rows]) for number, output in enumerate(MODEL_OUTPUTS[model])}


# -- speed


def speed_table() -> list[str]:
    rows = []
    for model in MODEL_OUTPUTS:
        found = {way: measure(model, *way) for way in WAYS}
        base = found["onnxruntime", "latency"]["ms"]
        reference = found["onnxruntime", "latency"]["vectors"]
        for (runtime, mode), values in found.items():
            cosine = float(np.einsum("nd,nd->n", values["vectors"], reference).min())
            change = float(np.abs(values["vectors"] - found[runtime, "latency"]["vectors"]).max())
            numbers = [f"{values['open']:.2f}", f"{values['ms']:.1f}", f"{base / values['ms']:.2f}"]
            rows.append([model, runtime, mode, *numbers, f"{cosine:.5f}", f"{change:.1e}"])
    heads = [
        "model",
        "runtime",
        "mode",
        "open, s",
        "ms an image",
        "speed, relative",
        "cosine to first",
        "change by mode",
    ]
    note = "`ms an image` is the time of a batch of 8 by 8; relative to ONNX Runtime, one image on all cores, float32."
    return ["## Speed", "", *markdown(heads, rows), "", note]


def measure(model: str, runtime: RuntimeName, mode: Mode) -> dict:
    start = time.perf_counter()
    encoder = open_encoder(model, models=MODELS, runtime=runtime, mode=mode)
    opened = time.perf_counter() - start
    batch = inputs(encoder.preprocessing, 8)
    vectors = encoder.encode(batch)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        encoder.encode(batch)
        times.append(time.perf_counter() - start)
    encoder.close()
    return {"open": opened, "ms": min(times) / len(batch) * 1000, "vectors": vectors}


def inputs(preprocessing: Preprocessing, count: int) -> np.ndarray:
    """Smooth with some noise, as photos are."""
    chance = np.random.default_rng(0)
    coarse = chance.normal(size=(count, 3, preprocessing.size // 16, preprocessing.size // 16))
    smooth = np.kron(coarse, np.ones((1, 1, 16, 16)))
    return (smooth + 0.3 * chance.normal(size=smooth.shape)).astype(np.float32)


def markdown(heads: list[str], rows: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(line)} |" for line in [heads, ["---"] * len(heads), *rows]]


if __name__ == "__main__":
    main()
