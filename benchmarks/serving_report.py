"""Writes `results/serving.md` and its plots from `results/serving.json`, `event_throughput.json` and `faults.json`.

The plots say everything by markers, lines and numbers, so that they can be read without colour.

    python benchmarks/serving_report.py
"""

import json
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
import matplotlib.pyplot as plt

RESULTS = Path(__file__).parent / "results"
LOAD = "load, lookalike-small"
TWO = ", 2 workers"
STEPS = "steps, by multiples of the knee"
OVER = ("2", "5", "10")
RAW = "running the model"


def main() -> None:
    plt.rcParams["svg.hashsalt"] = "serving"
    results = json.loads((RESULTS / "serving.json").read_text())
    lines = ["# Serving", "", f"`{results['command']}`. Machine: {results.get('machine', 'not noted')}", ""]
    lines += goals(results) + overhead(results) + load(results[LOAD], "serving-load.svg")
    if LOAD + TWO in results:
        lines += ["### Two workers", "", *load(results[LOAD + TWO], "serving-load-2.svg")[2:]]
    lines += beside(results["beside"], results.get("beside" + TWO))
    for name, tell in (("event_throughput", events), ("faults", faults)):
        file = RESULTS / f"{name}.json"
        lines += tell(json.loads(file.read_text())) if file.exists() else []
    (RESULTS / "serving.md").write_text("\n".join(lines).rstrip() + "\n")


def goals(results: dict) -> list[str]:
    """What was wanted, and what was measured with one worker and with two; the better one decides."""
    searches = len(results["beside"]["searches by id beside"]) - 1
    rows = [
        *(
            (f"one query over HTTP, {name.removeprefix('latency, ')}", "<= 1.2", (one["ratio"],))
            for name, one in results.items()
            if name.startswith("latency, ")
        ),
        (f"peak / {RAW}, clip-vit-b16", ">= 0.95", (results["load, clip-vit-b16"]["peak / raw rate"][RAW],)),
        (f"peak / {RAW}, lookalike-small", ">= 0.95", _of_loads(results, lambda told: told["peak / raw rate"][RAW])),
        *(
            (
                f"goodput at {times} times the knee / at the knee",
                ">= 0.95",
                _of_loads(results, lambda told, times=times: _share(told, times, "goodput a second")),
            )
            for times in OVER
        ),
        *(
            (
                f"p99 of the accepted at {times} times / at the knee",
                "<= 2",
                _of_loads(results, lambda told, times=times: _share(told, times, "p99 ms")),
            )
            for times in OVER
        ),
        *(
            (
                f"refusals p99 at {times} times the knee, ms",
                "<= 10",
                _of_loads(results, lambda told, times=times: told[STEPS][times]["refusals p99 ms"]),
            )
            for times in OVER
        ),
        (
            "loads beside which the p99 of searches by id is at most 3 times the quiet one",
            f">= {searches}",
            tuple(_within(results[name]) for name in ("beside", "beside" + TWO) if name in results),
        ),
    ]
    return [
        "## Goals",
        "",
        "| | wanted | one worker | two workers | |",
        "|---|--:|--:|--:|---|",
        *(_goal(what, wanted, measured) for what, wanted, measured in rows),
        "",
        "What was tried for those that are missed: [serving-tried.md](serving-tried.md).",
        "",
    ]


def _goal(what: str, wanted: str, measured: tuple[float, ...]) -> str:
    kind, _, bound = wanted.partition(" ")
    reached = [one <= float(bound) if kind == "<=" else one >= float(bound) for one in measured]
    verdict = "reached" if reached[0] else "reached with two workers" if any(reached) else "missed"
    one, two = (*measured, "")[:2]
    return f"| {what} | {wanted} | {one} | {two} | {verdict} |"


def _of_loads(results: dict, measured: Callable[[dict], float]) -> tuple[float, ...]:
    return tuple(measured(results[name]) for name in (LOAD, LOAD + TWO) if name in results)


def _share(told: dict, times: str, what: str) -> float:
    share: float = told[STEPS][times][what] / told[STEPS]["1"][what]
    return round(share, 2)


def _within(told: dict) -> int:
    searches = told["searches by id beside"].items()
    return sum(one["p99 / quiet p99"] <= 3 for name, one in searches if name != "nothing")


def overhead(results: dict) -> list[str]:
    rows = []
    for name, told in results.items():
        if name.startswith("latency, "):
            http, hand = told["over HTTP, ms"]["median"], told["decode and one run, ms"]["median"]
            rows.append(f"| {name.removeprefix('latency, ')} | {http} | {hand} | {told['ratio']} |")
    return [
        "## One query",
        "",
        "One query over HTTP beside decoding and one run of the model: medians, in turn. At most 1.2 is wanted.",
        "Requests are prepared and sent over a raw socket, and answers are not parsed: the server is measured.",
        "",
        "| model | over HTTP, ms | by hand, ms | ratio |",
        "|---|--:|--:|--:|",
        *rows,
        "",
    ]


def load(told: dict, plot: str) -> list[str]:
    steps = told[STEPS]
    rows = [
        f"| {times} | {step['asked a second']} | {step['goodput a second']} | {step['p50 ms']} | {step['p99 ms']}"
        f" | {step['refused']:.0%} | {step['refusals p99 ms'] or ''} | {step['refusals after sending, p99 ms'] or ''}"
        f" | {step['sent late, p99 ms']} | {step.get('cores that the client took', '')} | {step['resident MB']} |"
        for times, step in steps.items()
    ]
    plot_load(steps, plot)
    shares = ", ".join(f"{share:g} of {what}" for what, share in told["peak / raw rate"].items())
    return [
        "## Load",
        "",
        f"{told['model']}, steps of {told['seconds of each step']:g} s.",
        f"The peak over HTTP is {shares}; at least .95 is wanted.",
        "Of ten requests eight are pictures, one a crop, one an id; uploads, deletions and `lookalike index` beside.",
        f"The knee is {told['knee a second']} a second. Times count from when a request should have been sent, so they",
        "include how late it was sent: the program that asks waits for a processor, too. It took as much of a core as",
        'the column "client" says.',
        "",
        "| times | asked | goodput | p50 ms | p99 ms | refused | refusals p99 | from sending | late p99 | client |MB|",
        "|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
        *rows,
        "",
        f"![asked, answered in time and refused, by multiples of the knee]({plot})",
        "",
    ]


def beside(told: dict, told_of_two: dict | None) -> list[str]:
    searches = told["searches by id beside"]
    others = told_of_two["searches by id beside"] if told_of_two else {}
    rows = [
        f"| {name} | {one['p50 ms']} | {one['p99 ms']} | {one['p99 / quiet p99']} | {one['answered']} of {one['of']}"
        f" | {others[name]['p99 ms'] if others else ''} | {others[name]['p99 / quiet p99'] if others else ''} |"
        for name, one in searches.items()
    ]
    plot_beside(searches)
    fresh = told["from acknowledged to found, ten uploads a second"]
    return [
        "## Searches by id beside other loads",
        "",
        "Twenty a second, while eight clients send one kind of request without a pause.",
        "A p99 of at most 3 times that beside nothing is wanted.",
        "",
        "| load | p50 ms | p99 ms | times the quiet p99 | answered | two workers: p99 ms | times the quiet p99 |",
        "|---|--:|--:|--:|--:|--:|--:|",
        *rows,
        "",
        "![p99 of searches by id beside each load](serving-beside.svg)",
        "",
        f"Of {fresh['uploads']} uploads at ten a second {fresh['found']} were found,",
        f"{fresh['p50 ms']} ms (p99 {fresh['p99 ms']} ms) after they were acknowledged; at most a second is wanted.",
        "",
    ]


def events(told: dict) -> list[str]:
    ratio, rate = told["search, beside over quiet"], told["beside searches, events stored a second"]
    return [
        "## Searches by picture beside events",
        "",
        f"Beside {rate} events a second a search takes {ratio['p50']} times as long (p50; p99 {ratio['p99']});",
        f"at most 1.05 is wanted. Without a pause {told['flood, events stored a second']} events a second are stored.",
        "",
    ]


def faults(told: dict) -> list[str]:
    rows = [
        f"| {name} | {one['injected']} | {one['acknowledged']} | {one['lost']} | {one['wrong']} |"
        for name, one in told.items()
        if isinstance(one, dict)
    ]
    head = ["| fault | injected | acknowledged | lost | wrong answers |", "|---|--:|--:|--:|--:|"]
    return ["## Faults", "", "`python benchmarks/faults.py`", "", *head, *rows, ""]


def plot_load(steps: dict, name: str) -> None:
    figure, (rates, times) = plt.subplots(1, 2, figsize=(9, 3.4))
    x = [float(multiple) for multiple in steps]
    asked = [step["asked a second"] for step in steps.values()]
    goodput = [step["goodput a second"] for step in steps.values()]
    refused = [step["asked a second"] * step["refused"] for step in steps.values()]
    rates.plot(x, asked, "k:o", label="asked", markerfacecolor="white")
    rates.plot(x, goodput, "k-s", label="answered in time")
    rates.plot(x, refused, "k--^", label="refused", markerfacecolor="white")
    rates.set(xscale="log", yscale="log", xlabel="times the knee", ylabel="requests a second")
    times.plot(x, [step["p99 ms"] for step in steps.values()], "k-s", label="p99 of the accepted")
    times.plot(x, [step["p50 ms"] for step in steps.values()], "k:o", label="p50", markerfacecolor="white")
    times.set(xscale="log", xlabel="times the knee", ylabel="ms")
    for axes in (rates, times):
        axes.set_xticks(x, [f"{one:g}" for one in x])
        axes.minorticks_off()
        axes.legend(frameon=False)
    save(figure, name)


def plot_beside(searches: dict) -> None:
    figure, axes = plt.subplots(figsize=(7, 3.4))
    names = list(searches)[::-1]
    values = [searches[name]["p99 ms"] for name in names]
    axes.barh(names, values, color="white", edgecolor="black", hatch="//")
    for place, value in enumerate(values):
        axes.text(value, place, f" {value:g}", va="center")
    axes.axvline(3 * searches["nothing"]["p99 ms"], color="black", linestyle="--")
    axes.set(xscale="log", xlabel="p99 of searches by id, ms (dashed: three times that beside nothing)")
    save(figure, "serving-beside.svg")


def save(figure, name: str) -> None:
    figure.tight_layout()
    figure.savefig(RESULTS / name, metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    main()
