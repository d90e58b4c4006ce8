"""Is the loop fair to a new model? What it decides of models that are as good as the live one, worse and better.

    python benchmarks/loop_guard.py [--folder DIR] [--draws N]

The library of loop_turns.py, whose vectors get random noise: the model that answers and one that is as good have as
much noise each, another draw of it; a worse one has more and a better one less. Simulated people search 36 times by
each of 110 held-out queries with the model that answers and see 30 images (20 % of their clicks are mistakes). Both
models are then judged as a turn of the loop judges them: by grades, and by those clicks, corrected by propensities,
among the images that were shown. `true change` is the mean difference of nDCG@10 by grades over all draws.
Writes results/loop_guard.json and results/loop_guard.md.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from graded_sets import GradedSet
from lookalike.feedback.simulation import Population, PositionModel, list_examination, simulate_sessions
from lookalike.library.loop import decide
from lookalike.neighbors import unit_rows
from lookalike.training.card import HeldOutMeasure
from lookalike.training.examples.example import GradedQuery
from lookalike.training.examples.shown import SeenPairs, ShownPair
from lookalike.training.held_out import CLICKED_MEASURES, GRADED_MEASURES, ExactRanking, HeldOut, held_out
from loop_turns import Shop

RESULTS = Path(__file__).parent / "results"
QUERIES, SEARCHES, SHOWN, ETA, NOISE, RESAMPLES = 110, 36, 30, 0.5, 0.2, 1_000
CASES = {"as good": (0.7, 0.7), "a little worse": (0.5, 0.7), "worse": (0.3, 0.8), "better": (0.8, 0.3)}
"""Noise of the model that answers and of the new one, as a share of the length of a vector."""

SHARES = ("clicks fall", "clicks fall surely", "refused", "fell before", "proposed")


def noisy(vectors: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    noise = rng.standard_normal(vectors.shape) / np.sqrt(vectors.shape[1])
    found: np.ndarray = unit_rows((vectors + share * noise).astype(np.float32))
    return found


def clicked(graded: GradedSet, names: list[str], live: np.ndarray, asked: np.ndarray, rng: np.random.Generator) -> Any:
    """What people did with what the model that answers showed them, as held-out queries."""
    cosines = live[asked] @ live.T
    cosines[np.arange(len(asked)), asked] = -np.inf
    shown = np.argsort(-cosines, axis=1)[:, :SHOWN]
    grades = np.stack([graded.grades(query, images) for query, images in zip(asked, shown, strict=True)])
    looked = list_examination(SHOWN, eta=ETA)
    people = Population(noise=NOISE)
    done = simulate_sessions(np.repeat(grades, SEARCHES, axis=0), PositionModel(examination=looked), people, rng)
    pairs = {}
    for number, query in enumerate(asked):
        for place, image in enumerate(shown[number]):
            sessions = range(number * SEARCHES, (number + 1) * SEARCHES)
            clicks = {f"{one}" for one in sessions if done.clicked[one, place]}
            pairs[names[query], names[image]] = ShownPair(
                ranks={f"{one}": place + 1 for one in sessions},
                clicked=clicks,
                seconds={one: float(done.dwell_seconds[int(one), place]) for one in clicks},
            )
    propensities = {place + 1: float(share) for place, share in enumerate(looked)}
    rates = SeenPairs(pairs=pairs, propensities=propensities).rates()
    return held_out("clicks", rates, set(names), CLICKED_MEASURES[:1], condensed=True)


def by_grades(graded: GradedSet, names: list[str], asked: np.ndarray) -> HeldOut | None:
    queries = []
    for query in asked:
        grades = graded.grades(query, np.arange(len(names)))
        grades[query] = 0
        kept = np.flatnonzero(grades)
        queries.append(
            GradedQuery(query=names[query], images=tuple(names[one] for one in kept), grades=tuple(grades[kept]))
        )
    return held_out("grades", queries, set(names), GRADED_MEASURES[:1])


def drawn(graded: GradedSet, names: list[str], noise: tuple[float, float], seed: int) -> dict[str, Any]:
    """One new model beside the one that answers."""
    rng = np.random.default_rng(seed)
    live, new = (noisy(graded.vectors, share, rng) for share in noise)
    asked = rng.permutation(len(names))[:QUERIES]
    tests = [by_grades(graded, names, asked), clicked(graded, names, live, asked, rng)]
    ranking, measures, highs = ExactRanking(names, names), [], []
    for test in tests:
        judged = ranking.compare(new, live, test, resamples=RESAMPLES)
        (comparison,) = judged.comparisons.values()
        change = comparison.difference
        measures.append(
            HeldOutMeasure(
                measure="nDCG@10", held_out=test.name, queries=QUERIES, base=0.0, new=0.0,
                difference=change.mean, low=change.low, high=change.high,
            )
        )  # fmt: skip
        highs.append(change.high)
    proposed, _ = decide(measures)
    grades, clicks = measures
    return {
        "grades": grades.difference,
        "clicks": clicks.difference,
        "clicks fall": clicks.difference < 0,
        "clicks fall surely": highs[1] < 0,
        "fell before": min(grades.difference, clicks.difference) < 0,
        "refused": min(highs) < 0,
        "proposed": proposed,
    }


def page(rows: dict[str, list[dict[str, Any]]], draws: int) -> str:
    lines = [
        "# What the loop decides of planted models",
        "",
        f"Made by `python benchmarks/loop_guard.py`, with simulated people: {draws} draws a row, {QUERIES} held-out",
        f"queries, {SEARCHES} searches by each. `falls` is the share of draws in which clicks fall at all, `falls",
        "surely` that in which the 95 % interval of clicks lies below zero, `refused` that in which that of grades or",
        "of clicks does. `either falls` is what the loop refused before: a fall of any size, by grades or by clicks.",
        "`proposed` needs a sure rise, too.",
        "",
        "| the new model is | true change | by clicks | falls | falls surely | refused | either falls | proposed |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, found in rows.items():
        mean = {key: float(np.mean([one[key] for one in found])) for key in found[0]}
        error = np.std([one["clicks"] for one in found]) / np.sqrt(len(found))
        shares = " | ".join(f"{mean[key]:.0%}" for key in SHARES)
        lines.append(f"| {name} | {mean['grades']:+.4f} | {mean['clicks']:+.4f} (± {1.96 * error:.4f}) | {shares} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="keep the library here; what is found here is used")
    parser.add_argument("--draws", type=int, default=60)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        graded, names = Shop(chosen.folder or Path(temporary)).graded()
    rows = {
        name: [drawn(graded, names, noise, 1_000 + seed) for seed in range(chosen.draws)]
        for name, noise in CASES.items()
    }
    document = {"command": "python benchmarks/loop_guard.py", "simulated": True, "load": os.getloadavg()[0]}
    (RESULTS / "loop_guard.json").write_text(json.dumps({**document, "rows": rows}, indent=1) + "\n")
    (RESULTS / "loop_guard.md").write_text(page(rows, chosen.draws))
    print(page(rows, chosen.draws))


if __name__ == "__main__":
    main()
