"""Do `adapt` and `train --on teacher` make a library of one kind of photos rank better, and never worse?

    python benchmarks/learning_by_kind.py [--sections confirmed,larger] [--kinds fashion,clothes] [--folder DIR]

Each kind (see kinds.py, and OTHERS below) with 500 to 5,000 photos whose classes or grades are known is a library of
its own, indexed with efficientnet-lite0: of at most 650 photos, and in the section `larger` of more. `lookalike
adapt` and `lookalike train --on teacher` learn from its photos, as a user would run them: without labels. Every photo
then asks for those of its class, the vectors centred on the library as they are served, and the new model is compared
with its start, query by query. Writes results/learning_by_kind.json and .md; sections that are not asked for stay.

The folder keeps libraries, training runs and results, so a run that was stopped goes on. On two busy cores, 650 photos
take about five minutes, most of it for clip-vit-b16, which teaches.
"""

import argparse
import csv
import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from commands import command
from kinds import Judged, Kind, Photos, asked_of, by_labels, fashion_grades, kinds, values_of, vectors_by
from kinds_compared import compared, difference, drawn, interval
from lookalike.snapshot import Centring
from training_distill import BASE, MODELS, RESULTS, TEACHER

OTHERS = (
    Kind(kind="things-32px", set="cifar10", family="objects", fold=0, judged_by="labels"),
    Kind(kind="posters-liked", set="movielens_posters", family="covers", fold=3, judged_by="grades"),
)
"""Kinds of which other benchmarks ask nothing; the posters that the same people liked are relevant to each other."""


@dataclass(frozen=True, kw_only=True)
class Section:
    """Kinds, and at most how many photos the library of each has."""

    title: str
    kinds: dict[str, int]


SECTIONS = {
    "confirmed": Section(title="Kinds that the rule was not chosen on", kinds={"things-64px": 650, "clothes": 650}),
    "chosen": Section(
        title="Kinds that the rule was chosen on", kinds={"home-products": 650, "instruments": 650, "food-64px": 650}
    ),
    "larger": Section(
        title="Larger libraries, of kinds that the rule was not chosen on",
        kinds={
            "groceries": 810,
            "clothes": 966,
            "posters-liked": 1_000,
            "objects": 1_539,
            "fashion": 1_500,
            "things-32px": 1_000,
        },
    ),
}
WAYS = {"adapt": ("adapt",), "teacher": ("train", "--on", "teacher", "--teacher", TEACHER)}


class KindLibrary:
    """Photos of a kind, indexed into a library of their own.

    Args:
        kind: which.
        most: photos.
        photos: the shared sets.
        folder: of the library, its photos, its models and what is known of them.
    """

    def __init__(self, kind, most, photos, folder):
        self.kind, self.photos = kind, photos
        self.folder, self.models, self.costs = folder, folder / "models", {}
        self.names = self.drawn()[:most]
        for model in (BASE, TEACHER):
            if not (self.models / model).exists():
                shutil.copytree(MODELS / model, self.models / model)
        for name in self.names:
            path = self.folder / "images" / name
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(photos.content(name))

    def drawn(self):
        """Names of all photos of the kind; of posters, those that grades are known of first."""
        names = self.photos.of(self.kind)
        if self.kind.kind != "posters-liked":
            return names
        graded = {name for pair in self.liked() for name in pair}
        return sorted(names, key=lambda name: name not in graded)

    def liked(self):
        """A poster and another that the same people liked -> grade."""
        with (self.photos.folder / self.kind.set / "colike_qrels.tsv").open(newline="") as lines:
            rows = list(csv.DictReader(lines, delimiter="\t"))
        of = self.kind.set
        return {(f"{of}/{row['query']}", f"{of}/{row['relevant']}"): int(row["grade"]) for row in rows}

    def run(self, *arguments):
        """Run a command; what it took."""
        return command([*arguments, "--library", self.folder / "library"], models=self.models)[1]

    def learn(self):
        """Names of the new models, by the way that they were made."""
        self.run("index", self.folder / "images", "--model", BASE)
        for way, arguments in WAYS.items():
            if not (self.models / self.named(way)).exists():
                resume = ["--resume"] if (self.folder / "library/training/runs" / self.named(way)).exists() else []
                self.costs[way] = self.run(arguments[0], self.named(way), *arguments[1:], *resume)
        return {way: self.named(way) for way in WAYS}

    def named(self, way):
        return f"{self.kind.kind}-{way}".lower()

    def judged(self):
        if self.kind.kind == "fashion":
            grades = fashion_grades(self.names, self.photos.folder / self.kind.set)
            asked = np.flatnonzero(grades.any(axis=1))
            return Judged(queries=[self.names[row] for row in asked], gallery=self.names, grades=grades[asked])
        if self.kind.kind == "posters-liked":
            return asked_of(self.names, self.grades())
        if self.kind.kind == "things-32px":
            return by_labels(self.names, {name: Path(name).parent.name for name in self.names})
        return by_labels(self.names, self.photos.labels(self.kind))

    def grades(self):
        """[photos, photos]."""
        row_of = {name: row for row, name in enumerate(self.names)}
        found = np.zeros((len(row_of), len(row_of)), np.int8)
        for (query, image), grade in self.liked().items():
            if query in row_of and image in row_of and query != image:
                found[row_of[query], row_of[image]] = grade
        return found

    def values(self, models):
        """Way -> [queries] average precision, by vectors centred on the library; and of the start."""
        known, found = self.judged(), {}
        for way, model in {BASE: BASE, **models}.items():
            rows = vectors_by(model, self.names, self.photos, self.folder, models=self.models)
            mean = rows.mean(axis=0, dtype=np.float64)
            centred = Centring.of(mean, np.empty((0, len(mean)), np.float32)).rows(rows)
            found[way] = values_of(known, dict(zip(self.names, centred, strict=True)))
        return found


def measured(kind, most, photos, folder):
    """How many images, what learning cost, and way -> [queries] values; kept in the folder."""
    kept = folder / "values.json"
    if not kept.exists():
        library = KindLibrary(kind, most, photos, folder)
        values = {way: rows.tolist() for way, rows in library.values(library.learn()).items()}
        kept.write_text(json.dumps({"images": len(library.names), "costs": library.costs, "values": values}))
    document = json.loads(kept.read_text())
    values = {way: np.array(rows) for way, rows in document["values"].items()}
    return document["images"], document["costs"], values


def mean_gain(values, way):
    """Of several kinds, each of which counts the same, with its interval.

    Args:
        values: kind -> way -> [queries].
        way: which.
    """
    exact = np.mean([rows[way].mean() - rows[BASE].mean() for rows in values.values()])
    draws = [drawn(rows) for rows in values.values()]
    return interval(exact, np.mean([one[way] - one[BASE] for one in draws], axis=0))


def page(found):
    lines = [
        "# What learning without labels gives, by kind of photo",
        "",
        "Made by `python benchmarks/learning_by_kind.py`. mAP over all photos whose class has another photo; exact",
        f"search over vectors centred on the library. The start is {BASE}; differences are paired, with 95 % bootstrap",
        "intervals over queries; bold where the interval is below zero. No labels were learnt from. The rule is that",
        "what is learnt and what the model knew stand side by side, both of the same length, and no axes are whitened.",
    ]
    for section in SECTIONS.values():
        here = found[section.title]
        head = f"| kind | photos | queries | start | {' | '.join(f'{way} | difference' for way in WAYS)} |"
        lines += ["", f"## {section.title}", "", head, "|---|--:|--:|--:|" + "--:|--:|" * len(WAYS)]
        for kind, one in here["kinds"].items():
            cells = [kind, f"{one['images']:,}", f"{one['queries']:,}", f"{one[BASE]['mean']:.3f}"]
            for way in WAYS:
                cells += [f"{one[way]['mean']:.3f}", difference(one[way]["difference"])]
            lines.append(f"| {' | '.join(cells)} |")
        cells = [cell for way in WAYS for cell in ("", difference(here["means"][way]))]
        lines += [f"| mean | | | | {' | '.join(cells)} |", *costs_told(here["kinds"])]
    return "\n".join(lines) + "\n"


def costs_told(kinds_found):
    """Lines that say what learning took, where it was measured."""
    known = {kind: one for kind, one in kinds_found.items() if set(one.get("costs", {})) == set(WAYS)}
    if not known:
        return []
    lines = ["", "Processor time of one core, with what the models take to describe the photos, and memory at most:"]
    lines += ["", f"| kind | photos | {' | '.join(WAYS)} |", "|---|--:|" + "--:|" * len(WAYS)]
    for kind, one in known.items():
        told = [f"{one['costs'][way]['seconds'] / 60:.1f} min, {one['costs'][way]['megabytes']:,} MB" for way in WAYS]
        lines.append(f"| {kind} | {one['images']:,} | {' | '.join(told)} |")
    return lines


def report(measurements):
    """What the page says of a section.

    Args:
        measurements: kind -> how many images, what learning cost, and way -> [queries].
    """
    kinds_found = {
        kind: {"images": images, "queries": len(values[BASE]), "costs": costs, **compared(values, BASE)}
        for kind, (images, costs, values) in measurements.items()
    }
    values = {kind: one[2] for kind, one in measurements.items()}
    return {"kinds": kinds_found, "means": {way: mean_gain(values, way) for way in WAYS}}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sections", default=",".join(SECTIONS))
    parser.add_argument("--kinds", help="only these (default: all of a section)")
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    file = RESULTS / "learning_by_kind.json"
    found = json.loads(file.read_text())
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        photos, by_name = Photos(folder), {kind.kind: kind for kind in (*kinds(), *OTHERS)}
        for name in options.sections.split(","):
            section = SECTIONS[name]
            found[section.title] = report(
                {
                    kind: measured(by_name[kind], most, photos, folder / f"{kind}-{most}")
                    for kind, most in section.kinds.items()
                    if options.kinds is None or kind in options.kinds.split(",")
                }
            )
    print(page(found))
    file.write_text(json.dumps(found, indent=1) + "\n")
    (RESULTS / "learning_by_kind.md").write_text(page(found))


if __name__ == "__main__":
    main()
