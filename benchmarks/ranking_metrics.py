"""How long do nDCG@10, mAP and R@100 of 10,000 queries with 1,000 results each take, beside trec_eval?

    python benchmarks/ranking_metrics.py [--queries N] [--depth N] [--rounds N]

Both get the same names: ours a `Run` and `Judgements`, `pytrec-eval-terrier` (trec_eval's C code) the dictionaries it
takes. Times are CPU seconds of one thread (process time, best of rounds, interleaved); making the inputs is not in
them unless said. The table goes to `benchmarks/results/ranking_metrics.md`.
"""

import argparse
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytrec_eval

from lookalike.evaluation import Judgements, Run, evaluate_run, graded_blocks, parse_measures

RESULT = Path(__file__).resolve().parent / "results" / "ranking_metrics.md"
MEASURES = parse_measures(["nDCG@10", "mAP", "R@100"])
THEIR_NAMES = ("ndcg_cut_10", "map", "recall_100")
LIBRARY = 100_000
JUDGED = 50
Result = TypeVar("Result")
PART = 1000  # queries given to trec_eval at a time: its dictionaries for all of them would take half a gigabyte


def make(queries: int, depth: int) -> tuple[dict[str, dict[str, int]], dict[str, list[str]]]:
    """Grades and rankings: half of each query's judged images are among its results, earlier when graded higher."""
    random = np.random.default_rng(11)
    images = [random.bytes(16).hex() for _ in range(LIBRARY)]
    grades, rankings = {}, {}
    for number in range(queries):
        chosen = random.choice(LIBRARY, size=depth + JUDGED // 2, replace=False)
        judged = chosen[-JUDGED:]
        given = dict(zip(judged.tolist(), random.integers(0, 6, size=len(judged)).tolist(), strict=True))
        noise = random.random(depth)
        order = sorted(range(depth), key=lambda place: noise[place] - 0.1 * given.get(int(chosen[place]), 0))
        rankings[f"q{number}"] = [images[chosen[place]] for place in order]
        grades[f"q{number}"] = {images[image]: grade for image, grade in given.items()}
    return grades, rankings


def cpu(work: Callable[..., Result], *arguments: object) -> tuple[float, Result]:
    start = time.process_time()
    result = work(*arguments)
    return time.process_time() - start, result


def on_arrays(blocks):
    return [measure.per_query(block.grades, block.counts) for block in blocks for measure in MEASURES]


def make_dictionaries(rankings, scores):
    return {query: dict(zip(ranking, scores, strict=True)) for query, ranking in rankings.items()}


def make_evaluator(qrels):
    return pytrec_eval.RelevanceEvaluator(qrels, {"ndcg_cut.10", "map", "recall.100"})


def trec_eval(grades, rankings) -> tuple[float, float, np.ndarray]:
    """CPU seconds of evaluating, of making what that takes, and the values, [queries, 3]."""
    evaluating = making = 0.0
    values = []
    for start in range(0, len(rankings), PART):
        part = list(rankings)[start : start + PART]
        depth = len(rankings[part[0]])
        scores = [float(depth - place) for place in range(depth)]
        seconds, run = cpu(make_dictionaries, {query: rankings[query] for query in part}, scores)
        making += seconds
        seconds, evaluator = cpu(make_evaluator, {query: grades[query] for query in part})
        making += seconds
        seconds, result = cpu(evaluator.evaluate, run)
        evaluating += seconds
        values += [[result[query][name] for name in THEIR_NAMES] for query in part]
    return evaluating, making, np.array(values)


def one_round(grades, rankings) -> tuple[dict[str, float], float]:
    """CPU seconds by what was done, and the largest difference between our values and theirs."""
    times = {}
    times["checks"], (judgements, run) = cpu(lambda: (Judgements(grades=grades), Run(rankings=rankings)))
    times["evaluate"], evaluation = cpu(evaluate_run, run, judgements, MEASURES)
    times["arrays"], _ = cpu(on_arrays, list(graded_blocks(run, judgements)))
    times["trec_eval"], times["making"], values = trec_eval(grades, rankings)
    return times, float(np.abs(np.nan_to_num(evaluation.values) - values).max())


def report(times: dict[str, float], difference: float, queries: int, depth: int) -> str:
    theirs, all_of_theirs = times["trec_eval"], times["trec_eval"] + times["making"]
    all_of_ours = times["evaluate"] + times["checks"]
    rows = [
        ("`pytrec-eval-terrier`, `evaluate` of dictionaries", theirs, theirs),
        ("**`evaluate_run` of names**", times["evaluate"], theirs),
        ("of which the measures, on arrays of grades", times["arrays"], theirs),
        ("`pytrec-eval-terrier`, making the dictionaries and evaluators too", all_of_theirs, all_of_theirs),
        ("`evaluate_run`, making and checking `Run` and `Judgements` too", all_of_ours, all_of_theirs),
    ]
    table = "\n".join(f"| {what} | {seconds:.2f} | {beside / seconds:.1f} |" for what, seconds, beside in rows)
    return f"""# Ranking metrics: how long they take

`python benchmarks/ranking_metrics.py` with numpy {np.__version__} and pytrec-eval-terrier \
{version("pytrec_eval-terrier")} on a shared machine: read the ratios.

{", ".join(map(str, MEASURES))} of {queries:,} queries x {depth:,} results, {JUDGED} judged images a query, a library \
of {LIBRARY:,} images. CPU seconds of one thread; the last column is trec_eval's time divided by the row's.

| | CPU s | times as fast |
|---|---|---|
{table}

Largest difference between any two values: {difference:.1e}.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, default=10_000)
    parser.add_argument("--depth", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    grades, rankings = make(arguments.queries, arguments.depth)
    rounds = [one_round(grades, rankings) for _ in range(arguments.rounds)]
    times = {name: min(times[name] for times, _ in rounds) for name in rounds[0][0]}
    text = report(times, max(difference for _, difference in rounds), arguments.queries, arguments.depth)
    print(text)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
