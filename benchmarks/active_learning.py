"""How many grades does active learning need to reach what randomly chosen grades teach?

    python benchmarks/active_learning.py [--folder DIR]

500 images of a set are test queries; any of the others can be asked with, and their nearest by efficientnet-lite0 can
be graded (by the labels of the set). Grades are asked for in rounds; after each a cheap learner changes the vectors
(`learnt`), and the test queries are ranked anew. The reference is what `lookalike label` did first: random pairs of
100 queries and their 30 nearest. The other rows but one ask with as many queries as there are grades. The table gives
nDCG@10 on test queries, the mean over 8 seeds. Writes results/active_learning.json and results/active_learning.md.
"""

import argparse
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from graded_sets import GradedSet, ndcg_at_10, nearest
from lookalike.feedback.active_learning import PairPool, choose

RESULTS = Path(__file__).parent / "results"
SETS = ("fashion_224", "wardrobe_and_grocery")
BUDGETS = (100, 200, 400, 600, 800, 1_200, 1_600)
TESTED, SEEDS, AT = 500, 8, 800
PRIOR = 300.0  # pairs that say that nothing is to be changed


@dataclass(frozen=True, kw_only=True)
class Way:
    """How pairs to grade are chosen.

    Attributes:
        strategy: of `choose`.
        queries: that may be asked with; None for as many as there are grades.
        depth: hits of each that may be graded.
    """

    strategy: str
    queries: int | None = None
    depth: int = 10

    @property
    def name(self) -> str:
        """In the table."""
        asked = "a query a grade" if self.queries is None else f"{self.queries} queries"
        return f"{self.strategy}, {asked}, {self.depth} hits"


REFERENCE = Way(strategy="random", queries=100, depth=30)
WAYS = (
    REFERENCE,
    Way(strategy="random"),
    Way(strategy="random", depth=30),
    Way(strategy="random", queries=100),
    Way(strategy="uncertainty"),
    Way(strategy="disagreement"),
    Way(strategy="coverage"),
)


def learnt(vectors: np.ndarray, pairs: np.ndarray, grades: np.ndarray, best: int) -> np.ndarray:
    """Vectors whitened by how images that people call alike differ, then stretched by how those differ that are not.

    Relevant components (Bar-Hillel et al. 2005), then the square roots of what tells unlike pairs apart, as
    discriminative component analysis (Hoi et al. 2006) does in full.

    Args:
        vectors: [images, dimension].
        pairs: [pairs, 2], numbers of graded images.
        grades: [pairs].
        best: the highest grade.
    """
    alike = np.maximum(grades / best - 0.4, 0.0) / 0.6
    if not alike.sum():
        return vectors
    differences = (vectors[pairs[:, 0]] - vectors[pairs[:, 1]]).astype(np.float64)
    values, axes = np.linalg.eigh(pooled(differences, alike))
    change = axes * np.maximum(values, 0.05) ** -0.5
    unlike = np.maximum(0.6 - grades / best, 0.0) / 0.6
    if unlike.sum():
        values, axes = np.linalg.eigh(change.T @ pooled(differences, unlike) @ change)
        change = change @ (axes * np.maximum(values, 0.05) ** 0.25)
    changed = vectors @ change
    units: np.ndarray = (changed / np.linalg.norm(changed, axis=1, keepdims=True)).astype(np.float32)
    return units


def pooled(differences: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Their weighted scatter, with the identity for what few pairs cannot say, [dimension, dimension]."""
    dimension = differences.shape[1]
    scatter = (differences * weights[:, None]).T @ differences
    scatter *= weights.sum() * dimension / np.trace(scatter)
    shrunk: np.ndarray = (scatter + PRIOR * np.eye(dimension)) / (weights.sum() + PRIOR)
    return shrunk


def curve(graded: GradedSet, way: Way, seed: int) -> list[float]:
    """nDCG@10 on test queries before the first grade, and after each round."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(graded.vectors))
    tested, asked = order[:TESTED], order[TESTED : TESTED + (way.queries or max(BUDGETS))]
    images, cosines = nearest(graded.vectors, asked, way.depth)
    truth = np.array([graded.grades(query, row) for query, row in zip(asked, images, strict=True)]).ravel()
    pairs = np.stack([np.repeat(asked, way.depth), images.ravel()], axis=1)
    known = np.zeros(len(pairs), dtype=bool)
    vectors, scores = graded.vectors, [measured(graded, graded.vectors, tested)]
    for budget in BUDGETS:
        known |= chosen(way, pairs, cosines, known, budget, vectors, rng)
        vectors = learnt(graded.vectors, pairs[known], truth[known], graded.best)
        scores.append(measured(graded, vectors, tested))
    return scores


def chosen(
    way: Way,
    pairs: np.ndarray,
    cosines: np.ndarray,
    known: np.ndarray,
    budget: int,
    vectors: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Pairs to grade in the next round, [pairs] bool; first those of queries that were not asked with before."""
    queries = np.repeat(np.arange(len(cosines)), way.depth)
    before = known.reshape(cosines.shape).sum(axis=1)
    new = budget - int(known.sum())
    asked = np.arange(len(cosines)) if way.queries else np.argsort(before, kind="stable")[:new]
    pool = np.flatnonzero(np.isin(queries, asked))
    found = PairPool(
        queries=queries[pool],
        images=pairs[pool, 1],
        ranks=np.tile(np.arange(1, way.depth + 1), len(cosines))[pool],
        cosines=cosines.ravel()[pool].astype(float),
        graded=known[pool],
        other_ranks=ranks_by(vectors, pairs, way.depth)[pool] if way.strategy == "disagreement" else None,
        vectors=vectors[pairs[pool, 0]] * vectors[pairs[pool, 1]] if way.strategy == "coverage" else None,
    )
    marked = np.zeros(len(pairs), dtype=bool)
    marked[pool[choose(found, way.strategy, new, rng)]] = True
    return marked


def ranks_by(vectors: np.ndarray, pairs: np.ndarray, depth: int) -> np.ndarray:
    """Ranks of the pool's images by other vectors, among the pool of each query."""
    cosines = np.vecdot(vectors[pairs[:, 0]], vectors[pairs[:, 1]]).reshape(-1, depth)
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
        "the number of grades. `share`: the grades with which a strategy reaches what random pairs of 100 queries and",
        "their 30 nearest reach with 1,600, in per cent of 1,600; at most 50 % is wanted. `difference`: from the same",
        f"with {AT} grades, with a 95 % interval over seeds. Graders are simulated: they read the labels.",
        "",
        "| set | strategy | 0 | " + " | ".join(f"{one:,}" for one in BUDGETS) + " | share | difference |",
        "|---" * (len(BUDGETS) + 5) + "|",
    ]
    for row in rows:
        values = " | ".join(f"{one:.4f}" for one in row["curve"])
        share = "not reached" if row["share"] is None else f"{row['share']:.0%}"
        low, high = row["difference"] - row["margin"], row["difference"] + row["margin"]
        lines.append(
            f"| {row['set']} | {row['strategy']} | {values} | {share} |"
            f" {row['difference']:+.4f} ({low:+.4f} to {high:+.4f}) |"
        )
    return "\n".join(lines) + "\n"


def rows_of(graded: GradedSet) -> list[dict]:
    curves = {way: np.array([curve(graded, way, seed) for seed in range(SEEDS)]) for way in WAYS}
    goal = float(curves[REFERENCE].mean(axis=0)[-1])
    at = BUDGETS.index(AT) + 1
    rows = []
    for way, found in curves.items():
        mean = found.mean(axis=0).tolist()
        reached = needed(mean, goal)
        apart = found[:, at] - curves[REFERENCE][:, at]
        rows.append(
            {
                "set": graded.name,
                "strategy": way.name,
                "curve": mean,
                "share": None if reached is None else reached / max(BUDGETS),
                "difference": float(apart.mean()),
                "margin": float(stats.t.ppf(0.975, SEEDS - 1) * apart.std(ddof=1) / SEEDS**0.5),
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="keep libraries here; what is found here is used")
    chosen_options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen_options.folder or Path(temporary)
        rows = [row for name in SETS for row in rows_of(GradedSet.read(name, folder))]
    document = {"command": "python benchmarks/active_learning.py", "load": os.getloadavg()[0], "rows": rows}
    (RESULTS / "active_learning.json").write_text(json.dumps(document, indent=1) + "\n")
    (RESULTS / "active_learning.md").write_text(page(rows))
    print(page(rows))


if __name__ == "__main__":
    main()
