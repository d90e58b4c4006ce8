"""Does an estimate of position bias find the propensities that simulated people look with?

    python benchmarks/position_bias.py

20,000 simulated sessions over 400 queries with 10 hits (12 in the grid), ranked by one of three rankers that agree to
some degree; 10 seeds. Writes results/position_bias.json and the table results/position_bias.md. Everything is
simulated. The error is the mean of |estimate / truth - 1| over ranks, both relative to the place looked at most. The
error of the shape is the same with both scaled to the same geometric mean: a common factor changes no ratio of weights.
"""

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lookalike.feedback.position_bias import ClickTable, estimate_position_bias
from lookalike.feedback.simulation import (
    ClickModel,
    Population,
    PositionModel,
    TrustModel,
    grid_examination,
    list_examination,
    simulate_sessions,
)

RESULTS = Path(__file__).parent / "results"
QUERIES, POOL, SESSIONS, SEEDS = 400, 30, 20_000, 10
LIST, COLUMNS, GRID = 10, 4, 12


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row of the table."""

    name: str
    model: ClickModel
    truth: np.ndarray
    places: int
    goal: float | None
    method: str = "auto"
    rankers: int = 3
    swaps: bool = False
    dwells: bool = True


def cases() -> list[Case]:
    seen, cells = list_examination(LIST), grid_examination(GRID, columns=COLUMNS)
    mild = list_examination(LIST, eta=0.5)
    trust = TrustModel.usual(seen)
    by_position = PositionModel(examination=seen)
    return [
        Case(name="list, eta 1", model=by_position, truth=seen, places=LIST, goal=0.05),
        Case(name="list, eta 0.5", model=PositionModel(examination=mild), truth=mild, places=LIST, goal=0.05),
        Case(name="list, swaps by one ranker", model=by_position, truth=seen, places=LIST, goal=0.05, rankers=1,
             swaps=True),
        Case(name="grid of 4 columns", model=PositionModel(examination=cells), truth=cells, places=GRID, goal=0.10),
        Case(name="list with trust bias", model=trust, truth=trust.slope, places=LIST, goal=0.10, method="trust"),
        Case(name="list with trust bias, no dwells", model=trust, truth=trust.slope, places=LIST, goal=None,
             method="trust", dwells=False),
        Case(name="list with trust bias, ignored", model=trust, truth=trust.slope, places=LIST, goal=None,
             method="harvesting"),
        Case(name="list, one ranker, regression", model=by_position, truth=seen, places=LIST, goal=None, rankers=1),
    ]  # fmt: skip


def table_of(case: Case, seed: int) -> ClickTable:
    """Sessions of people who search with 400 queries, each with 30 graded images."""
    rng = np.random.default_rng(seed)
    grades = rng.choice(6, size=(QUERIES, POOL), p=[0.4, 0.15, 0.15, 0.12, 0.1, 0.08]).astype(np.int8)
    scores = grades + rng.normal(scale=1.5, size=(case.rankers, QUERIES, POOL))
    order = np.argsort(-scores, axis=2)[:, :, : case.places]
    ranker, query = rng.integers(case.rankers, size=SESSIONS), rng.integers(QUERIES, size=SESSIONS)
    images = order[ranker, query]
    if case.swaps:
        images = swapped(images, rng)
    sessions = simulate_sessions(grades[query[:, None], images], case.model, Population(), rng)
    return ClickTable.of(
        queries=np.repeat(query, case.places),
        images=images.ravel(),
        places=np.tile(np.arange(case.places), SESSIONS),
        clicked=sessions.clicked.ravel(),
        scores=scores[0][query[:, None], images].ravel(),
        seconds=sessions.dwell_seconds.ravel() if case.dwells else None,
    )


def swapped(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The first hit changes places with one at random, in every session."""
    found, rows = images.copy(), np.arange(len(images))
    other = rng.integers(images.shape[1], size=len(images))
    found[rows, 0], found[rows, other] = images[rows, other], images[rows, 0]
    return found


def measured(case: Case) -> dict[str, object]:
    truth = case.truth / case.truth.max()
    errors, shapes, naive, inside, seconds = [], [], [], [], []
    for seed in range(SEEDS):
        table = table_of(case, seed)
        started = time.perf_counter()
        resamples = 40 if case.method == "trust" else 200
        found = estimate_position_bias(table, method=case.method, resamples=resamples)
        seconds.append(time.perf_counter() - started)
        errors.append(np.abs(found.propensities / truth - 1).mean())
        ratio = found.propensities / truth
        shapes.append(np.abs(ratio / np.exp(np.log(ratio).mean()) - 1).mean())
        rates = found.clicks / found.impressions
        naive.append(np.abs(rates / rates.max() / truth - 1).mean())
        known = truth < 1
        inside.append(((found.low <= truth) & (truth <= found.high))[known].mean())
    return {
        "case": case.name,
        "method": found.method,
        "error": float(np.mean(errors)),
        "worst": float(np.max(errors)),
        "shape": float(np.mean(shapes)),
        "click_rates": float(np.mean(naive)),
        "covered": float(np.mean(inside)),
        "goal": case.goal,
        "seconds": float(np.mean(seconds)),
    }


def page(rows: list[dict]) -> str:
    setting = f"{SESSIONS:,} simulated sessions, {QUERIES} queries, {SEEDS} seeds"
    lines = [
        "# Position bias found in simulated clicks",
        "",
        f"Made by `python benchmarks/position_bias.py`: {setting}. The",
        "error is the mean of |estimate / truth - 1| over ranks, both relative to the place looked at most; `shape` is",
        "the error with both scaled to the same mean, since a common factor changes no ratio of weights; `click rates`",
        "is the error of click rates taken as propensities; `covered` is the share of 95 % intervals with the truth.",
        "",
        "| case | method | mean error | worst seed | shape | goal | click rates | covered | seconds |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        goal = "" if row["goal"] is None else f"{row['goal']:.0%}"
        errors = " | ".join(f"{row[name]:.1%}" for name in ("error", "worst", "shape"))
        rest = f"{row['click_rates']:.1%} | {row['covered']:.0%} | {row['seconds']:.1f}"
        lines.append(f"| {row['case']} | {row['method']} | {errors} | {goal} | {rest} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    rows = [measured(case) for case in cases()]
    document = {"command": "python benchmarks/position_bias.py", "simulated": True, "load": os.getloadavg()[0]}
    (RESULTS / "position_bias.json").write_text(json.dumps({**document, "rows": rows}, indent=1) + "\n")
    (RESULTS / "position_bias.md").write_text(page(rows))
    print(page(rows))


if __name__ == "__main__":
    main()
