"""How many grades does active learning need to reach what randomly chosen grades teach?

    python benchmarks/active_learning.py [--folder DIR]

500 images of a set are test queries; of the others, 300 are asked with, and their 30 nearest by
efficientnet-lite0 can be graded (by the labels of the set). Grades are asked for in rounds; after each a cheap learner
changes the vectors (`learnt`), and the test queries are ranked anew. The table gives nDCG@10 on test queries, the mean
over 6 seeds. Writes results/active_learning.json and results/active_learning.md.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path

import numpy as np

from graded_sets import GradedSet, ndcg_at_10, nearest
from lookalike.feedback.active_learning import PairPool, choose

RESULTS = Path(__file__).parent / "results"
SETS = ("fashion_224", "wardrobe_and_grocery")
STRATEGIES = ("random", "uncertainty", "disagreement", "coverage")
BUDGETS = (100, 200, 400, 800, 1_600, 3_200)
ASKED, DEPTH, TESTED, SEEDS = 300, 30, 500, 6
PRIOR = 300.0  # pairs that say that nothing is to be changed


def learnt(vectors: np.ndarray, pairs: np.ndarray, grades: np.ndarray, best: int) -> np.ndarray:
    """Vectors whitened by how images that people call alike differ: relevant components (Bar-Hillel et al. 2005).

    Args:
        vectors: [images, dimension].
        pairs: [pairs, 2], numbers of graded images.
        grades: [pairs].
        best: the highest grade.
    """
    weights = np.maximum(grades / best - 0.4, 0.0) / 0.6
    if not weights.sum():
        return vectors
    differences = (vectors[pairs[:, 0]] - vectors[pairs[:, 1]]).astype(np.float64)
    within = (differences * weights[:, None]).T @ differences
    scale = np.trace(within) / weights.sum() / vectors.shape[1]
    # few pairs say little: the fewer there are, the less is changed
    pooled = (within / scale + PRIOR * np.eye(vectors.shape[1])) / (weights.sum() + PRIOR)
    values, axes = np.linalg.eigh(pooled)
    whitened = vectors @ (axes * np.maximum(values, 0.05) ** -0.5)
    units: np.ndarray = (whitened / np.linalg.norm(whitened, axis=1, keepdims=True)).astype(np.float32)
    return units


def curve(graded: GradedSet, strategy: str, seed: int) -> list[float]:
    """nDCG@10 on test queries before the first grade, and after each round."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(graded.vectors))
    tested, asked = order[:TESTED], order[TESTED : TESTED + ASKED]
    images, cosines = nearest(graded.vectors, asked, DEPTH)
    truth = np.array([graded.grades(query, row) for query, row in zip(asked, images, strict=True)])
    pairs = np.stack([np.repeat(asked, DEPTH), images.ravel()], axis=1)
    known = np.zeros(len(pairs), dtype=bool)
    vectors, scores = graded.vectors, [measured(graded, graded.vectors, tested)]
    for budget in BUDGETS:
        pool = PairPool(
            queries=np.repeat(np.arange(ASKED), DEPTH),
            images=pairs[:, 1],
            ranks=np.tile(np.arange(1, DEPTH + 1), ASKED),
            cosines=cosines.ravel().astype(float),
            graded=known,
            other_ranks=ranks_by(vectors, pairs) if strategy == "disagreement" else None,
            vectors=vectors[pairs[:, 0]] * vectors[pairs[:, 1]] if strategy == "coverage" else None,
        )
        known = known.copy()
        known[choose(pool, strategy, budget - int(known.sum()), rng)] = True
        vectors = learnt(graded.vectors, pairs[known], truth.ravel()[known], graded.best)
        scores.append(measured(graded, vectors, tested))
    return scores


def ranks_by(vectors: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Ranks of the pool's images by other vectors, among the pool of each query."""
    cosines = np.vecdot(vectors[pairs[:, 0]], vectors[pairs[:, 1]]).reshape(ASKED, DEPTH)
    return (np.argsort(np.argsort(-cosines, axis=1), axis=1) + 1).ravel()


def measured(graded: GradedSet, vectors: np.ndarray, tested: np.ndarray) -> float:
    ranked, _ = nearest(vectors, tested, 10)
    return float(np.nanmean(ndcg_at_10(ranked, tested, graded)))


def needed(curve_of: list[float], goal: float) -> float | None:
    """Grades that reach a goal, interpolated between budgets; None if none does."""
    budgets = [0, *BUDGETS]
    for place in range(1, len(budgets)):
        if curve_of[place] >= goal:
            low, high = curve_of[place - 1], curve_of[place]
            part = (goal - low) / (high - low) if high > low else 1.0
            return budgets[place - 1] + max(part, 0.0) * (budgets[place] - budgets[place - 1])
    return None


def page(rows: list[dict]) -> str:
    lines = [
        "# Active learning beside random grades",
        "",
        f"Made by `python benchmarks/active_learning.py`: mean nDCG@10 of {TESTED} test queries over {SEEDS} seeds, by",
        "the number of grades. `share` is the number of grades with which a strategy reaches what random reaches with",
        "1,600, in per cent of 1,600; `wins` says in how many seeds it is ahead of random with 800 grades.",
        "",
        "| set | strategy | 0 | " + " | ".join(f"{one:,}" for one in BUDGETS) + " | share | wins |",
        "|---" * (len(BUDGETS) + 5) + "|",
    ]
    for row in rows:
        values = " | ".join(f"{one:.4f}" for one in row["curve"])
        share = "not reached" if row["share"] is None else f"{row['share']:.0%}"
        lines.append(f"| {row['set']} | {row['strategy']} | {values} | {share} | {row['wins']} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="keep libraries here; what is found here is used")
    chosen = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        for name in SETS:
            graded = GradedSet.read(name, chosen.folder or Path(temporary))
            curves = {one: np.array([curve(graded, one, seed) for seed in range(SEEDS)]) for one in STRATEGIES}
            goal = float(curves["random"].mean(axis=0)[BUDGETS.index(1_600) + 1])
            at = BUDGETS.index(800) + 1
            for strategy, found in curves.items():
                mean = found.mean(axis=0).tolist()
                reached = needed(mean, goal)
                rows.append(
                    {
                        "set": name,
                        "strategy": strategy,
                        "curve": mean,
                        "share": None if reached is None else reached / 1_600,
                        "wins": int((found[:, at] > curves["random"][:, at]).sum()),
                    }
                )
    document = {"command": "python benchmarks/active_learning.py", "load": os.getloadavg()[0], "rows": rows}
    (RESULTS / "active_learning.json").write_text(json.dumps(document, indent=1) + "\n")
    (RESULTS / "active_learning.md").write_text(page(rows))
    print(page(rows))


if __name__ == "__main__":
    main()
