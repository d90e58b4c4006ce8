"""How narrow is the interval of `evaluate --estimate` with 30 % of the grades, and does it cover the truth?

    python benchmarks/estimate.py [--folder DIR]

Every image of a set is a query; its labels grade its ten nearest by efficientnet-lite0, and the mean sDCG@10 of all is
the truth. A draw takes 300 queries at random and grades 30 % of their hits, chosen as `lookalike label --strategy
estimate` does, or 30 % of the queries whole. 500 draws a row. Writes results/estimate.json and results/estimate.md.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path

import numpy as np

from graded_sets import GradedSet, nearest
from lookalike.evaluation.prediction_powered import discounts, guessed_grades, hit_features, powered_estimate

RESULTS = Path(__file__).parent / "results"
QUERIES, SHARE, DRAWS, MORE, K = 300, 0.3, 500, 3_000, 10


def by_rank() -> np.ndarray:
    """Probability that a hit is graded, by rank, 30 % on average: it falls with the discount of nDCG."""
    shares = discounts(K) * SHARE * K
    return np.minimum(shares, 1.0)


def draw(grades: np.ndarray, cosines: np.ndarray, how: str, rng: np.random.Generator):
    chosen = rng.permutation(len(grades))
    own, others = chosen[:QUERIES], chosen[QUERIES : QUERIES + MORE]
    if how == "all grades":
        return powered_estimate(grades[own], np.zeros((QUERIES, K)))
    if how == "30 % of the queries":
        few = own[: int(QUERIES * SHARE)]
        return powered_estimate(grades[few], np.zeros((len(few), K)))
    graded = np.where(rng.random((QUERIES, K)) < by_rank(), grades[own], np.nan)
    if how == "30 % of the hits, no guesses":
        return powered_estimate(graded, np.zeros((QUERIES, K)))
    more = hit_features(cosines[others]) if how.endswith("queries without grades") else None
    guesses, more_guesses = guessed_grades(hit_features(cosines[own]), graded, more)
    return powered_estimate(graded, guesses, more_guesses)


HOW = (
    "all grades",
    "30 % of the queries",
    "30 % of the hits, no guesses",
    "30 % of the hits and guesses",
    f"30 % of the hits, guesses, {MORE:,} queries without grades",
)


def measured(graded: GradedSet) -> list[dict]:
    queries = np.arange(len(graded.vectors))
    hits, cosines = nearest(graded.vectors, queries, K)
    grades = np.array([graded.grades(query, row) for query, row in zip(queries, hits, strict=True)], dtype=float)
    grades *= 5 / graded.best
    truth = float((grades / 5 @ discounts(K)).mean())
    rows = []
    for how in HOW:
        rng = np.random.default_rng(0)
        found = [draw(grades, cosines.astype(float), how, rng) for _ in range(DRAWS)]
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
        f"Made by `python benchmarks/estimate.py`: {DRAWS} draws of {QUERIES} queries a row, 95 % intervals of",
        "sDCG@10.",
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
