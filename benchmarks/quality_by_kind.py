"""On which kinds of photos is each packaged model good, and where is it worse than efficientnet-lite0?

    python benchmarks/quality_by_kind.py [--folder DIR] [--check]

Ranks the photos of each kind (kinds.csv; see kinds.py) by each packaged model and compares it with efficientnet-lite0,
query by query. Writes results/quality_by_kind.json and .md. Vectors are kept in --folder, so that a second run only
ranks and takes a minute; the first takes a quarter of an hour of one core, most of it for clip-vit-b16, which describes
50 photos of a kind. --check writes nothing: it fails when lookalike-small, which is made from efficientnet-lite0, is
below it on a kind by more than the interval.

The packaged models have seen photos of most of these kinds, without labels: FITTED says what was fitted on which. How
well lookalike-small ranks kinds of which it saw nothing is in results/lookalike-small.md.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from kinds import Photos, kinds, names_asked, names_taught, vectors_by
from kinds_compared import below, compared, table, values_by_kind
from training_distill import BASE, RESULTS, TEACHER

SMALL = "lookalike-small"
SEVEN = "human_zappos85, human_materials100, smvs_dvd, coco256, wardrobe_and_grocery, fashion_224, movielens_posters"
FITTED = (
    ("whitening of efficientnet-lite0 and clip-vit-b16", f"unlabelled photos of {SEVEN}", "scripts/fit_projections.py"),
    ("shrinkage of that whitening", "wardrobe_and_grocery, smvs_dvd, human_zappos85", "results/embedding.md"),
    ("the way of centring a library", "the kinds that its results mark", "results/centring.md"),
    ("keypoints, and how many inliers are the same thing", "smvs_dvd", "results/same_thing.md"),
    ("rule of near-duplicates", "smvs_dvd, wardrobe_and_grocery, coco256 and others", "benchmarks/near_duplicates.py"),
    ("`adapt`: dampening and weights of levels", "fashion_224, wardrobe_and_grocery", "docs/training.md"),
    (
        "`adapt`, `train --on teacher`: both sides of the same length",
        "home-products, instruments, food-64px",
        "results/learning_by_kind.md",
    ),
    ("`train`: temperature, substitutes, exclusions", "fashion_224", "docs/training.md"),
)
"""What was fitted or chosen, on which photos, and where that is written."""


def measured(models, folder, only, *, described_only=False):
    """Kind -> queries, and for each model the mean with its interval and the paired difference from the base."""
    photos = Photos(folder)
    needed = {kind: names_needed(kind, photos, described_only) for kind in only}
    every = list(dict.fromkeys(name for names in needed.values() for name in names))
    asked = [kind for kind in only if kind.judged_by == "teacher"]
    taught = list(dict.fromkeys(name for kind in asked for name in needed[kind]))
    by_name = {
        model: dict(zip(every, vectors_by(model, every, photos, folder), strict=True))  # a model is opened once
        for model in dict.fromkeys([BASE, *models])
    }
    teacher = dict(zip(taught, vectors_by(TEACHER, taught, photos, folder), strict=True)) if taught else {}

    def vectors_for(kind):
        return by_name | ({"teacher": teacher} if kind.judged_by == "teacher" else {})

    values = values_by_kind(vectors_for, photos, only, described_only=described_only)
    return {kind: {"queries": len(one[BASE]), **compared(one, BASE)} for kind, one in values.items()}


def names_needed(kind, photos, described_only):
    """Photos of the kind; where the teacher's neighbours are looked for, of all kinds of its fold."""
    if kind.judged_by != "teacher":
        return names_taught(kind, photos) if described_only else names_asked(kind, photos)
    alike = [one for one in kinds() if one.fold == kind.fold]
    return list(dict.fromkeys(name for one in alike for name in names_taught(one, photos)))


def labelled():
    """Kinds that can be judged without the teacher."""
    return [kind for kind in kinds() if kind.judged_by != "teacher"]


def page(found):
    lines = [
        "# Quality of the packaged models by kind of photo",
        "",
        "Made by `python benchmarks/quality_by_kind.py`. Exact search, the query's own photo left out. Differences",
        f"from {BASE} are paired, with 95 % bootstrap intervals over queries; bold where the whole interval is",
        "below zero. The packaged models have seen photos of most of these kinds, without their labels (see below).",
        "How lookalike-small ranks kinds of which it saw nothing is in [lookalike-small.md](lookalike-small.md).",
        "",
        *table(found["kinds"], [BASE, SMALL], BASE),
        "",
        "## Among fewer photos, and the large model",
        "",
        "At most 50 photos or parts of a kind: fewer photos are easier to rank, so compare along a line only.",
        "",
        *table(found["fewer"], [BASE, SMALL, TEACHER], BASE),
        "",
        "## What was fitted on which photos",
        "",
        "| what | on | where |",
        "|---|---|---|",
        *[f"| {what} | {on} | {where} |" for what, on, where in FITTED],
    ]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        if options.check:
            worse = below(measured([SMALL], folder, labelled()), SMALL)
            print("\n".join(worse) or f"{SMALL} is below {BASE} on no kind")
            sys.exit(bool(worse))
        found = {
            "kinds": measured([SMALL], folder, kinds()),
            "fewer": measured([SMALL, TEACHER], folder, labelled(), described_only=True),
        }
    print(page(found))
    (RESULTS / "quality_by_kind.json").write_text(json.dumps(found, indent=1) + "\n")
    (RESULTS / "quality_by_kind.md").write_text(page(found))


if __name__ == "__main__":
    main()
