"""The page and the plots of what `neighbors.py` and `neighbors_from_disk.py` measured: no measuring here.

    python benchmarks/neighbors_report.py

Reads benchmarks/results/neighbors-*.json; writes neighbors.md beside them, and for each size two plots. It needs
matplotlib.
"""

import argparse
import json
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
import matplotlib.pyplot as plt

OURS, HNSW, DIRECT = "lookalike faiss-ivfpq", "Faiss HNSW32", "Faiss, the same index directly"
LARGE = 1_000_000
COUNTED = "said_bytes_in_memory"
COLUMNS = {
    "recall@10": ("recall", ".3f"),
    "p50 ms": ("p50_ms", ".3f"),
    "p99 ms": ("p99_ms", ".2f"),
    "single x ours": ("single_per_second_to_ours", ".3f"),
    "batched q/s": ("batched_per_second", ",.0f"),
    "batched x ours": ("batched_to_ours", ".3f"),
    "build s": ("build_seconds", ",.1f"),
    "build CPU s": ("build_cpu_seconds", ",.1f"),
    "bytes it counts": (COUNTED, ",.0f"),
    "bytes in memory": ("memory_bytes", ",.0f"),
    "of files, mapped": ("mapped_bytes", ",.0f"),
    "on disk": ("disk_bytes", ",.0f"),
}
EXPLAINED = """
Each contestant with the least effort that reaches recall@10 of .95, or about its highest recall. `x ours` is its
queries a second over those of `lookalike faiss-ivfpq`, asked in turn: the median of rounds side by side. Single
queries take one thread, batches all cores. Bytes are for each vector: what the index itself counts, what opening and
searching adds to the process alone (interpreter and libraries not counted, thread stacks are), what of mapped files
was touched, and the files. Building is compared by the time of all processors, which other programs change little.
How the other libraries are installed is said at the head of `benchmarks/neighbors.py`.
"""


def number(value, form):
    return "-" if value is None else format(value, form)


def table(document):
    rows = sorted(document["results"], key=lambda row: -row["single_per_second_to_ours"])
    lines = [f"| | {' | '.join(COLUMNS)} | setting |", "|---" * (len(COLUMNS) + 2) + "|"]
    for row in rows:
        name = f"**{row['name']}**" if row["name"].startswith("lookalike") else row["name"]
        cells = [number(value(row, key), form) for key, form in COLUMNS.values()]
        name += f" ({row['part']})" if len(document["parts"]) > 1 and "part" in row else ""
        setting = ", ".join(f"{key} {chosen}" for key, chosen in row["setting"].items())
        lines.append(f"| {name} | {' | '.join(cells)} | {setting} |")
    return lines


def value(row, key):
    """What an index counts is of all its vectors, everything else of one."""
    found = row.get(key)
    return found / row["size"] if key == COUNTED and found is not None else found


def filters(document):
    rows = [row for row in document["results"] if row.get("filtered")]
    if not rows:
        return []
    shares = list(rows[0]["filtered"])
    heads = " | ".join(f"{float(share):.1%}" for share in shares)
    lines = [
        "",
        "Only a share of the rows allowed, recall@10 / p50 ms of single queries:",
        "",
        f"| | {heads} |",
        "|---" * (len(shares) + 1) + "|",
    ]
    for row in sorted(rows, key=lambda row: not row["name"].startswith("lookalike")):
        cells = [f"{row['filtered'][share]['recall']:.3f} / {row['filtered'][share]['p50_ms']:.3f}" for share in shares]
        lines.append(f"| {row['name']} | {' | '.join(cells)} |")
    return lines


def goals(document):
    """What was to be reached, and what was."""
    rows = {row["name"]: row for row in document["results"]}
    lines = [*speed_goals(rows, large=document["size"] >= LARGE), *filter_goals(rows), *memory_goals(rows)]
    if not lines:
        return []
    heads = [
        "",
        f"What was to be reached, by `{OURS}` where no other is named:",
        "",
        "| goal | measured | |",
        "|---|---|---|",
    ]
    return heads + [f"| {goal} | {said} | {'reached' if reached else 'missed'} |" for goal, said, reached in lines]


def speed_goals(rows, *, large):
    """(goal, measured, reached) of queries a second and of building."""
    lines = []
    if DIRECT in rows:
        single, batched = faster(rows[DIRECT])
        said = f"{single:.2f} x the single, {batched:.2f} x the batched queries a second"
        lines.append(("within 5 % of the same Faiss index called directly", said, min(single, batched) >= 0.95))
    if HNSW in rows:
        single, batched = faster(rows[HNSW])
        least_single, least_batched = (2, 4) if large else (3, 3)
        goal = f"{least_single} x the single, {least_batched} x the batched queries a second of {HNSW}"
        said = f"{single:.1f} x, {batched:.1f} x, at recall {rows[OURS]['recall']:.3f} and {rows[HNSW]['recall']:.3f}"
        lines.append((goal, said, single >= least_single and batched >= least_batched))
        work = rows[HNSW]["build_cpu_seconds"] / rows[OURS]["build_cpu_seconds"]
        lines.append((f"built in a quarter of the time of {HNSW}", f"1/{work:.1f} of the processor time", work >= 4))
    for store, least, kind in ((False, 1, "other library in the process"), (True, 10, "vector store")):
        peers = {name: faster(row) for name, row in rows.items() if peer(row) and row["store"] == store}
        if peers:
            goal = f"{least} x the queries a second of every {kind}"
            lines.append((goal, nearest(peers), all(min(both) >= least for both in peers.values())))
    return lines


def faster(row):
    """How many times a contestant's queries a second ours answers: single, batched."""
    return 1 / row["single_per_second_to_ours"], 1 / row["batched_to_ours"]


def peer(row):
    return not row["name"].startswith("lookalike") and row["name"] != DIRECT


def nearest(peers):
    """Whom ours leaves behind by least."""
    said = []
    for place, kind in enumerate(("single", "batched")):
        name = min(peers, key=lambda name: peers[name][place])
        said.append(f"{kind} {peers[name][place]:.1f} x ({name})")
    return ", ".join(said)


def filter_goals(rows):
    filtered = {float(share): cell for share, cell in rows[OURS].get("filtered", {}).items()}
    cells = [filtered[share] for share in (0.001, 0.01) if share in filtered]
    if not cells:
        return []
    said = ", ".join(f"{cell['recall']:.3f} in {cell['p50_ms']:.2f} ms" for cell in cells)
    reached = all(cell["recall"] >= 0.99 and cell["p50_ms"] <= 0.2 for cell in cells)
    return [("0.1 % and 1 % of the rows allowed: recall .99 within 0.2 ms (asked for 200,000 vectors)", said, reached)]


def memory_goals(rows):
    """By what the index counts: the process's own growth has stacks and buffers of threads in it."""
    lines = []
    for kind, most, least, how in (("codes", 80, 0.75, "no refine"), ("small", 40, 0.9, "refined by vectors on disk")):
        row = rows.get(f"{OURS} {kind}")
        if row:
            said = f"{value(row, COUNTED):.0f} bytes, recall {row['recall']:.3f}"
            reached = value(row, COUNTED) <= most and row["recall"] >= least
            lines.append((f"`{kind}`: recall {least} at {most} bytes a vector in memory, {how}", said, reached))
    return lines


def plot(document, folder, name):
    """Recall against batched queries a second, and against bytes in memory."""
    written = []
    for measure, label in (
        ("batched_per_second", "queries a second, batched"),
        ("memory_bytes", "bytes a vector in memory"),
    ):
        figure, axes = plt.subplots(figsize=(9, 5.5))
        for place, row in enumerate(sorted(document["results"], key=lambda row: row["name"])):
            if row["name"] == DIRECT:
                continue
            ours = row["name"].startswith("lookalike")
            points = sorted((point["recall"], point.get(measure, row.get(measure))) for point in row["curve"])
            style = {"marker": "os^vDP*X<>"[place % 10], "markersize": 4, "linewidth": 1.6 if ours else 1}
            axes.plot(
                *zip(*points, strict=True),
                linestyle="-" if ours else ":",
                color=plt.cm.tab20(place % 20),
                label=row["name"],
                **style,
            )
        axes.set(yscale="log", xlabel="recall@10", ylabel=label, xlim=(0.5, 1.005))
        axes.set_title(f"{document['size']:,} {document['vectors']} vectors, {document['machine']}", fontsize=10)
        axes.axvline(0.95, color="grey", linewidth=0.6)
        axes.grid(visible=True, which="both", linewidth=0.2)
        axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.01, 0.5))
        path = folder / f"neighbors-{name}-{'speed' if measure.startswith('batched') else 'memory'}.svg"
        figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
        plt.close(figure)
        written.append(path.name)
    return written


def parts(document):
    """How each part was measured."""
    lines = [
        f"{place}. `{part['command']}` (load {part['load'][0]} before, {part['load'][1]} after)"
        for place, part in enumerate(document["parts"], start=1)
    ]
    if len(lines) > 1:
        said = (
            f"`{OURS}` ran in each of these parts: compare ratios, which are to its speed in the same part, and not"
            " times of different parts. The part stands behind a name, if it is not the first."
        )
        lines += ["", said]
    return lines


def from_disk(document):
    lines = [
        f"## {document['size']:,} vectors built from disk",
        "",
        f"`{document['command']}`, {document['machine']}.",
        "",
    ]
    lines += ["| | |", "|---|---|", *(f"| {key} | {value} |" for key, value in document["facts"].items()), ""]
    return lines


def main():
    parser = argparse.ArgumentParser(description="The page and plots of the nearest-neighbour benchmark.")
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results")
    folder = parser.parse_args().results
    plt.rcParams["svg.hashsalt"] = "neighbors"
    lines = [
        "# Nearest neighbours",
        "",
        "Made by `benchmarks/neighbors_report.py` of the `.json` beside it; see `benchmarks/neighbors.py`.",
        EXPLAINED,
    ]
    documents = [
        (path.stem.removeprefix("neighbors-"), json.loads(path.read_text())) for path in folder.glob("neighbors-*.json")
    ]
    for name, document in sorted(documents, key=lambda pair: pair[1]["size"]):
        if "facts" in document:
            lines += from_disk(document)
            continue
        lines += [f"## {document['size']:,} {document['vectors']} vectors", ""]
        lines += [
            f"{document['machine']}, Faiss {document['faiss']}, {document['rounds']} rounds.",
            "",
            *parts(document),
            "",
        ]
        lines += [*table(document), *goals(document), *filters(document), ""]
        lines += [f"![{plot_name}]({plot_name})\n" for plot_name in plot(document, folder, name)]
    (folder / "neighbors.md").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
