"""lookalike-small: EfficientNet-Lite0 that keeps what it knew, beside what it names and what clip-vit-b16 taught.

    python benchmarks/lookalike_small.py [export|judge] [--folder DIR]    # without a stage: both

`export` makes the model that ships (lookalike_small_network.py says what it is): it averages the weights of
EfficientNet-Lite0 and of the first lookalike-small, takes the mean of `named` and the axes of `taught` from unlabelled
photos of 43 kinds (kinds.csv), and writes the files to ship to DIR/export. `judge` ranks the photos of each kind by a
model whose mean and axes have seen nothing of the kind's fold, and writes results/lookalike-small.json and .md.

The folder keeps what was described, so a run that was stopped goes on. One thread takes two minutes for the model, and
ten more minutes to describe the photos by clip-vit-b16 that it is compared with. There is no chance in it but the
seeds of the random axes and of the choice of photos.
"""

import argparse
import dataclasses
import json
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from kinds import FOLDS, Photos, described, kinds, names_taught, photos_by_fold, vectors_by
from kinds_compared import below, closed, compared, table, values_by_kind
from lookalike.embedding import open_encoder
from lookalike.embedding.projection import Projection, pair_cosines
from lookalike.embedding.registry import PACKAGED
from lookalike.neighbors import unit_rows
from lookalike.training.network.backbones import build_backbone, fetch_weights
from lookalike.training.network.exporting import ExportedAs, export_model
from lookalike_small_network import SHARE, Parts, Pooled, averaged, first_small, joining
from training_distill import BASE, MODELS, PROJECT, RESULTS, TEACHER, percent

NAME = "lookalike-small"
MADE = f"{NAME}-made"  # the name itself is taken by what comes with lookalike
POOLED = f"{NAME}-pooled-{round(100 * SHARE)}"
SEEN_BY_THE_FIRST = {"clothes", "groceries", "fashion", "posters", "coco-crops", "materials"}
"""Kinds whose photos, without labels, the first lookalike-small was taught on: of these the result is no forecast."""


class Made:
    """The network, and what it makes of all photos."""

    def __init__(self, folder):
        self.folder, self.photos = folder, Photos(folder)
        self.names, self.folds, self.weights = photos_by_fold(self.photos)
        weights, first = first_small(PROJECT, folder)
        file = fetch_weights(BASE, folder)
        self.pooled = Pooled(averaged(build_backbone(BASE, weights=file), weights)).eval()
        state = torch.load(file, weights_only=True)
        base = Projection.load(PACKAGED / f"{BASE}.npz")
        self.parts = Parts(self.pooled.widths, base, (state["_fc.weight"], state["_fc.bias"]), first).eval()
        with torch.no_grad():
            self.rows = self.parts(torch.from_numpy(self.described())).numpy()

    def described(self):
        """[names, 4192] by the network without its parts, its weights int8 as they ship."""
        models = self.folder / "models"
        if not (models / POOLED).exists():
            as_model = ExportedAs(
                name=POOLED, summary="", licence="Apache-2.0", preprocessing=preprocessing(), weights="int8"
            )
            export_model(self.pooled, as_model, self.pictures(48), files=self.folder / "export", models=models)
        with open_encoder(POOLED, models=models, mode="throughput", threads=1) as encoder:
            return described(
                [f"{name}@0" for name in self.names],
                encoder,
                lambda name: self.photos.prepared(name.removesuffix("@0"), encoder.preprocessing)[:1],
                self.folder,
            )

    def pictures(self, count):
        """[count, 3, size, size] of all kinds."""
        chosen, shown = self.names[:: len(self.names) // count][:count], preprocessing()
        return np.stack([self.photos.prepared(name, shown)[0] for name in chosen])

    def without(self, fold):
        """[names, 384] unit rows by the model whose mean and axes are of the other folds' photos; None: of all."""
        mean, matrix = joining(self.rows[self.folds != fold], self.weights[self.folds != fold])
        return unit_rows((self.rows - mean) @ matrix), mean, matrix


def preprocessing():
    with open_encoder(BASE, models=MODELS) as encoder:
        return encoder.preprocessing


# -- what ships


def export(folder):
    """Files to ship, int8 weights and a float16 projection, and the same as a model to measure."""
    made = Made(folder)
    vectors, mean, matrix = made.without(None)
    cosines = pair_cosines(vectors.astype(np.float32), made.weights / made.weights.sum())
    as_model = ExportedAs(
        name=MADE,
        summary="EfficientNet-Lite0 that keeps what it knew beside what CLIP taught it: as quick, and finds more",
        licence="Apache-2.0 and MIT",
        preprocessing=preprocessing(),
        projection=Projection(mean=mean, matrix=matrix, reference_cosines=cosines),
        weights="int8",
    )
    network = nn.Sequential(made.pooled, made.parts)
    done = export_model(network, as_model, made.pictures(256), files=folder / "export", models=folder / "models")
    files = [file for file in (folder / "export").glob(f"{MADE}.*") if file.suffix != ".toml"]
    found = {"megabytes": sum(file.stat().st_size for file in files) / 1e6, "parity": dataclasses.asdict(done.parity)}
    (folder / "exported.json").write_text(json.dumps(found))
    print(found)


# -- how good it is on kinds of which it saw nothing


def judge(folder):
    made = Made(folder)
    base = vectors_by(BASE, made.names, made.photos, folder)
    unseen = [made.without(fold)[0] for fold in range(FOLDS)]
    known = [name for kind in kinds() for name in names_taught(kind, made.photos)]
    teacher = dict(zip(known, vectors_by(TEACHER, known, made.photos, folder), strict=True))

    def vectors_for(kind):
        by_name = {BASE: dict(zip(made.names, base, strict=True))}
        by_name[NAME] = dict(zip(made.names, unseen[kind.fold], strict=True))
        return by_name | ({"teacher": teacher} if kind.judged_by == "teacher" else {})

    values = values_by_kind(vectors_for, made.photos)
    found = json.loads((folder / "exported.json").read_text()) | {"kinds": {}}
    for kind, of_kind in values.items():
        found["kinds"][kind] = {"queries": len(of_kind[BASE]), **compared(of_kind, BASE)}
    found["below"] = below(found["kinds"], NAME)
    found["closed"] = closed_by_labels(vectors_for, teacher, made.photos)
    found["milliseconds"] = timed(made.photos, folder)
    (RESULTS / "lookalike-small.json").write_text(json.dumps(found, indent=1) + "\n")
    (RESULTS / "lookalike-small.md").write_text(page(found))
    print(page(found))


def closed_by_labels(vectors_for, teacher, photos):
    """Share of the mean distance in mAP from the base to the teacher, among photos that the teacher described.

    Kinds that the first lookalike-small was taught on are not counted.
    """
    of = [kind for kind in kinds() if kind.judged_by != "teacher" and kind.kind not in SEEN_BY_THE_FIRST]
    values = values_by_kind(lambda kind: vectors_for(kind) | {TEACHER: teacher}, photos, of, described_only=True)
    means = {kind: {model: float(rows.mean()) for model, rows in one.items()} for kind, one in values.items()}
    return {"kinds": means, "share": closed(values, BASE, TEACHER, NAME)}


def timed(photos, folder):
    """One picture at a time, the three in turns; medians, milliseconds."""
    encoders = {model: open_encoder(model, models=MODELS) for model in (TEACHER, BASE)}
    encoders[NAME] = open_encoder(MADE, models=folder / "models")
    taken = {model: [] for model in encoders}
    for name in photos.chosen(kinds()[0])[:40]:
        for model, encoder in encoders.items():
            batch = photos.prepared(name, encoder.preprocessing)[:1]
            started = time.perf_counter()
            encoder.encode(batch)
            taken[model].append(1_000 * (time.perf_counter() - started))
    for encoder in encoders.values():
        encoder.close()
    return {model: float(np.median(each[4:])) for model, each in taken.items()}


def page(found):
    taken, seen = found["milliseconds"], {kind: found["kinds"][kind] for kind in found["kinds"]}
    held_out = {kind: one for kind, one in seen.items() if kind not in SEEN_BY_THE_FIRST}
    lines = [
        "# lookalike-small",
        "",
        "Made by `python benchmarks/lookalike_small.py`. Exact search, the query's own photo left out; differences",
        f"from {BASE} are paired, with 95 % bootstrap intervals over queries; bold where the interval is below zero.",
        "",
        "## Kinds of which it saw nothing",
        "",
        "Each kind is ranked by a model whose mean and axes were taken from the photos of the other folds; the network",
        "itself was taught on no photo of these kinds. Its settings were chosen on the kinds with labels, among 11.",
        "",
        *table(held_out, [BASE, NAME], BASE),
        "",
        "## Kinds that the first lookalike-small was taught on, without labels",
        "",
        "The averaged weights come in part from a network that has seen these photos: no forecast for other photos.",
        "",
        *table({kind: one for kind, one in seen.items() if kind not in held_out}, [BASE, NAME], BASE),
        "",
        *distance_lines(found["closed"]),
        f"{found['megabytes']:.1f} MB. A picture takes {taken[NAME]:.1f} ms, of {TEACHER} {taken[TEACHER]:.0f} ms",
        f"({taken[NAME] / taken[TEACHER]:.1%}), of {BASE} {taken[BASE]:.1f} ms; other programs ran: read the ratios.",
    ]
    return "\n".join(lines) + "\n"


def distance_lines(found):
    """Lines of Markdown: what `closed_by_labels` gave, a kind a line."""
    models = (BASE, NAME, TEACHER)
    return [
        "## Distance to the teacher",
        "",
        "Among at most 50 photos of a kind, which the teacher described, of kinds that it has not seen.",
        "",
        f"| kind | {' | '.join(models)} |",
        "|---|--:|--:|--:|",
        *[
            f"| {kind} | {' | '.join(f'{means[one]:.3f}' for one in models)} |"
            for kind, means in found["kinds"].items()
        ],
        "",
        f"Of the mean distance in mAP from {BASE} to {TEACHER} it closes {percent(found['share'])}.",
        "",
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", nargs="?", choices=["export", "judge"])
    parser.add_argument("--folder", type=Path, default=PROJECT / ".cache" / NAME)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    for name, stage in {"export": export, "judge": judge}.items():
        if options.stage in {None, name}:
            stage(options.folder)


if __name__ == "__main__":
    main()
