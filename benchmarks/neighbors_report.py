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
COLUMNS = {
    "recall@10": ("recall", ".3f"),
    "p50 ms": ("p50_ms", ".3f"),
    "p99 ms": ("p99_ms", ".2f"),
    "single x ours": ("single_per_second_to_ours", ".2f"),
    "batched q/s": ("batched_per_second", ",.0f"),
    "batched x ours": ("batched_to_ours", ".2f"),
    "build s": ("build_seconds", ",.1f"),
    "build CPU s": ("build_cpu_seconds", ",.1f"),
    "bytes in memory": ("memory_bytes", ",.0f"),
    "of files, mapped": ("mapped_bytes", ",.0f"),
    "on disk": ("disk_bytes", ",.0f"),
}
EXPLAINED = """
Each contestant with the least effort that reaches recall@10 of .95, or about its highest recall. `x ours` is its
queries a second over those of `lookalike faiss-ivfpq`, asked in turn: the median of rounds side by side. Single
queries take one thread, batches all cores. Bytes are for each vector: what opening and searching adds to the process
alone (interpreter and libraries not counted, thread stacks are), what of mapped files was touched, and the files.
"""


def number(value, form):
    return "-" if value is None else format(value, form)


def table(document):
    rows = sorted(document["results"], key=lambda row: row["p50_ms"])
    lines = [f"| | {' | '.join(COLUMNS)} | setting |", "|---" * (len(COLUMNS) + 2) + "|"]
    for row in rows:
        name = f"**{row['name']}**" if row["name"].startswith("lookalike") else row["name"]
        cells = [number(row.get(key), form) for key, form in COLUMNS.values()]
        setting = ", ".join(f"{key} {value}" for key, value in row["setting"].items())
        lines.append(f"| {name} | {' | '.join(cells)} | {setting} |")
    return lines


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
    """The ratios that were to be reached."""
    rows = {row["name"]: row for row in document["results"]}
    lines = [""]
    if HNSW in rows:
        hnsw = rows[HNSW]
        work = hnsw["build_cpu_seconds"] / rows[OURS]["build_cpu_seconds"]
        lines.append(
            f"At recall {rows[OURS]['recall']:.3f} and {hnsw['recall']:.3f}, `{OURS}` answers"
            f" {1 / hnsw['single_per_second_to_ours']:.1f} x the single and {1 / hnsw['batched_to_ours']:.1f} x the"
            f" batched queries a second of {HNSW}, and is built in 1/{work:.1f} of the processor time."
        )
    if DIRECT in rows:
        direct = rows[DIRECT]
        lines.append(
            f"Through our interface, {1 / direct['single_per_second_to_ours']:.2f} x the single and"
            f" {1 / direct['batched_to_ours']:.2f} x the batched queries a second of the same index called directly."
        )
    return lines if len(lines) > 1 else []


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
        before, after = document["load"]
        lines += [
            f"`{document['command']}`, {document['machine']}, Faiss {document['faiss']}, {document['rounds']} rounds."
        ]
        lines += [f"Load {before} before and {after} after: other programs ran too.", ""]
        lines += [*table(document), *goals(document), *filters(document), ""]
        lines += [f"![{plot_name}]({plot_name})\n" for plot_name in plot(document, folder, name)]
    (folder / "neighbors.md").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
