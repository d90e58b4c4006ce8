"""Do `adapt` and `train --on teacher` make a library of one kind of photos rank better, and never worse?

    python benchmarks/learning_by_kind.py [--kinds objects,pets] [--folder DIR]

Each kind (see kinds.py) with 500 to 5,000 photos whose source tells their classes is a library of its own, indexed
with efficientnet-lite0. `lookalike adapt` and `lookalike train --on teacher` learn from its photos, as a user would run
them: without labels. Every photo then asks for those of its class, the vectors centred on the library as they are
served, and the new model is compared with its start, query by query. Writes results/learning_by_kind.json and .md.

The folder keeps libraries, training runs and results, so a run that was stopped goes on. On two busy cores, a kind
takes about five minutes, most of it for clip-vit-b16, which teaches.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from kinds import Judged, Photos, by_labels, fashion_grades, kinds, values_of, vectors_by
from kinds_compared import compared, difference, drawn, interval
from lookalike.snapshot import Centring
from training_distill import BASE, MODELS, RESULTS, TEACHER

CHOSEN_ON = ("home-products", "instruments", "food-64px")
CONFIRMED_ON = ("things-64px", "clothes", "objects", "groceries", "fashion")
SECTIONS = {
    "Kinds that the rule was not chosen on": CONFIRMED_ON,
    "Kinds that the rule was chosen on": CHOSEN_ON,
}
MOST = 650
WAYS = {"adapt": ("adapt",), "teacher": ("train", "--on", "teacher", "--teacher", TEACHER)}


class KindLibrary:
    """The photos of a kind, indexed into a library of their own.

    Args:
        kind: which.
        photos: the shared sets.
        folder: of all libraries.
    """

    def __init__(self, kind, photos, folder):
        self.kind, self.photos = kind, photos
        self.folder, self.models = folder / kind.kind, folder / "models"
        self.names = photos.of(kind)[:MOST]
        for name in self.names:
            path = self.folder / "images" / name
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(photos.content(name))

    def run(self, *arguments):
        command = [sys.executable, "-m", "lookalike", *map(str, arguments), "--library", str(self.folder / "library")]
        print("  lookalike", *map(str, arguments), file=sys.stderr, flush=True)
        environment = os.environ | {"LOOKALIKE_MODELS": str(self.models)}
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)

    def learn(self):
        """Names of the new models, by the way that they were made."""
        self.run("index", self.folder / "images", "--model", BASE)
        for way, arguments in WAYS.items():
            if not (self.models / self.named(way)).exists():
                resume = ["--resume"] if (self.folder / "library/training/runs" / self.named(way)).exists() else []
                self.run(arguments[0], self.named(way), *arguments[1:], *resume)
        return {way: self.named(way) for way in WAYS}

    def named(self, way):
        return f"{self.kind.kind}-{way}".lower()

    def judged(self):
        if self.kind.kind == "fashion":
            grades = fashion_grades(self.names, self.photos.folder / self.kind.set)
            asked = np.flatnonzero(grades.any(axis=1))
            return Judged(queries=[self.names[row] for row in asked], gallery=self.names, grades=grades[asked])
        return by_labels(self.names, self.photos.labels(self.kind))

    def values(self, models):
        """Way -> [queries] average precision, by vectors centred on the library; and of the start."""
        known, found = self.judged(), {}
        for way, model in {BASE: BASE, **models}.items():
            rows = vectors_by(model, self.names, self.photos, self.folder, models=self.models)
            mean = rows.mean(axis=0, dtype=np.float64)
            centred = Centring.of(mean, np.empty((0, len(mean)), np.float32)).rows(rows)
            found[way] = values_of(known, dict(zip(self.names, centred, strict=True)))
        return found


def measured(kind, photos, folder):
    """Way -> [queries] values; kept in the folder."""
    library = KindLibrary(kind, photos, folder)
    kept = library.folder / "values.json"
    if not kept.exists():
        values = library.values(library.learn())
        document = {way: rows.tolist() for way, rows in values.items()} | {"images": len(library.names)}
        kept.write_text(json.dumps(document))
    document = json.loads(kept.read_text())
    return document.pop("images"), {way: np.array(rows) for way, rows in document.items()}


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
    for title, names in SECTIONS.items():
        head = f"| kind | photos | queries | start | {' | '.join(f'{way} | difference' for way in WAYS)} |"
        lines += ["", f"## {title}", "", head, "|---|--:|--:|--:|" + "--:|--:|" * len(WAYS)]
        here = {kind: one for kind, one in found["kinds"].items() if kind in names}
        for kind, one in here.items():
            cells = [kind, f"{one['images']:,}", f"{one['queries']:,}", f"{one[BASE]['mean']:.3f}"]
            for way in WAYS:
                cells += [f"{one[way]['mean']:.3f}", difference(one[way]["difference"])]
            lines.append(f"| {' | '.join(cells)} |")
        means = found["means"].get(title, {})
        cells = [cell for way in WAYS if way in means for cell in ("", difference(means[way]))]
        lines += [f"| mean | | | | {' | '.join(cells)} |"] if cells else []
    return "\n".join(lines) + "\n"


def report(measurements):
    """What the page is made of.

    Args:
        measurements: kind -> how many images, and way -> [queries].
    """
    kinds_found, means = {}, {}
    for kind, (images, values) in measurements.items():
        queries = len(values[BASE])
        kinds_found[kind] = {"images": images, "queries": queries, **compared(values, BASE)}
    for title, names in SECTIONS.items():
        here = {kind: measurements[kind][1] for kind in names if kind in measurements}
        if here:
            means[title] = {way: mean_gain(here, way) for way in WAYS}
    return {"command": "python benchmarks/learning_by_kind.py", "kinds": kinds_found, "means": means}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--kinds", default=",".join((*CONFIRMED_ON[:2], *CHOSEN_ON)), help="also objects, groceries and fashion"
    )
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        for model in (BASE, TEACHER):
            if not (folder / "models" / model).exists():
                shutil.copytree(MODELS / model, folder / "models" / model)
        photos, by_name = Photos(folder), {kind.kind: kind for kind in kinds()}
        found = report({name: measured(by_name[name], photos, folder) for name in options.kinds.split(",")})
    print(page(found))
    (RESULTS / "learning_by_kind.json").write_text(json.dumps(found, indent=1) + "\n")
    (RESULTS / "learning_by_kind.md").write_text(page(found))


if __name__ == "__main__":
    main()
