"""How much does learning help? One row of the table in docs/training.md a command, each through the program.

    python benchmarks/training.py grades      # nDCG@10 on held-out queries, after learning from human-like grades
    python benchmarks/training.py types       # the same, on article types that nothing was learnt from
    python benchmarks/training.py views       # without labels: finding an image by a part of it
    python benchmarks/training.py clicks      # from simulated clicks with noise, as a share of what grades give
    python benchmarks/training.py cleaning    # from the same clicks, of which some suspicious ones were reviewed
    python benchmarks/training.py blocks      # fine-tuning the network's last blocks, beside the head alone
    python benchmarks/training.py adapt       # the projection alone, without labels
    python benchmarks/training.py all

Every row indexes the shared sets it needs with efficientnet-lite0 into libraries of its own (--folder keeps them), and
writes results/training-ROW.json; the page results/training.md is made of all rows there are.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from lookalike.catalog import Catalog, content_id, sqlite_url
from lookalike.feedback.simulation import Population, PositionModel, list_examination, simulate_sessions
from lookalike.library.grading import GivenGrade, give_grade
from lookalike.library.simulate import ShownList, grades_of, write_sessions
from lookalike.progress import Silent

PROJECT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("LOOKALIKE_SHARED", PROJECT.parent / "shared"))
RESULTS = PROJECT / "benchmarks" / "results"
BASE = "efficientnet-lite0"
ARCHIVES = {"fashion_224": "fashion_224.tar.gz", "wardrobe_and_grocery": "wardrobe_and_grocery.tar"}
JUDGEMENTS = {"fashion_224": "qrels_grade2up.tsv", "wardrobe_and_grocery": "qrels.tsv"}
ASKING, SEARCHES, SHOWN, NOISE, ETA = 3_000, 6, 40, 0.2, 0.3
TUNE_STEPS = 200
REVIEWED = (200, 500, 2_000)


class Set:
    """A shared set, indexed into a library of its own."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder / name
        self.images = self.folder / "set" / name
        self.library = self.folder / "library"
        self.judgements = self.images / JUDGEMENTS[name]
        if not self.images.exists():
            with tarfile.open(SHARED / "data" / ARCHIVES[name]) as archive:
                archive.extractall(self.folder / "set", filter="data")
        self.run("index", self.images, "--model", BASE)

    def run(self, *arguments: object) -> dict[str, Any]:
        """The document of a command of the program."""
        command = [sys.executable, "-m", "lookalike", *map(str, arguments), "--library", str(self.library), "--json"]
        print("  lookalike", *map(str, arguments), file=sys.stderr, flush=True)
        done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
        if done.returncode:
            raise SystemExit(done.stdout)
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def train(self, name: str, *options: object) -> dict[str, Any]:
        """The document of a new run."""
        run = self.folder / f"run-{name}-{uuid.uuid4().hex[:8]}"
        started = time.perf_counter()
        found = self.run("train", name, "--run", run, "--judgements", self.judgements, *options)
        return {"minutes": (time.perf_counter() - started) / 60, "run": str(run), **found["model"]}


def grades(folder: Path) -> dict[str, Any]:
    """Fine-tuned on grades; held-out queries."""
    return {"fashion_224": Set("fashion_224", folder).train("fashion-grades", "--on", "grades")}


def types(folder: Path) -> dict[str, Any]:
    """Fine-tuned on grades; held-out article types."""
    fashion = Set("fashion_224", folder)
    split_by = f"{fashion.images / 'manifest.csv'}:articleType"
    return {
        "fashion_224": fashion.train("fashion-types", "--on", "grades", "--split-by", split_by, "--held-out", "0.25")
    }


def views(folder: Path) -> dict[str, Any]:
    """Without labels."""
    return {name: Set(name, folder).train(f"{name[:8]}-views", "--on", "views") for name in ARCHIVES}


def clicks(folder: Path) -> dict[str, Any]:
    """Simulated clicks, and grades on the same division."""
    found, shares = {}, {}
    fashion = Set("fashion_224", folder)
    simulate(fashion, SEARCHES)
    fashion.judgements = judge_more(fashion)
    found["grades"] = fashion.train("fashion-clean", "--on", "grades")
    found["clicks"] = by_clicks(fashion, "fashion-clicks")
    for one, other in zip(graded(found["clicks"]), graded(found["grades"]), strict=True):
        shares[one["measure"]] = one["difference"] / other["difference"]
    return {**found, "share of the gain": shares}


def by_clicks(fashion: Set, name: str, *options: object) -> dict[str, Any]:
    """Trained on all clicks of its library, corrected for position bias."""
    bias = fashion.folder / f"position-bias-{name}.txt"
    fashion.run("position-bias", "--include-simulated", "--out", bias, "--resamples", 0)
    return fashion.train(name, "--on", "clicks", "--include-simulated", "--position-bias", bias, *options)


def cleaning(folder: Path) -> dict[str, Any]:
    """The most suspicious clicked pairs are reviewed by people who know the grades: yes from grade 2 on."""
    fashion = Set("fashion_224", folder)
    simulate(fashion, SEARCHES)
    fashion.judgements = judge_more(fashion)
    found = {"no answers": by_clicks(fashion, "fashion-clicks")}
    for count in REVIEWED:
        name = f"reviews-{count}-{uuid.uuid4().hex[:4]}"
        fashion.run("events", "review", name, "--count", count, "--include-simulated")
        answered = answer(fashion, name)
        model = by_clicks(fashion, f"fashion-reviewed-{count}", "--reviewed", name)
        found[f"{count} answers, {answered['no']} of them no"] = model
    return found


def answer(fashion: Set, judgement_set: str) -> dict[str, int]:
    """Say yes or no to every queued pair, as simulated reviewers; how often they said which."""
    traits, _ = traits_of(fashion)
    said = {"yes": 0, "no": 0}
    originals = fashion.library / "originals"
    with Catalog.open(sqlite_url(fashion.library / "catalog.sqlite"), originals=originals) as catalog:
        for pair in catalog.grading_queue.waiting(judgement_set, limit=max(REVIEWED)):
            right = grade(traits[pair.query_image_id], traits[pair.image_id]) > 1
            given = GivenGrade(
                judgement_set=judgement_set,
                grader="simulated",
                query_image_id=pair.query_image_id,
                image_id=pair.image_id,
                grade=int(right),
            )
            give_grade(catalog, given)
            said["yes" if right else "no"] += 1
    return said


def judge_more(fashion: Set) -> Path:
    """The set's judgements, and by the same rule those of every held-out image that people asked by.

    The set's own 54 held-out queries cannot tell a share of a gain to less than 40 points. Nothing is learnt from the
    others, and they do not validate.
    """
    file = fashion.images / "qrels_more.tsv"
    if file.exists():
        return file
    probe = fashion.train("fashion-probe", "--on", "clicks", "--include-simulated", "--steps", 1)
    held_out = {line.split("\t")[0] for line in Path(probe["run"], "held-out-clicks.tsv").read_text().splitlines()[1:]}
    traits, paths = traits_of(fashion)
    lines = fashion.judgements.read_text().splitlines()
    asked = {line.split("\t")[0] for line in lines[1:]}
    for query in sorted(held_out - {image_id for image_id, path in paths.items() if path in asked}):
        for image_id, path in paths.items():
            given = grade(traits[query], traits[image_id])
            if given > 1 and image_id != query:
                lines.append(f"{paths[query]}\t{path}\t{given}")
    file.write_text("\n".join(lines) + "\n")
    return file


def traits_of(fashion: Set) -> tuple[dict[str, tuple[str, str, str]], dict[str, str]]:
    """Type, gender and colour of each image by its id, and its path in the set."""
    traits, paths = {}, {}
    with (fashion.images / "manifest.csv").open() as lines:
        for row in csv.DictReader(lines):
            image_id = content_id((fashion.images / row["path"]).read_bytes())
            traits[image_id] = (row["articleType"], row["gender"], row["baseColour"])
            paths[image_id] = row["path"]
    return traits, paths


def blocks(folder: Path) -> dict[str, Any]:
    """The head alone, and the network's last blocks after it; the same queries."""
    fashion = Set("fashion_224", folder)
    return {
        "head": fashion.train("fashion-head", "--on", "grades"),
        "blocks": fashion.train("fashion-blocks", "--on", "grades", "--tune", "blocks", "--tune-steps", TUNE_STEPS),
    }


def adapt(folder: Path) -> dict[str, Any]:
    """The projection alone, over all levels."""
    found = {}
    for name in ARCHIVES:
        one = Set(name, folder)
        options = ("--features", "levels", "--judgements", one.judgements)
        found[name] = one.run("adapt", f"{name[:8]}-adapted", *options)["model"]
    return found


ROWS = {
    "grades": grades,
    "types": types,
    "views": views,
    "clicks": clicks,
    "cleaning": cleaning,
    "blocks": blocks,
    "adapt": adapt,
}
SAYS = {
    "grades": "learnt from grades of 85 % of the queries (15 % of them to validate by)",
    "types": "learnt from grades, tested on queries of article types that nothing was learnt from",
    "views": "learnt from altered views, no labels",
    "clicks": f"learnt from simulated clicks of searches by {ASKING:,} images, {NOISE:.0%} of them on images that"
    " answer nothing",
    "cleaning": "learnt from simulated clicks, after simulated reviewers answered for so many suspicious pairs",
    "blocks": f"learnt from the same grades: the head, and the last 4 blocks after it ({TUNE_STEPS} steps)",
    "adapt": "projection of all levels fitted to the set, no labels; all queries are tests",
}


def graded(model: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows by grades."""
    return [row for row in model["measures"] if row["held_out"] == "grades"]


def simulate(fashion: Set, searches: int) -> None:
    """People ask by 3,000 images and click what looks alike, the first hits more often; some click anything.

    Each of so many searches an image shows the 40 nearest by the base. A hit at rank r is looked at with probability
    r ** -0.3; one of grade 3 (same type, gender and colour) that is looked at is clicked in 50 of 100 cases, of grade 2
    in 25. Then so many clicks are added on shown images of lower grades that they are one in five. All are stored as
    simulated.
    """
    rng = np.random.default_rng(5)
    traits, _ = traits_of(fashion)
    with Catalog.open(
        sqlite_url(fashion.library / "catalog.sqlite"), originals=fashion.library / "originals"
    ) as catalog:
        live = catalog.models.live()
        if live is None or any(catalog.counts().simulated_interactions.values()):
            return
        blocks = list(catalog.vectors.blocks(live.fingerprint))
        known = [image_id for block in blocks for image_id in block.image_ids]
        vectors = np.concatenate([block.vectors for block in blocks])
        lists = []
        for place, query in enumerate(known[:ASKING]):  # ids are hashes: the first are as good as any
            nearest = np.argsort(-(vectors @ vectors[place]), kind="stable")[: SHOWN + 1].tolist()
            shown = tuple(known[other] for other in nearest if other != place)[:SHOWN]
            grades = tuple(grade(traits[query], traits[image]) for image in shown)
            lists.append(ShownList(query_image_id=query, shown=shown, grades=grades))
        chosen = np.repeat(np.arange(len(lists)), searches)
        people = Population(appeal=(0.0, 0.0, 0.25, 0.5, 0.5, 0.5), noise=NOISE)
        looking = PositionModel(examination=list_examination(SHOWN, eta=ETA))
        sessions = simulate_sessions(grades_of(lists)[chosen], looking, people, rng)
        start = datetime(2026, 1, 1, tzinfo=UTC)
        moments = [start + timedelta(minutes=number) for number in range(len(chosen))]
        write_sessions(catalog, lists, chosen, sessions, name="benchmark", moments=moments, progress=Silent())


def grade(one: tuple[str, str, str], other: tuple[str, str, str]) -> int:
    """The set's own rule, for images of one type; other pairs are not clicked here."""
    return sum(map(str.__eq__, one, other)) if one[0] == other[0] else 0


def without_paths(found: dict[str, Any]) -> dict[str, Any]:
    """What a row found, without the folders of its runs."""
    for one in found.values():
        one.pop("run", None)
    return found


def models_in(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What of a row's document is a model's card."""
    return {name: one for name, one in found.items() if "measures" in one}


def page() -> str:
    """All rows there are."""
    lines = [
        "# What learning gives",
        "",
        "Made by `python benchmarks/training.py ROW`. The base is `efficientnet-lite0` with its shipped projection;",
        "differences are on queries that nothing was learnt from, with 95 % bootstrap intervals.",
    ]
    for row, says in SAYS.items():
        path = RESULTS / f"training-{row}.json"
        if not path.exists():
            continue
        found = json.loads(path.read_text(encoding="utf-8"))["found"]
        lines += [
            "",
            f"## {row}: {says}",
            "",
            "| on | held out | measure | queries | base | new | change | 95 % interval |",
        ]
        lines += ["|---|---|---|---|---|---|---|---|"]
        for name, model in models_in(found).items():
            for one in model["measures"]:
                change = f"{100 * (one['new'] / one['base'] - 1):+.1f} %" if one["base"] else ""
                interval = f"{one['low']:+.4f} to {one['high']:+.4f}" if one["low"] is not None else ""
                values = f"{one['base']:.4f} | {one['new']:.4f} | {change} | {interval}"
                lines.append(f"| {name} | {one['held_out']} | {one['measure']} | {one['queries']:,} | {values} |")
        minutes = ", ".join(f"{name} {model['seconds'] / 60:.1f} min" for name, model in models_in(found).items())
        lines += ["", f"Time: {minutes}."]
        if "share of the gain" in found:
            shares = ", ".join(f"{name} {share:.0%}" for name, share in found["share of the gain"].items())
            lines += [f"Of the gain that clean grades give, simulated clicks give: {shares}."]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("row", choices=[*ROWS, "all"], nargs="?", default="all")
    parser.add_argument("--folder", type=Path, help="keep libraries and runs here; what is found here is used")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for row in ROWS if chosen.row == "all" else [chosen.row]:
            print(row, file=sys.stderr, flush=True)
            document: dict[str, Any] = {"command": f"python benchmarks/training.py {row}", "load": os.getloadavg()[0]}
            document["found"] = without_paths(ROWS[row](folder))
            (RESULTS / f"training-{row}.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
            (RESULTS / "training.md").write_text(page(), encoding="utf-8")
    print(page())


if __name__ == "__main__":
    main()
