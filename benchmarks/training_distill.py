"""Can a small model learn the large one's vectors from images alone?

EfficientNet-Lite0, its weights as they come, describes each image at several depths; ridge regression maps that to the
vectors of clip-vit-b16 (`lookalike.training.distilling`), with no labels. Judgements only measure what came of it.

    python benchmarks/training_distill.py --row sets|small [--folder DIR] [--fashion 1665]

`sets`: one student a set; 5 parts by near-duplicate group, each judged by a student that saw the other four. `small`:
one student of several sets, judged on sets it never saw. The folder keeps what was described, so a run that was
stopped goes on; the report goes to results/training-distill.json and .md.
"""

import argparse
import csv
import dataclasses
import json
import os
import tarfile
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from lookalike.embedding import open_encoder
from lookalike.evaluation.ranking_metrics import average_precision, count_grades
from lookalike.preprocessing import prepare
from lookalike.training.distilling import choose_ridge, fit_distilled, parts_of
from lookalike.training.examples import near_duplicate_groups
from lookalike.training.features import describe_images
from lookalike.training.network.backbones import MultiLevel, build_backbone, fetch_weights
from lookalike.training.network.backbones.efficientnet_lite import EfficientNetLite
from lookalike.training.network.exporting import ExportedAs, export_model

PROJECT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("LOOKALIKE_SHARED", PROJECT.parent / "shared"))
MODELS = Path(os.environ.get("LOOKALIKE_MODELS", PROJECT / ".cache" / "models"))
RESULTS = PROJECT / "benchmarks" / "results"
TEACHER, BASE, SIZE, FOLDS, RESAMPLES = "clip-vit-b16", "efficientnet-lite0", 320, 5, 10_000
ARCHIVES = {
    "fashion_224": "fashion_224.tar.gz",
    "wardrobe_and_grocery": "wardrobe_and_grocery.tar",
    "smvs_dvd": "smvs_dvd.tar",
    "human_zappos85": "human_zappos85.tar",
    "coco256": "coco256.tar",
    "human_materials100": "human_materials100.tar",
}
MODELS_SHOWN = ("teacher", "base", "student")
GALLERIES = ("held out", "all")
HELD_OUT = (("smvs_dvd", "human_zappos85"), ("smvs_dvd", "wardrobe_and_grocery"))


QUARTERED, SMALLEST = 2, 1e-12


class LevelStatistics(MultiLevel):
    """Beside the means of all depths their standard deviations, and means of the last two over the picture's quarters.

    Args:
        network: whose weights are used, not copied.
    """

    def __init__(self, network: EfficientNetLite) -> None:
        super().__init__(network)
        widths, of_levels = self.part_widths, self.part_weights
        self.part_widths = (*widths, *widths, *(4 * width for width in widths[-QUARTERED:]))
        self.dimension = sum(self.part_widths)
        self.part_means = torch.zeros(self.dimension)
        self.part_weights = torch.cat([of_levels, of_levels, of_levels[-QUARTERED:]])

    def pooled(self, batch: Tensor) -> Tensor:
        """Parts as they are, [b, 3, size, size] to [b, dimension]: what `centre_on` takes the mean of."""
        levels = self.network.levels(batch)
        means = [level.mean(dim=(2, 3)) for level in levels]
        centred = [level - mean[:, :, None, None] for level, mean in zip(levels, means, strict=True)]
        spreads = [(level.square().mean(dim=(2, 3)) + SMALLEST).sqrt() for level in centred]
        return torch.cat([*means, *spreads, *map(quarters, levels[-QUARTERED:])], dim=1)


def quarters(level: Tensor) -> Tensor:
    """Means over the four quarters, which share the middle row and column of an odd side; [b, c, h, w] to [b, 4 c]."""
    high, wide = int(level.shape[2]), int(level.shape[3])
    tops = level[:, :, : (high + 1) // 2], level[:, :, high // 2 :]
    found = [half[..., : (wide + 1) // 2] for half in tops] + [half[..., wide // 2 :] for half in tops]
    return torch.cat([quarter.mean(dim=(2, 3)) for quarter in found], dim=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--row", choices=["sets", "small"], default="sets")
    parser.add_argument("--sets", default="wardrobe_and_grocery,fashion_224", help="of --row sets")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--fashion", type=int, default=1_665, help="images of fashion_224, the first by name")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(options.folder or Path(scratch), options.fashion)
        if options.row == "sets":
            for name in options.sets.split(","):
                one = bench.described(name)
                found = measure_set(bench, one)
                write("sets", name, found)  # before it is exported and timed, which takes a while
                write("sets", name, found | export_and_time(bench, one, float(np.median(found["ridges"]))))
        if options.row == "small":
            for held_out in HELD_OUT:
                write("small", " and ".join(held_out), measure_small(bench, held_out))


@dataclass(kw_only=True, eq=False)
class Set:
    """Images of a set with what three models make of them, in one order."""

    name: str
    image_ids: list
    pooled: np.ndarray
    teacher: np.ndarray
    base: np.ndarray
    groups: list

    def grades(self, folder):
        """[queries] rows, [queries, images] int8."""
        if self.name == "fashion_224":
            return np.arange(len(self.image_ids)), fashion_grades(self.image_ids, folder)
        row_of = {image_id.split("/", 1)[1]: row for row, image_id in enumerate(self.image_ids)}
        judged = {}
        with (folder / "qrels.tsv").open(newline="") as lines:
            for query, relevant, grade in list(csv.reader(lines, delimiter="\t"))[1:]:
                if query != relevant:
                    judged.setdefault(row_of[query], {})[row_of[relevant]] = int(grade)
        grades = np.zeros((len(judged), len(self.image_ids)), np.int8)
        for place, row in enumerate(sorted(judged)):
            grades[place, list(judged[row])] = list(judged[row].values())
        return np.array(sorted(judged)), grades


def fashion_grades(image_ids, folder):
    """Every image asks; of the grades that the set's README describes, 2 and 3, as in its qrels_grade2up.tsv."""
    with (folder / "manifest.csv").open(newline="") as lines:
        rows = {row["path"]: row for row in csv.DictReader(lines)}
    known = [rows[image_id.split("/", 1)[1]] for image_id in image_ids]
    kind, gender, colour = (np.array([row[key] for row in known]) for key in ("articleType", "gender", "baseColour"))
    same = [(each[:, None] == each[None]).astype(np.int8) for each in (kind, gender, colour)]
    grades = same[0] * sum(same)
    grades[grades < 2] = 0
    np.fill_diagonal(grades, 0)
    return grades


class Vectors:
    """A model whose vectors, instead of its raw descriptors, are kept."""

    def __init__(self, encoder):
        self.encoder = encoder
        self.fingerprint = f"{encoder.fingerprint}-vectors"

    def descriptors(self, batch):
        return self.encoder.encode(batch)


class Pooled(nn.Module):
    """What the student's network gives before it is centred on a library."""

    def __init__(self, student):
        super().__init__()
        self.student = student

    def forward(self, batch):
        return self.student.pooled(batch)


class Bench:
    """Models, images and all that was described once."""

    def __init__(self, folder, fashion):
        self.folder, self.fashion = folder, fashion
        folder.mkdir(parents=True, exist_ok=True)
        network = build_backbone(BASE, weights=fetch_weights(BASE, folder)).eval()
        self.student = LevelStatistics(network)  # type: ignore[arg-type]
        self.teacher, self.base = (open_encoder(name, models=MODELS) for name in (TEACHER, BASE))
        self.preprocessing = dataclasses.replace(self.base.preprocessing, size=SIZE)
        self._pooled = None

    def pooled(self):
        """The encoder of the student's network; made once."""
        name, models = f"{BASE}-statistics-{SIZE}", self.folder / "models"
        if self._pooled is None:
            if not (models / name).exists():
                pictures = np.stack(
                    [self.prepared(self.preprocessing)(one)[0] for one in self.image_ids("coco256")[:8]]
                )
                as_model = self.as_model(name, None)
                export_model(Pooled(self.student), as_model, pictures, files=self.folder / "onnx", models=models)
            self._pooled = open_encoder(name, models=models, mode="throughput")
        return self._pooled

    def as_model(self, name, projection):
        return ExportedAs(
            name=name,
            summary="distilled from clip-vit-b16",
            licence="Apache-2.0 and MIT",
            preprocessing=self.preprocessing,
            projection=projection,
        )

    def image_ids(self, name):
        root = unpacked(ARCHIVES[name], self.folder / "images")
        with (root / "manifest.csv").open(newline="") as lines:
            paths = sorted(row["path"] for row in csv.DictReader(lines))
        return [f"{name}/{path}" for path in (paths[: self.fashion] if name == "fashion_224" else paths)]

    def content(self, image_id):
        return (self.folder / "images" / image_id).read_bytes()

    def prepared(self, preprocessing):
        return lambda image_id: prepare(self.content(image_id), preprocessing, name=image_id).rows

    def described(self, name):
        image_ids = self.image_ids(name)
        rows = {}
        for key, encoder in (
            ("pooled", self.pooled()),
            ("teacher", Vectors(self.teacher)),
            ("base", Vectors(self.base)),
        ):
            preprocessing = self.preprocessing if key == "pooled" else getattr(self, key).preprocessing
            counted = Counted(f"{name} {key}", len(image_ids))
            found = describe_images(
                image_ids, encoder, self.prepared(preprocessing), folder=self.folder / "features", progress=counted
            )
            assert not found.refused, found.refused
            rows[key] = found.features()
        groups = near_duplicate_groups(image_ids, self.hashes(name, image_ids), rows["teacher"])
        return Set(name=name, image_ids=image_ids, groups=[groups[one] for one in image_ids], **rows)

    def hashes(self, name, image_ids):
        kept = self.folder / f"{name}-{len(image_ids)}-hashes.npy"
        if not kept.exists():
            looked = (prepare(self.content(one), self.base.preprocessing, name=one) for one in image_ids)
            np.save(kept, np.array([one.columns["difference_hash"] for one in looked], np.uint64))
        return np.load(kept)

    def features(self, pooled, seen):
        """The student's descriptors, centred on the rows that are seen."""
        self.student.centre_on(torch.from_numpy(pooled[seen]))
        with torch.no_grad():
            return self.student.weighted(torch.from_numpy(pooled)).numpy()


class Counted:
    """Says every 200 images how many are done."""

    def __init__(self, name, images):
        self.name, self.images, self.done, self.said = name, images, 0, 0

    def __call__(self, more):
        self.done += more
        if self.done - self.said >= 200 or self.done == self.images:
            self.said = self.done
            print(f"{time.strftime('%H:%M:%S')} {self.name}: {self.done} of {self.images}", flush=True)


def unpacked(archive, into):
    folder = into / archive.split(".", maxsplit=1)[0]
    if not folder.exists():
        into.mkdir(parents=True, exist_ok=True)
        with tarfile.open(SHARED / "data" / archive) as packed:
            packed.extractall(into, filter="data")
    return folder


def average_precisions(vectors, queries, grades, gallery):
    """[queries], NaN where nothing in the gallery is relevant; a query's own image is left out."""
    cosines = vectors[queries] @ vectors[gallery].T
    cosines[queries[:, None] == gallery[None]] = -2
    here = grades[:, gallery]
    order = np.argsort(-cosines, axis=1, kind="stable")
    values = average_precision(np.take_along_axis(here, order, axis=1), count_grades(here))
    return np.where(here.any(axis=1), values, np.nan)


def projected(features, projection):
    """Unit rows, in one product; what serves computes row by row, which differs in the last bits."""
    vectors = (features - projection.mean) @ projection.matrix
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def measure_set(bench, one):
    """Five students, each judged on the images it did not see: among those alone, and among all images."""
    queries, grades = one.grades(bench.folder / "images" / one.name)
    part_of = parts_of(one.groups, FOLDS)
    values = {gallery: {key: np.full(len(queries), np.nan) for key in MODELS_SHOWN} for gallery in GALLERIES}
    ridges = []
    for part in range(FOLDS):
        seen, unseen = np.flatnonzero(part_of != part), np.flatnonzero(part_of == part)
        features = bench.features(one.pooled, seen)
        groups = [one.groups[row] for row in seen]
        ridges.append(choose_ridge(features[seen], one.teacher[seen], groups=groups).ridge)
        projection = fit_distilled(features[seen], one.teacher[seen], ridge=ridges[-1])
        made = {"teacher": one.teacher, "base": one.base, "student": projected(features, projection)}
        asked = np.flatnonzero(part_of[queries] == part)
        for gallery, rows in (("held out", unseen), ("all", np.arange(len(one.image_ids)))):
            for key, vectors in made.items():
                values[gallery][key][asked] = average_precisions(vectors, queries[asked], grades[asked], rows)
        print(f"{time.strftime('%H:%M:%S')} {one.name}: part {part + 1} of {FOLDS}, ridge {ridges[-1]}", flush=True)
    return {
        "images": len(one.image_ids),
        "ridges": ridges,
        "galleries": {gallery: shares(found) for gallery, found in values.items()},
    }


def shares(values):
    """MAP of each, and the student's share of the teacher's, with 95 % bootstrap intervals over queries."""
    known = ~np.isnan(values["teacher"])
    rows = np.stack([values[key][known] for key in MODELS_SHOWN])
    draws = drawn_means(rows, seed=0)
    share = draws[2] / draws[0]
    found = {key: interval(rows[place].mean(), draws[place]) for place, key in enumerate(MODELS_SHOWN)}
    found["share"] = interval(rows[2].mean() / rows[0].mean(), share)
    return {"queries": int(known.sum()), **found}


def drawn_means(rows, *, seed):
    """[models, RESAMPLES] means of queries drawn again with replacement, the same queries for all models."""
    chance = np.random.default_rng(seed)
    drawn = [rows[:, chance.integers(rows.shape[1], size=rows.shape[1])].mean(axis=1) for _ in range(RESAMPLES)]
    return np.array(drawn).T


def interval(value, draws):
    low, high = np.quantile(draws, [0.025, 0.975])
    return {"mean": float(value), "low": float(low), "high": float(high)}


def export_and_time(bench, one, ridge):
    """A student of all images as a model that serves, timed against the teacher picture by picture."""
    features = bench.features(one.pooled, np.arange(len(one.image_ids)))
    projection = fit_distilled(features, one.teacher, ridge=ridge)
    chosen = one.image_ids[:: max(len(one.image_ids) // 32, 1)][:32]
    pictures = np.stack([bench.prepared(bench.preprocessing)(image_id)[0] for image_id in chosen])
    name, models = f"distilled-{one.name.replace('_', '-')}", bench.folder / "models"
    as_model = bench.as_model(name, projection)
    done = export_model(bench.student, as_model, pictures, files=bench.folder / "onnx", models=models)
    served = sum((bench.folder / "onnx" / f"{name}{ending}").stat().st_size for ending in (".onnx", ".npz"))
    theirs = np.stack([bench.prepared(bench.teacher.preprocessing)(image_id)[0] for image_id in chosen])
    with open_encoder(name, models=models) as student:
        taken = {"teacher": [], "student": [], "base": []}
        shown = {"teacher": (bench.teacher, theirs), "student": (student, pictures)}
        ours = np.stack([bench.prepared(bench.base.preprocessing)(image_id)[0] for image_id in chosen])
        shown["base"] = (bench.base, ours)
        for number in range(len(chosen)):
            for key, (encoder, batch) in shown.items():
                start = time.perf_counter()
                encoder.encode(batch[number : number + 1])
                taken[key].append(1_000 * (time.perf_counter() - start))
    times = {key: float(np.median(each[2:])) for key, each in taken.items()}
    ratios = np.array(taken["student"][2:]) / np.array(taken["teacher"][2:])
    return {
        "milliseconds": times,
        "share_of_milliseconds": times["student"] / times["teacher"],
        "median_paired_share_of_milliseconds": float(np.median(ratios)),
        "megabytes": served / 1e6,
        "parity": dataclasses.asdict(done.parity),
    }


def measure_small(bench, held_out):
    """One student of all other sets; mAP on the sets it never saw, and how much of the distance it closes."""
    sets = {name: bench.described(name) for name in ARCHIVES}
    trained = [one for name, one in sets.items() if name not in held_out]
    pooled, teacher = (np.concatenate([getattr(one, key) for one in trained]) for key in ("pooled", "teacher"))
    groups = [group for one in trained for group in one.groups]
    features = bench.features(pooled, np.arange(len(pooled)))
    choice = choose_ridge(features, teacher, groups=groups)
    projection = fit_distilled(features, teacher, ridge=choice.ridge)
    found, draws, means = {}, [], []
    for place, name in enumerate(held_out):
        one = sets[name]
        queries, grades = one.grades(bench.folder / "images" / name)
        with torch.no_grad():
            student = projected(bench.student.weighted(torch.from_numpy(one.pooled)).numpy(), projection)
        made = {"teacher": one.teacher, "base": one.base, "student": student}
        gallery = np.arange(len(one.image_ids))
        rows = np.stack([average_precisions(made[key], queries, grades, gallery) for key in MODELS_SHOWN])
        rows = rows[:, ~np.isnan(rows[0])]
        draws.append(drawn_means(rows, seed=place))
        means.append(rows.mean(axis=1))
        found[name] = {key: interval(means[-1][at], draws[-1][at]) for at, key in enumerate(MODELS_SHOWN)}
        found[name] |= {"queries": rows.shape[1], "closed": closing(means[-1], draws[-1])}
    both = closing(np.mean(means, axis=0), np.mean(draws, axis=0))
    of = [one.name for one in trained]
    return {"trained_on": of, "images": len(pooled), "ridge": choice.ridge, "sets": found, "closed": both}


def closing(means, draws):
    """Share of the distance from the base to the teacher."""
    return interval((means[2] - means[1]) / (means[0] - means[1]), (draws[2] - draws[1]) / (draws[0] - draws[1]))


def write(row, key, found):
    file = RESULTS / "training-distill.json"
    document = json.loads(file.read_text()) if file.exists() else {}
    document.setdefault(row, {})[key] = found
    RESULTS.mkdir(exist_ok=True)
    file.write_text(json.dumps(document, indent=1) + "\n")
    file.with_suffix(".md").write_text(as_markdown(document))
    print(json.dumps({key: found}), flush=True)


def as_markdown(document):
    lines = [
        "# Distilled from clip-vit-b16",
        "",
        "Made by `python benchmarks/training_distill.py --row sets` and `--row small`. The student is",
        f"EfficientNet-Lite0 with its published weights at {SIZE} px, described by means and spreads at nine depths",
        "and by quarters of the picture at the last two, and ridge regression to the teacher's vectors; no labels.",
        "Intervals: 95 %, bootstrap over queries. Times were taken while other programs ran: read the ratios.",
    ]
    lines += sets_lines(document.get("sets", {})) + small_lines(document.get("small", {}))
    return "\n".join(lines) + "\n"


def sets_lines(sets):
    if not sets:
        return []
    lines = [
        "",
        "## A student for each set, images held out",
        "",
        "Five parts by near-duplicate group; each part's images ask a student that saw the other four, of which the",
        "ridge was chosen too. Searched are the part's images alone (held out), or all. The size and what is pooled",
        "were chosen on wardrobe_and_grocery by this same measure, and fashion_224 was looked at with some of them, so",
        "the numbers lean to the good side. Every image of fashion_224 that was used asks once.",
        "",
        "| set | images | searched | queries | efficientnet-lite0 mAP | clip-vit-b16 mAP | student mAP | share |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, one in sets.items():
        for gallery, found in one["galleries"].items():
            cells = " | ".join(cell(found[key]) for key in ("base", "teacher", "student"))
            counts = f"{one['images']:,} | {gallery} | {found['queries']:,}"
            lines.append(f"| {name} | {counts} | {cells} | {percent(found['share'])} |")
    lines += ["", "| set | lite0 ms | teacher ms | student ms | share | files, MB |", "|---|---|---|---|---|---|"]
    for name, one in sets.items():
        if "milliseconds" not in one:
            continue
        taken = one["milliseconds"]
        lines.append(
            f"| {name} | {taken['base']:.1f} | {taken['teacher']:.1f} | {taken['student']:.1f} |"
            f" {one['share_of_milliseconds']:.1%} | {one['megabytes']:.1f} |"
        )
    return lines


def small_lines(small):
    if not small:
        return []
    lines = ["", "## One student for sets it never saw", "", "| set | trained on images | queries | efficientnet-lite0"]
    lines[-1] += " mAP | clip-vit-b16 mAP | student mAP | distance closed |"
    lines.append("|---|---|---|---|---|---|---|")
    for both, split in small.items():
        for name, found in split["sets"].items():
            cells = " | ".join(cell(found[key]) for key in ("base", "teacher", "student"))
            closed = percent(found["closed"])
            lines.append(f"| {name} | {split['images']:,} | {found['queries']} | {cells} | {closed} |")
        lines.append(f"| mean of {both} | {split['images']:,} | | | | | {percent(split['closed'])} |")
    return lines


def cell(value):
    return f"{value['mean']:.3f} ({value['low']:.3f}-{value['high']:.3f})"


def percent(value):
    return f"{value['mean']:.1%} ({value['low']:.1%} to {value['high']:.1%})"


if __name__ == "__main__":
    main()
