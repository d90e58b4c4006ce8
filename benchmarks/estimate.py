"""How narrow is the interval of `evaluate --estimate` with 30 % of the grades, and does it cover the truth?

    python benchmarks/estimate.py [--folder DIR]

Every image of a set is a query; its labels grade its ten nearest by efficientnet-lite0, and the mean sDCG@10 of all is
the truth. With all grades, a draw takes 300 queries at random and grades their ten hits: 3,000 grades. With 30 % of
them it grades 90 queries whole, or 900 hits chosen as `lookalike label --strategy estimate` does: three of each of 300
queries, or one of each of 900. 500 draws a row. Writes results/estimate.json and results/estimate.md.
"""

import argparse
import functools
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from graded_sets import GradedSet, nearest
from lookalike.evaluation.prediction_powered import (
    PoweredEstimate,
    discounts,
    guessed_grades,
    hit_features,
    powered_estimate,
)
from lookalike.feedback.active_learning import PairPool, choose

RESULTS = Path(__file__).parent / "results"
QUERIES, SHARE, DRAWS, K = 300, 0.3, 500, 10
GRADES = round(QUERIES * K * SHARE)


@dataclass(frozen=True, kw_only=True)
class Way:
    """How 30 % of the grades are spent.

    Attributes:
        name: in the table.
        queries: whose hits are graded; each gets an even share of the grades.
        guesses: whether the model guesses the other hits' grades.
        more: queries without grades.
    """

    name: str
    queries: int
    guesses: bool = True
    more: int = 0


WAYS = (
    Way(name="three of each of 300 queries, no guesses", queries=QUERIES, guesses=False),
    Way(name="three of each of 300 queries", queries=QUERIES),
    Way(name="three of each of 300 queries, and 3,000 queries without grades", queries=QUERIES, more=3_000),
    Way(name="one of each of 900 queries, no guesses", queries=GRADES, guesses=False),
    Way(name="one of each of 900 queries", queries=GRADES),
    Way(name="one of each of 900 queries, and 3,000 queries without grades", queries=GRADES, more=3_000),
)


def chosen_hits(queries: int, rng: np.random.Generator) -> np.ndarray:
    """Hits that `lookalike label --strategy estimate` takes, [queries, K] bool."""
    ranks = np.tile(np.arange(1, K + 1), queries)
    pool = PairPool(
        queries=np.repeat(np.arange(queries), K),
        images=np.arange(queries * K),
        ranks=ranks,
        cosines=np.zeros(len(ranks)),
        graded=np.zeros(len(ranks), dtype=bool),
    )
    found = np.zeros(len(ranks), dtype=bool)
    found[choose(pool, "estimate", GRADES, rng)] = True
    return found.reshape(queries, K)


def draw(grades: np.ndarray, cosines: np.ndarray, way: Way, rng: np.random.Generator) -> PoweredEstimate:
    order = rng.permutation(len(grades))
    own, others = order[: way.queries], order[way.queries : way.queries + way.more]
    graded = np.where(chosen_hits(way.queries, rng), grades[own], np.nan)
    if not way.guesses:
        return powered_estimate(graded, np.zeros_like(graded))
    more = hit_features(cosines[others]) if way.more else None
    guesses, more_guesses = guessed_grades(hit_features(cosines[own]), graded, more)
    return powered_estimate(graded, guesses, more_guesses)


def whole(grades: np.ndarray, queries: int, rng: np.random.Generator) -> PoweredEstimate:
    """All hits of some queries are graded."""
    own = rng.permutation(len(grades))[:queries]
    return powered_estimate(grades[own], np.zeros((queries, K)))


def measured(graded: GradedSet) -> list[dict]:
    queries = np.arange(len(graded.vectors))
    hits, cosines = nearest(graded.vectors, queries, K)
    grades = np.array([graded.grades(query, row) for query, row in zip(queries, hits, strict=True)], dtype=float)
    grades *= 5 / graded.best
    truth = float((grades / 5 @ discounts(K)).mean())
    scores = cosines.astype(float)
    draws: dict[str, Callable[[np.random.Generator], PoweredEstimate]] = {
        "all grades of 300 queries": lambda rng: whole(grades, QUERIES, rng),
        "all grades of 90 queries": lambda rng: whole(grades, round(QUERIES * SHARE), rng),
        **{way.name: functools.partial(draw, grades, scores, way) for way in WAYS},
    }
    rows = []
    for how, one_draw in draws.items():
        rng = np.random.default_rng(0)
        found = [one_draw(rng) for _ in range(DRAWS)]
        rows.append(
            {
                "set": graded.name,
                "how": how,
                "truth": truth,
                "grades": float(np.mean([one.grades for one in found])),
                "half_width": float(np.mean([one.half_width for one in found])),
                "covered": float(np.mean([one.low <= truth <= one.high for one in found])),
                "mean": float(np.mean([one.mean for one in found])),
            }
        )
    return rows


def page(rows: list[dict]) -> str:
    lines = [
        "# Intervals from few grades",
        "",
        f"Made by `python benchmarks/estimate.py`: {DRAWS} draws a row, 95 % intervals of sDCG@10. `relative`: to the",
        "half width with all grades of 300 queries. Graders are simulated: they read the labels of the sets.",
        "",
        "| set | grades | number | half width | relative | covers the truth | mean (truth) |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        base = next(one for one in rows if one["set"] == row["set"])["half_width"]
        lines.append(
            f"| {row['set']} | {row['how']} | {row['grades']:,.0f} | {row['half_width']:.4f} |"
            f" {row['half_width'] / base:.2f} | {row['covered']:.1%} | {row['mean']:.4f} ({row['truth']:.4f}) |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="keep libraries here; what is found here is used")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.folder or Path(temporary)
        rows = [
            row for name in ("fashion_224", "wardrobe_and_grocery") for row in measured(GradedSet.read(name, folder))
        ]
    document = {"command": "python benchmarks/estimate.py", "load": os.getloadavg()[0], "rows": rows}
    (RESULTS / "estimate.json").write_text(json.dumps(document, indent=1) + "\n")
    (RESULTS / "estimate.md").write_text(page(rows))
    print(page(rows))


if __name__ == "__main__":
    main()
