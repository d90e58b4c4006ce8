"""Does `verify` find the very same thing, what does it cost, and does it leave everything else as it was?

    python benchmarks/same_thing.py [--sets smvs_dvd,coco256] [--model clip-vit-b16] [--libraries DIR]

Indexes each shared set into a library of its own, gives it keypoints, and ranks its judged queries with and without
`verify`. On `smvs_dvd` a phone photo of a cover asks for the clean picture of that cover, while the other phone photos
of the same cover are set aside: R@1 is the share of queries whose first hit is it. On the other sets mAP must stay as
it was. The seconds of comparing are those of one core, for the 100 best candidates of each query. A library that stays
(--libraries) is not embedded again. The number of query points, the ratio of matches and the least number of inliers
were chosen on `smvs_dvd`: its result is that of a set that was looked at.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from lookalike.cli.output import messages
from lookalike.cli.progress import IndexProgress
from lookalike.errors import CallerError
from lookalike.evaluation import Run, bootstrap_interval, evaluate_run, parse_measures
from lookalike.keypoints import ASKED, RECIPE, STORED, Keypoints, Rule, same_thing
from lookalike.library.index import IndexRequest, index
from lookalike.library.judging import JudgementSource, judged_queries
from lookalike.library.keypoints import KeypointsRequest, keypoints
from lookalike.library.opening import open_library
from lookalike.preprocessing import picture_keypoints
from lookalike.reranking import VERIFIED_HITS
from lookalike.settings import load_settings
from quality import PROJECT, SETS, unpacked

RESULTS = PROJECT / "benchmarks" / "results"
COVERS = "smvs_dvd"
MEASURES = parse_measures(["mAP"])
RESAMPLES = 10_000


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sets", default=f"{COVERS},human_zappos85,coco256,wardrobe_and_grocery")
    parser.add_argument("--model", default="clip-vit-b16")
    parser.add_argument("--libraries", type=Path, required=True)
    options = parser.parse_args()
    file = RESULTS / "same_thing.json"
    sets = json.loads(file.read_text())["sets"] if file.exists() else {}
    for name in options.sets.split(","):
        sets[name] = measured(name, options.model, options.libraries)
        print(name, json.dumps(sets[name]), flush=True)
        file.write_text(json.dumps({"command": "python benchmarks/same_thing.py", "sets": sets}, indent=1) + "\n")
        (RESULTS / "same_thing.md").write_text(as_markdown(sets))


def measured(name: str, model: str, libraries: Path) -> dict:
    judged_set = SETS[name]
    folder = unpacked(judged_set.archive, libraries / "images")
    installed = Path(os.environ.get("LOOKALIKE_MODELS", PROJECT / ".cache" / "models"))
    settings = load_settings({"library": libraries / name, "models": installed, "model": model})
    source = JudgementSource(
        judgements=str(folder / judged_set.judgements),
        queries=folder / judged_set.queries if judged_set.queries else None,
        images=folder,
    )
    with open_library(settings, create=True) as library, IndexProgress(messages) as progress:
        index(library, IndexRequest(paths=[folder]), progress)
        keypoints(library, KeypointsRequest(), progress)
        known = judged_queries(library, source)
        aside = other_views(library, folder) if name == COVERS else {}
        runs, accepted, cost = ranked(library, known, aside)
        found = {
            "model": model,
            "queries": len(known.queries),
            "images": library.catalog.counts().readable,
            "bytes_an_image": keypoint_bytes(library),
            "machine": f"{platform.machine()}, {platform.system()}",
            **cost,
            "accepted": accepted,
        }
        if name == COVERS:
            firsts = {how: first_is_right(run, known.judgements.grades) for how, run in runs.items()}
            found["R@1"] = {how: interval(values) for how, values in firsts.items()}
            return found
        values = {how: evaluate_run(run, known.judgements, MEASURES).of(MEASURES[0]) for how, run in runs.items()}
        defined = ~np.isnan(values["vectors"])
        found["mAP"] = {how: interval(one[defined]) for how, one in values.items()}
        found["change"] = interval((values["verified"] - values["vectors"])[defined])
    return found


def ranked(library, known, aside) -> tuple[dict[str, Run], dict, dict]:
    """Rankings without and with `verify`, which hits were verified, and what that took."""
    ranker = library.engine.exact_ranker()
    rankings: dict[str, dict[str, tuple[str, ...]]] = {"vectors": {}, "verified": {}}
    right = wrong = 0
    extracting: list[float] = []
    comparing: list[float] = []
    for name, judged in known.queries.items():
        try:
            query = replace(judged.as_query(), verify=True)
            content = query.content or library.catalog.images.content(query.image_id or "")
        except CallerError:
            continue
        started = time.process_time()
        picture_keypoints(content, ASKED, name="query", crop=query.crop)
        extracting.append(time.process_time() - started)
        left_out = judged.own_image_ids | aside.get(name, frozenset())
        for how, asked in (("vectors", replace(query, verify=False)), ("verified", query)):
            found = ranker.rank(asked, wanted=ranker.size)
            rankings[how][name] = tuple(one for one in found.image_ids if one not in left_out)
        same = [one for one in found.candidates.same_things if one not in left_out]
        judgements = known.judgements.grades.get(name, {})
        right += sum(judgements.get(one, 0) > 0 for one in same)
        wrong += sum(judgements.get(one, 0) == 0 for one in same)
        comparing.append(seconds_of_comparing(library, found.query.about.keypoints, rankings["vectors"][name]))
    runs = {how: Run(rankings=one, name=how) for how, one in rankings.items()}
    spent = {"extract_ms": 1e3 * float(np.median(extracting)), "compare_ms": 1e3 * float(np.median(comparing))}
    return runs, {"relevant": right, "not": wrong}, spent


def seconds_of_comparing(library, asked: Keypoints, nearest) -> float:
    """Of one core, for reading the keypoints of the best candidates and comparing all of them."""
    started = time.process_time()
    stored = library.catalog.keypoints.get(RECIPE, nearest[:VERIFIED_HITS])
    for packed in stored.values():
        same_thing(asked, Keypoints.unpacked(packed), Rule())
    return (time.process_time() - started) * VERIFIED_HITS / max(len(stored), 1)


def keypoint_bytes(library) -> int:
    ids = [image.id for image in library.catalog.images.browse(limit=200).images]
    sizes = [len(packed) for packed in library.catalog.keypoints.get(RECIPE, ids).values()]
    return round(float(np.mean(sizes)))


def other_views(library, folder: Path) -> dict[str, frozenset[str]]:
    """By query: the phone photos of the same cover."""
    phones = [path for path in sorted(folder.glob("images/*/*.jpg")) if path.parent.name != "Reference"]
    ids = library.catalog.sources.image_ids_at([str(path) for path in phones])
    return {
        str(path.relative_to(folder)): frozenset(ids[str(one)] for one in phones if one.name == path.name)
        for path in phones
    }


def first_is_right(run: Run, grades: Mapping[str, Mapping[str, int]]) -> list[float]:
    return [float(bool(found) and grades[name].get(found[0], 0) > 0) for name, found in run.rankings.items()]


def interval(values) -> dict:
    made = bootstrap_interval(np.array(values, dtype=np.float64), resamples=RESAMPLES)
    return {"mean": made.mean, "low": made.low, "high": made.high}


HEAD = f"""# The very same thing

Made by `python benchmarks/same_thing.py`, whose first lines say how. 95 % bootstrap intervals over queries.
Stored: {STORED.most} points at {STORED.side} px; queries: {ASKED.most} points at {ASKED.side} px; at least
{Rule().least_inliers} inliers. Bytes are those of an image. The milliseconds are those of one core of a shared
machine: to extract the keypoints of a query, and to compare 100 candidates.

| set, model | queries | images | measure | vectors | verified | change | hits: relevant / not | bytes | ms | ms |
|---|--:|--:|---|---|---|---|---|--:|--:|--:|"""


def as_markdown(sets: Mapping[str, dict]) -> str:
    lines = [HEAD]
    for name, one in sets.items():
        measure = "R@1" if "R@1" in one else "mAP"
        cells = [f"{v['mean']:.3f} ({v['low']:.3f}-{v['high']:.3f})" for v in one[measure].values()]
        change = one.get("change")
        cells.append(f"{change['mean']:+.4f} ({change['low']:+.4f} to {change['high']:+.4f})" if change else "")
        lines.append(
            f"| {name}, {one['model']} | {one['queries']:,} | {one['images']:,} | {measure} | {' | '.join(cells)} |"
            f" {one['accepted']['relevant']:,} / {one['accepted']['not']:,} | {one['bytes_an_image']:,} |"
            f" {one['extract_ms']:.0f} | {one['compare_ms']:.0f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
