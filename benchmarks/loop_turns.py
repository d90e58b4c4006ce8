"""Does the loop keep helping, and does it keep showing the whole catalogue? Ten turns on simulated clicks.

    python benchmarks/loop_turns.py [--folder DIR] [--turns N]

1,200 images of fashion_224 are indexed with efficientnet-lite0; 500 of them are judged queries, graded by the set's own
rule (type, gender and colour). Before the first turn simulated people have made 18,000 searches, and 1,500 more before
each further turn, with the model that answers then (20 % of their clicks are mistakes). `lookalike loop --promote`
learns from all clicks so far. After each turn the model that answers is judged on the queries that the first turn held
out for its test, from which no turn learns. `coverage` is the share of the catalogue among the first ten hits of any
image, `Gini` how unequally the hits are spread (0: evenly), and `own type` the share of hits that are of the query's
own article type, which rises where lists become narrower.
Writes results/loop_turns.json and results/loop_turns.md.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from graded_sets import COLUMNS, GradedSet, ndcg_at_10, nearest
from lookalike.catalog import content_id
from lookalike.evaluation import bootstrap_interval

PROJECT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("LOOKALIKE_SHARED", PROJECT.parent / "shared"))
RESULTS = Path(__file__).parent / "results"
NAME, BASE = "fashion_224", "efficientnet-lite0"
IMAGES, QUERIES, FIRST_SESSIONS, SESSIONS, NOISE, ETA, HELD_OUT = 1_200, 500, 18_000, 1_500, 0.2, 0.5, 0.2


class Shop:
    """Some of the set's images in a library of their own, with grades of all pairs of the queries' types."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.photos, self.library = folder, folder / "photos", folder / "library"
        self.grades = folder / "grades.tsv"
        if not self.photos.exists():
            self._extract()
        self.labels = self._labels()
        if not self.grades.exists():
            self._grade()
        self.run("index", self.photos, "--model", BASE)

    def run(self, *arguments: object, code: int = 0) -> dict[str, Any]:
        """The document of a command of the program."""
        command = [sys.executable, "-m", "lookalike", *map(str, arguments), "--library", str(self.library), "--json"]
        print("  lookalike", *map(str, arguments), file=sys.stderr, flush=True)
        done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
        if done.returncode != code:
            raise SystemExit(done.stdout)
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def _extract(self) -> None:
        """Every so manieth image, so that each type has its share."""
        with tarfile.open(SHARED / "data" / f"{NAME}.tar.gz") as archive:
            archive.extractall(self.folder / "set", filter="data")
        rows = self._rows()
        self.photos.mkdir(parents=True)
        for row in rows[:: len(rows) // IMAGES][:IMAGES]:
            source = self.folder / "set" / NAME / row["path"]
            (self.photos / source.name).write_bytes(source.read_bytes())

    def _rows(self) -> list[dict[str, str]]:
        with (self.folder / "set" / NAME / "manifest.csv").open() as lines:
            return sorted(csv.DictReader(lines), key=lambda row: row["path"])

    def _labels(self) -> dict[str, tuple[str, ...]]:
        """By the names of the files that were taken."""
        here = {file.name for file in self.photos.iterdir()}
        names = {Path(row["path"]).name: tuple(row[column] for column in COLUMNS[NAME]) for row in self._rows()}
        return {name: labels for name, labels in names.items() if name in here}

    def _grade(self) -> None:
        names = sorted(self.labels)
        asked = np.random.default_rng(3).permutation(len(names))[:QUERIES]
        lines = ["query\timage\tgrade"]
        for query in (names[place] for place in sorted(asked.tolist())):
            for image in names:
                grade = sum(map(str.__eq__, self.labels[query], self.labels[image]))
                if image != query and self.labels[query][0] == self.labels[image][0]:
                    lines.append(f"{query}\t{image}\t{grade}")
        self.grades.write_text("\n".join(lines) + "\n")

    def graded(self) -> tuple[GradedSet, list[str]]:
        """Vectors of the model that answers, with labels, and the ids of the images."""
        by_id = {content_id((self.photos / name).read_bytes()): labels for name, labels in self.labels.items()}
        found: tuple[GradedSet, list[str]] = GradedSet.of_library(NAME, self.library, by_id)
        return found


def measured(shop: Shop, held_out: set[str]) -> dict[str, Any]:
    """What the model that answers shows."""
    graded, ids = shop.graded()
    everything = np.arange(len(ids))
    hits, _ = nearest(graded.vectors, everything, 10)
    shown = np.sort(np.bincount(hits.ravel(), minlength=len(ids)))
    tested = np.array([place for place, one in enumerate(ids) if one in held_out])
    scores = ndcg_at_10(hits[tested], tested, graded)
    order = np.arange(1, len(ids) + 1)
    return {
        "ndcg": scores.tolist(),
        "queries": [ids[place] for place in tested.tolist()],
        "coverage": float((shown > 0).mean()),
        "gini": float((2 * order - len(ids) - 1) @ shown / (len(ids) * shown.sum())),
        "own type": float((graded.labels[hits, 0] == graded.labels[:, :1]).mean()),
    }


def turn(shop: Shop, number: int) -> dict[str, Any]:
    """Simulated people search, and the loop learns from what they clicked."""
    common = (shop.grades, "--images", shop.photos)
    sessions = FIRST_SESSIONS if number == 1 else SESSIONS
    shop.run("simulate", *common, "--sessions", sessions, "--noise", NOISE, "--seed", number, "--eta", ETA)
    return shop.run(
        *("loop", "--judgements", *common, "--promote", "--include-simulated"),
        *("--held-out", HELD_OUT, "--resamples", 2_000),
    )


def page(rows: list[dict[str, Any]]) -> str:
    lines = [
        f"# The loop, turn after turn ({rows[-1]['turn']} of ten)",
        "",
        "Made by `python benchmarks/loop_turns.py`, with simulated people: after each turn, nDCG@10 on",
        f"{rows[0]['queries']} queries that no turn learnt from, and its change since the beginning with a 95 %",
        "bootstrap interval over queries. `coverage`: share of the catalogue among the first ten hits of any image.",
        "",
        "| turn | clicks so far | promoted | nDCG@10 | change | 95 % interval | coverage | Gini | own type |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        interval = "" if row["low"] is None else f"{row['low']:+.4f} to {row['high']:+.4f}"
        promoted = {True: "yes", False: "no", None: ""}[row["promoted"]]
        lines.append(
            f"| {row['turn']} | {row['clicks']:,} | {promoted} | {row['ndcg']:.4f} | {row['change']:+.4f} | {interval}"
            f" | {row['coverage']:.1%} | {row['gini']:.3f} | {row['own type']:.1%} |"
        )
    why = [f"- turn {row['turn']}: {row['because']}" for row in rows if row["because"]]
    return "\n".join([*lines, "", "Why each model was proposed or not:", "", *why]) + "\n"


def held_out_queries(shop: Shop) -> set[str]:
    """Ids of the queries that the first turn held out for its test."""
    (file,) = shop.library.glob("loop/0001/training-*/held-out-grades.tsv")
    return {line.split("\t")[0] for line in file.read_text().splitlines()[1:]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="keep the library here; what is found here is used")
    parser.add_argument("--turns", type=int, default=10)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        shop = Shop(chosen.folder or Path(temporary))
        before = measured(shop, set(shop.graded()[1]))
        rows: list[dict[str, Any]] = []
        for number in range(1, chosen.turns + 1):
            done = turn(shop, number)
            held_out = held_out_queries(shop)
            if not rows:
                kept = [place for place, one in enumerate(before["queries"]) if one in held_out]
                before["ndcg"] = [before["ndcg"][place] for place in kept]
                rows.append(row_of(0, {"clicks": 0, "promoted": None, "because": ""}, before, before))
            rows.append(row_of(number, done, measured(shop, held_out), before))
            document = {"command": "python benchmarks/loop_turns.py", "load": os.getloadavg()[0], "rows": rows}
            (RESULTS / "loop_turns.json").write_text(json.dumps(document, indent=1) + "\n")
            (RESULTS / "loop_turns.md").write_text(page(rows))
            print(page(rows), flush=True)


def row_of(number: int, done: dict[str, Any], found: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    change = np.array(found["ndcg"]) - np.array(before["ndcg"])
    known = change[~np.isnan(change)]
    interval = bootstrap_interval(known, resamples=10_000) if known.any() else None
    return {
        "turn": number,
        "clicks": done["clicks"],
        "promoted": done["promoted"],
        "because": done["because"],
        "queries": len(known),
        "ndcg": float(np.nanmean(found["ndcg"])),
        "change": float(known.mean()),
        "low": interval.low if interval else None,
        "high": interval.high if interval else None,
        **{name: found[name] for name in ("coverage", "gini", "own type")},
    }


if __name__ == "__main__":
    main()
