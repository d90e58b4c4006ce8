"""How many queries does it take to see that a ranker is better: interleaved, and split by click rate?

    python benchmarks/interleaving.py

Simulated people search with 200 queries of 40 graded images. The control ranks by the grade with noise, the challenger
with less of the same noise. Both experiments are looked at after every query, and end when their interval excludes
zero. Interleaving credits clicks that led to a look of 5 seconds, as the program does. The table gives the median and
the 90th percentile over 40 experiments. Writes results/interleaving.json and results/interleaving.md. Everything is
simulated.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from lookalike.feedback.experiments import credit, satisfied_clicks
from lookalike.feedback.experiments.sequential import INTERLEAVED_TUNED_FOR, LEAST, TUNED_FOR, running_half_widths
from lookalike.feedback.simulation import CascadeModel, Population, PositionModel, list_examination, simulate_sessions
from lookalike.retrieval import team_draft

RESULTS = Path(__file__).parent / "results"
QUERIES, POOL, SHOWN, RUNS = 200, 40, 20, 40
MOST_INTERLEAVED, MOST_SPLIT = 4_000, 200_000
PEOPLE = Population(noise=0.1)
BY_POSITION = PositionModel(examination=list_examination(SHOWN))
READING = CascadeModel(satisfied=0.9, tired=0.02)
CASES = {
    "better, people who read until they are satisfied": (2.0, 1.4, READING),
    "a little better, the same people": (1.8, 1.5, READING),
    "better, people who look at rank r with 1/r": (2.0, 1.4, BY_POSITION),
    "equal, people who read until they are satisfied": (1.5, 1.5, READING),
}


def world(control: float, challenger: float, rng: np.random.Generator):
    """Grades [queries, pool], and the two rankings [queries, pool]."""
    grades = rng.choice(6, size=(QUERIES, POOL), p=[0.5, 0.15, 0.12, 0.1, 0.08, 0.05]).astype(np.int8)
    noise = rng.normal(size=grades.shape)
    orders = [np.argsort(-(grades + scale * noise), axis=1) for scale in (control, challenger)]
    return grades, orders


def ndcg(grades: np.ndarray, order: np.ndarray) -> float:
    gains = 2.0 ** np.take_along_axis(grades, order, axis=1)[:, :10] - 1
    best = 2.0 ** -np.sort(-grades, axis=1)[:, :10] - 1
    discounts = 1 / np.log2(np.arange(2, 12))
    return float(((gains @ discounts) / (best @ discounts)).mean())


def until_decided(
    means: np.ndarray, variances: np.ndarray, counts: np.ndarray, tuned_for: float
) -> tuple[int | None, float]:
    """After how many queries the interval excludes zero, and on which side."""
    half = running_half_widths(counts, np.maximum(variances, 1e-12), confidence=0.95, tuned_for=tuned_for)
    decided = (np.abs(means) > half) & (counts >= LEAST)
    if not decided.any():
        return None, 0.0
    first = int(np.argmax(decided))
    return int(counts[first]), float(np.sign(means[first]))


def interleaved(grades, orders, looking, rng) -> tuple[int | None, float]:
    query = rng.integers(QUERIES, size=MOST_INTERLEAVED)
    shown = np.empty((MOST_INTERLEAVED, SHOWN), dtype=np.int64)
    teams = np.empty((MOST_INTERLEAVED, SHOWN), dtype=np.int64)
    for row, number in enumerate(query.tolist()):
        hits, team = team_draft(orders[0][number].tolist(), orders[1][number].tolist(), rng)
        shown[row], teams[row] = hits[:SHOWN], team[:SHOWN]
    sessions = simulate_sessions(grades[query[:, None], shown], looking, PEOPLE, rng)
    clicked = [(np.flatnonzero(one) + 1).tolist() for one in sessions.clicked]
    dwells = [dict(enumerate(seconds, start=1)) for seconds in sessions.dwell_seconds]
    satisfied = satisfied_clicks(clicked, dwells)
    preferences = credit(zip(teams.tolist(), satisfied, strict=True)).preferences.astype(float)
    counts = np.arange(1, len(preferences) + 1, dtype=float)
    means = preferences.cumsum() / counts
    variances = (preferences**2).cumsum() / counts - means**2 + 12 / counts
    return until_decided(means, variances, counts, INTERLEAVED_TUNED_FOR)


def split(grades, orders, looking, rng) -> tuple[int | None, float]:
    """By the share of searches with a click, every other query in each arm; blocks keep it in memory."""
    arms = []
    for order in orders:
        clicked = []
        for _ in range(4):
            query = rng.integers(QUERIES, size=MOST_SPLIT // 8)
            grade = np.take_along_axis(grades[query], order[query][:, :SHOWN], axis=1)
            clicked.append(simulate_sessions(grade, looking, PEOPLE, rng).clicked.any(axis=1))
        arms.append(np.concatenate(clicked).astype(float))
    each = np.arange(1, MOST_SPLIT // 2 + 1, dtype=float)
    one, other = (arm.cumsum() / each for arm in arms)
    counts = 2 * each
    spread = one * (1 - one) + other * (1 - other) + 2 * 12 / 4 / each
    variances = counts * spread / each
    return until_decided(other - one, variances, counts, TUNED_FOR)


def measured(name: str) -> dict[str, Any]:
    control, challenger, looking = CASES[name]
    found = {"interleaved": [], "split": []}
    wrong = dict.fromkeys(found, 0)
    qualities = []
    for seed in range(RUNS):
        rng = np.random.default_rng(seed)
        grades, orders = world(control, challenger, rng)
        qualities.append([ndcg(grades, order) for order in orders])
        for kind, run in (("interleaved", interleaved), ("split", split)):
            queries, sign = run(grades, orders, looking, rng)
            found[kind].append(queries)
            wrong[kind] += (sign < 0) if control != challenger else (queries is not None)
    row: dict[str, Any] = {"case": name, "nDCG@10": np.mean(qualities, axis=0).round(3).tolist(), "wrong": wrong}
    for kind, limit in (("interleaved", MOST_INTERLEAVED), ("split", MOST_SPLIT)):
        taken = [limit if one is None else one for one in found[kind]]
        row[kind] = {
            "median": float(np.median(taken)),
            "ninety": float(np.quantile(taken, 0.9)),
            "undecided": sum(one is None for one in found[kind]),
        }
    row["ratio"] = row["interleaved"]["median"] / row["split"]["median"]
    return row


def page(rows: list[dict]) -> str:
    kinds = " | ".join(f"{kind}: median (90 %) | undecided | wrong" for kind in ("interleaved", "split"))
    lines = [
        "# Interleaving beside a split",
        "",
        f"Made by `python benchmarks/interleaving.py`, with simulated people: {RUNS} experiments a row, each looked at",
        "after every query until its 95 % interval excludes zero. A split is decided by the share of searches with a",
        "click. `wrong` counts experiments that chose the worse ranker (of equal ones: that chose any).",
        "",
        f"| challenger | nDCG@10 | {kinds} | ratio |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = []
        for kind, limit in (("interleaved", MOST_INTERLEAVED), ("split", MOST_SPLIT)):
            one = row[kind]
            over = ">= " if one["median"] >= limit else ""
            cells += [
                f"{over}{one['median']:,.0f} ({one['ninety']:,.0f})",
                f"{one['undecided']}",
                f"{row['wrong'][kind]}",
            ]
        before, after = row["nDCG@10"]
        ratio = "" if row["case"].startswith("equal") else f"1/{1 / row['ratio']:.0f}"
        lines.append(f"| {row['case']} | {before:.3f} to {after:.3f} | {' | '.join(cells)} | {ratio} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    rows = [measured(name) for name in CASES]
    document = {
        "command": "python benchmarks/interleaving.py",
        "simulated": True,
        "load": os.getloadavg()[0],
        "rows": rows,
    }
    (RESULTS / "interleaving.json").write_text(json.dumps(document, indent=1) + "\n")
    (RESULTS / "interleaving.md").write_text(page(rows))
    print(page(rows))


if __name__ == "__main__":
    main()
