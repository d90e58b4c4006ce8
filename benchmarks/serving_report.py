"""Writes `results/serving.md` and its plots from `results/serving.json`, `event_throughput.json` and `faults.json`.

The plots say everything by markers, lines and numbers, so that they can be read without colour.

    python benchmarks/serving_report.py
"""

import json
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
import matplotlib.pyplot as plt

RESULTS = Path(__file__).parent / "results"
LOAD = "load, lookalike-small"


def main() -> None:
    plt.rcParams["svg.hashsalt"] = "serving"
    results = json.loads((RESULTS / "serving.json").read_text())
    lines = ["# Serving", "", f"`{results['command']}`. Machine: {results.get('machine', 'not noted')}", ""]
    lines += goals(results) + overhead(results) + load(results[LOAD]) + beside(results["beside"])
    for name, tell in (("event_throughput", events), ("faults", faults)):
        file = RESULTS / f"{name}.json"
        lines += tell(json.loads(file.read_text())) if file.exists() else []
    (RESULTS / "serving.md").write_text("\n".join(lines).rstrip() + "\n")


def goals(results: dict) -> list[str]:
    """What was wanted, what was measured, and whether that is enough."""
    told, clip = results[LOAD], results["load, clip-vit-b16"]
    steps = told["steps, by multiples of the knee"]
    searches = [one for name, one in results["beside"]["searches by id beside"].items() if name != "nothing"]
    raw = "running the model"
    rows = [
        *(
            (f"one query over HTTP, {name.removeprefix('latency, ')}", "<= 1.2", one["ratio"], one["ratio"] <= 1.2)
            for name, one in results.items()
            if name.startswith("latency, ")
        ),
        *(
            (f"peak / {raw}, {one['model']}", ">= 0.95", share := one["peak / raw rate"][raw], share >= 0.95)
            for one in (told, clip)
        ),
        *(
            (
                f"goodput at {times} times the knee / at the knee",
                ">= 0.95",
                share := _goodput(steps, times),
                share >= 0.95,
            )
            for times in ("2", "5", "10")
        ),
        *(
            (f"p99 of the accepted at {times} times / at the knee", "<= 2", share := _p99(steps, times), share <= 2)
            for times in ("2", "5", "10")
        ),
        *(
            (f"refusals p99 at {times} times the knee, ms", "<= 10", ms := steps[times]["refusals p99 ms"], ms <= 10)
            for times in ("2", "5", "10")
        ),
        (
            "loads beside which the p99 of searches by id is at most 3 times the quiet one",
            f"{len(searches)}",
            within := sum(one["p99 / quiet p99"] <= 3 for one in searches),
            within == len(searches),
        ),
    ]
    return [
        "## Goals",
        "",
        "| | wanted | measured | |",
        "|---|--:|--:|---|",
        *(
            f"| {what} | {wanted} | {value} | {'reached' if is_enough else 'missed'} |"
            for what, wanted, value, is_enough in rows
        ),
        "",
    ]


def _goodput(steps: dict, times: str) -> float:
    share: float = steps[times]["goodput a second"] / steps["1"]["goodput a second"]
    return round(share, 2)


def _p99(steps: dict, times: str) -> float:
    ratio: float = steps[times]["p99 ms"] / steps["1"]["p99 ms"]
    return round(ratio, 2)


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
        "",
        "| model | over HTTP, ms | by hand, ms | ratio |",
        "|---|--:|--:|--:|",
        *rows,
        "",
    ]


def load(told: dict) -> list[str]:
    steps = told["steps, by multiples of the knee"]
    rows = [
        f"| {times} | {step['asked a second']} | {step['goodput a second']} | {step['p50 ms']} | {step['p99 ms']}"
        f" | {step['refused']:.0%} | {step['refusals p99 ms'] or ''}"
        f" | {step['sent late, p99 ms']} | {step['resident MB']} |"
        for times, step in steps.items()
    ]
    plot_load(steps)
    shares = ", ".join(f"{share:g} of {what}" for what, share in told["peak / raw rate"].items())
    return [
        "## Load",
        "",
        f"{told['model']}. The peak over HTTP is {shares}; at least .95 is wanted.",
        "Of ten requests eight are pictures, one a crop, one an id; uploads, deletions and `lookalike index` beside.",
        f"The knee is {told['knee a second']} a second. Times count from when a request should have been sent, so they",
        "include how late it was sent: the program that asks waits for a processor, too.",
        "",
        "| times the knee | asked | goodput | p50 ms | p99 ms | refused | refusals p99 ms | late p99 ms | memory MB |",
        "|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
        *rows,
        "",
        "![asked, answered in time and refused, by multiples of the knee](serving-load.svg)",
        "",
    ]


def beside(told: dict) -> list[str]:
    searches = told["searches by id beside"]
    rows = [
        f"| {name} | {one['p50 ms']} | {one['p99 ms']} | {one['p99 / quiet p99']} | {one['answered']} of {one['of']} |"
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
        "| load | p50 ms | p99 ms | times the quiet p99 | answered |",
        "|---|--:|--:|--:|--:|",
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


def plot_load(steps: dict) -> None:
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
    save(figure, "serving-load.svg")


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
