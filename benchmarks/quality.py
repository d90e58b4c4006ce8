"""How well does each packaged model rank, on every set of judged photos there is?

Indexes each shared set into a library of its own, ranks its judged queries by each model (exact search, the bare order
of cosines: what `lookalike models bench` does), and writes quality.json, quality.md and quality.svg to results/.

    python benchmarks/quality.py [--sets fashion_224,coco256] [--models clip-vit-b16] [--libraries DIR] [--check]

A library that is kept (--libraries) is not embedded again. --check writes nothing: it fails when a measure fell by more
than the tolerance below what is committed.
"""

import argparse
import csv
import json
import math
import os
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lookalike.cli.bench import as_document
from lookalike.cli.output import messages
from lookalike.cli.progress import IndexProgress
from lookalike.evaluation import parse_measures, vector_triplet_accuracy
from lookalike.evaluation.report import BenchPoint, pareto_plot
from lookalike.library.bench import BenchRequest, bench
from lookalike.library.index import IndexRequest, index
from lookalike.library.judging import JudgementSource
from lookalike.library.opening import open_library
from lookalike.settings import load_settings

PROJECT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("LOOKALIKE_SHARED", PROJECT.parent / "shared"))
RESULTS = PROJECT / "benchmarks" / "results"
MODELS = ("efficientnet-lite0", "clip-vit-b16")
MEASURES = parse_measures(["nDCG@10,mAP,P@1,R@100,MRR,Judged@10"])
TOLERANCE = 0.01
RESAMPLES = 10_000


@dataclass(frozen=True, kw_only=True)
class JudgedSet:
    """A shared set: its archive, its judgements, in words what they are, and what was fitted or chosen on the set."""

    archive: str
    judgements: str
    says: str
    fitted: str
    queries: str | None = None
    triplets: str | None = None

    @property
    def name(self) -> str:
        return self.archive.split(".", maxsplit=1)[0]


SETS = {
    one.name: one
    for one in (
        JudgedSet(
            archive="wardrobe_and_grocery.tar",
            judgements="qrels.tsv",
            says="same label 2, same grocery group 1",
            fitted="without labels the whitening of both models; by its labels the shrinkage of that whitening",
        ),
        JudgedSet(
            archive="fashion_224.tar.gz",
            judgements="qrels_grade2up.tsv",
            says="type, gender, colour: grades 2 and 3",
            fitted="without labels the whitening of both models (600 photos); by its labels nothing",
        ),
        JudgedSet(
            archive="coco256.tar",
            judgements="crop_qrels.tsv",
            queries="crop_queries.tsv",
            says="crops of objects: the photo itself 2, another with that object 1",
            fitted="without labels the whitening of both models; by its labels nothing",
        ),
        JudgedSet(
            archive="smvs_dvd.tar",
            judgements="qrels.tsv",
            says="phone photo of a cover: the very same cover",
            fitted="without labels the whitening of both models; by its labels the shrinkage of that whitening",
        ),
        JudgedSet(
            archive="human_zappos85.tar",
            judgements="qrels.tsv",
            triplets="triplets_head_close_far.npy",
            says="people's triplets, as grades 0-3",
            fitted="without labels the whitening of both models; by its labels the shrinkage of that whitening",
        ),
    )
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--libraries", type=Path)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--page", action="store_true", help="only write quality.md again, from quality.json")
    options = parser.parse_args()
    if options.page:
        (RESULTS / "quality.md").write_text(as_markdown(json.loads((RESULTS / "quality.json").read_text())))
        return
    with tempfile.TemporaryDirectory() as working:
        libraries = options.libraries or Path(working)
        measured = {name: measure(SETS[name], options.models.split(","), libraries) for name in options.sets.split(",")}
    committed = json.loads((RESULTS / "quality.json").read_text()) if (RESULTS / "quality.json").exists() else {}
    if options.check:
        worse = fallen(measured, committed.get("sets", {}))
        print("\n".join(worse) or "no measure fell")
        sys.exit(bool(worse))
    command = "python benchmarks/quality.py"
    write({"command": command, "sets": {**committed.get("sets", {}), **measured}})


def measure(judged_set: JudgedSet, models: list[str], libraries: Path) -> dict:
    """What `lookalike models bench` says of one set, and agreement with triplets where there are some."""
    folder = unpacked(judged_set.archive, libraries / "images")
    installed = Path(os.environ.get("LOOKALIKE_MODELS", PROJECT / ".cache" / "models"))
    settings = load_settings({"library": libraries / judged_set.name, "models": installed, "model": models[0]})
    source = JudgementSource(
        judgements=str(folder / judged_set.judgements),
        queries=folder / judged_set.queries if judged_set.queries else None,
        images=folder,
    )
    with open_library(settings, create=True) as library, IndexProgress(messages) as progress:
        index(library, IndexRequest(paths=[folder]), progress)
        request = BenchRequest(judgements=source, models=models, measures=MEASURES, resamples=RESAMPLES)
        document = as_document(bench(library, request, progress)) | {"says": judged_set.says}
        for model in document["models"]:
            if judged_set.triplets:
                model["triplet_accuracy"] = triplets_kept(library, folder, judged_set.triplets, model["fingerprint"])
    print_lines(judged_set.name, document)
    return {name: document[name] for name in ("says", "queries", "images", "machine", "warnings", "models")}


def triplets_kept(library, folder: Path, name: str, fingerprint: str) -> float:
    """Share of people's (query, closer, farther) that the vectors order alike."""
    with (folder / "manifest.csv").open(newline="") as lines:
        paths = {int(row["index"]): str(folder / row["path"]) for row in csv.DictReader(lines)}
    ids = library.catalog.sources.image_ids_at(paths.values())
    vectors = library.catalog.vectors.get(fingerprint, list(ids.values()))
    rows = np.stack([vectors[ids[paths[place]]] for place in sorted(paths)])
    return float(vector_triplet_accuracy(rows, np.load(folder / name).astype(np.int64)).accuracy)


def unpacked(name: str, into: Path) -> Path:
    folder = into / name.split(".", maxsplit=1)[0]
    if not folder.exists():
        into.mkdir(parents=True, exist_ok=True)
        with tarfile.open(SHARED / "data" / name) as archive:
            archive.extractall(into, filter="data")
    return folder


def fallen(measured: dict, committed: dict) -> list[str]:
    """What is worse than committed by more than the tolerance, in words."""
    worse = []
    for name, document in measured.items():
        before = {model["name"]: model["measures"] for model in committed[name]["models"]}
        for model in document["models"]:
            for measure, value in model["measures"].items():
                was = before[model["name"]][measure]["mean"]
                if value["mean"] < was - TOLERANCE:
                    worse.append(f"{name}, {model['name']}: {measure} {value['mean']:.4f}, was {was:.4f}")
    return worse


def print_lines(name: str, document: dict) -> None:
    for model in document["models"]:
        values = ", ".join(f"{measure} {value['mean']:.4f}" for measure, value in model["measures"].items())
        print(f"{name:22} {model['name']:20} {values}", flush=True)


def write(document: dict) -> None:
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "quality.json").write_text(json.dumps(document, indent=1) + "\n")
    (RESULTS / "quality.md").write_text(as_markdown(document))
    pareto_plot(points(document), RESULTS / "quality.svg", measure="mean mAP over the sets")


def as_markdown(document: dict) -> str:
    lines = [
        "# Quality of the packaged models",
        "",
        f"Made by `{document['command']}`. Exact search, the query's own image left out; 95 % bootstrap intervals over",
        "queries. Speeds were taken while other programs ran: read them as ratios within one set. None of these",
        "sets is new to the models: what was fitted on each is said there. Kinds that nothing was fitted on, and",
        "lookalike-small, are in [quality_by_kind.md](quality_by_kind.md).",
        "",
        "![mean mAP against milliseconds a query](quality.svg)",
    ]
    for name, one in document["sets"].items():
        names = list(one["models"][0]["measures"])
        extra = ["triplets"] if "triplet_accuracy" in one["models"][0] else []
        lines += ["", f"## {name}", "", f"{one['says']}. {one['queries']:,} queries, {one['images']:,} images."]
        lines += ["", f"Fitted on it: {SETS[name].fitted}.", ""]
        lines += ["| model | " + " | ".join([*names, *extra, "images/s", "ms a query"]) + " |"]
        lines += ["|---" * (3 + len(names) + len(extra)) + "|"]
        for model in one["models"]:
            cells = [cell(model["measures"][measure]) for measure in names]
            cells += [f"{model['triplet_accuracy']:.3f}"] if extra else []
            cells += [f"{model['images_per_second']:.1f}", f"{model['milliseconds_per_query']:.1f}"]
            lines.append(f"| {model['name']} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def cell(value: dict) -> str:
    if value["low"] is None:
        return "-" if value["mean"] is None else f"{value['mean']:.3f}"
    return f"{value['mean']:.3f} ({value['low']:.3f}-{value['high']:.3f})"


def points(document: dict) -> list[BenchPoint]:
    """Means over the sets that every model was measured on."""
    of_set = [{model["name"]: model for model in one["models"]} for one in document["sets"].values()]
    names = {name for models in of_set for name in models}
    shared = [models for models in of_set if models.keys() == names]
    return [
        BenchPoint(
            name=name,
            quality=float(np.mean([models[name]["measures"]["mAP"]["mean"] for models in shared])),
            low=math.nan,
            high=math.nan,
            milliseconds=float(np.median([models[name]["milliseconds_per_query"] for models in shared])),
            bytes_per_image=2 * shared[0][name]["dimension"],
            images_per_second=float(np.median([models[name]["images_per_second"] for models in shared])),
        )
        for name in sorted(names)
        if shared
    ]


if __name__ == "__main__":
    main()
