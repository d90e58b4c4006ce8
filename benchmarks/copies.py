"""Which altered copies of pictures does `lookalike duplicates` find, and which different pictures does it call copies?

    python benchmarks/copies.py [--model efficientnet-lite0] [--folds chosen,held-out] [--cache DIR] [--sheet DIR]

Pictures of many kinds are altered in nine ways. For each way, a library of different pictures with one copy of each of
some of them is compared by the rules of `duplicates`: recall is the share of copies that are paired with the picture
that they were made of. Crops leave so much of the area. Different pictures that are paired are counted in the library
without copies, and written to --sheet as contact sheets, for some of them are the same picture after all:
`copies_looked_at.tsv` has the verdicts of looking at them.

The numbers of the rules were chosen on the fold `chosen`: every second kind of `diverse_photos`. The fold `held-out`,
the other kinds and the other shared sets, reports; but that colours are compared cell by cell, and that textures are,
was decided after product photos of that fold were paired. `catalog` is all of fashion_224: on 870 pairs of it that were
wrong, the share of cells that must have the same texture was chosen. Kinds of 64 px are left out.

What a model and OpenCV make of a picture is kept in --cache. The tables go to benchmarks/results/copies.md and
copies.json.
"""

import argparse
import csv
import hashlib
import io
import json
import os
import pickle
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from lookalike.columns import IMAGE_ROW
from lookalike.duplicates import CopyFinder, CopyPair, Library
from lookalike.duplicates.agreement import SIDE
from lookalike.embedding import Encoder, open_encoder
from lookalike.evaluation import bootstrap_interval
from lookalike.keypoints import STORED, Keypoints
from lookalike.preprocessing import decode, picture_keypoints, prepare
from lookalike.settings import load_settings
from quality import RESULTS, unpacked

VERDICTS = Path(__file__).with_name("copies_looked_at.tsv")
LOW = {"food-64px", "things-64px"}
OTHER_SETS = {"fashion_224": "tar.gz", "wardrobe_and_grocery": "tar", "coco256": "tar", "human_zappos85": "tar"}
COVERS = "smvs_dvd"
OF_A_KIND = 150  # different pictures, at most
ALTERED = 12  # of each kind; of each other set, 30
OF_A_SET, ALTERED_OF_A_SET = 600, 30
RESAMPLES = 10_000
FOLDS = ("chosen", "held-out")
CATALOG = "catalog"
"""All of `fashion_224`, unaltered: how many different products are paired where thousands are shot in one way."""

Alteration = Callable[[Image.Image], Image.Image]


def main() -> None:
    options = arguments()
    file = RESULTS / "copies.json"
    document = (
        json.loads(file.read_text()) if file.exists() else {"command": "python benchmarks/copies.py", "folds": {}}
    )
    with tempfile.TemporaryDirectory() as working:
        cache = options.cache or Path(working)
        for fold in options.folds.split(","):
            measured = measure(fold, options.model, cache, options.sheet)
            document["folds"].setdefault(fold, {})[options.model] = measured
            print(fold, json.dumps(measured, indent=1), flush=True)
            file.write_text(json.dumps(document, indent=1) + "\n")
            (RESULTS / "copies.md").write_text(as_markdown(document))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="efficientnet-lite0")
    parser.add_argument("--folds", default=",".join([*FOLDS, CATALOG]))
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--sheet", type=Path)
    return parser.parse_args()


# -- pictures, and copies of them


@dataclass(frozen=True, kw_only=True)
class Kind:
    """Different pictures of one kind, in an order that is always the same; the first `altered` are copied."""

    name: str
    photos: Sequence[Path]
    altered: int


def digest(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


def drawn(photos: Iterable[Path], most: int) -> list[Path]:
    return sorted(photos, key=lambda path: digest(path.name))[:most]


def kinds_of(fold: str, images: Path) -> list[Kind]:
    if fold == CATALOG:
        photos = unpacked("fashion_224.tar.gz", images).rglob("*.jpg")
        return [Kind(name="fashion_224", photos=sorted(photos), altered=0)]
    folder = unpacked("diverse_photos.tar", images)
    folder = next(path.parent for path in folder.rglob("manifest.csv"))
    with (folder / "manifest.csv").open(newline="") as lines:
        names = sorted({row["kind"] for row in csv.DictReader(lines)} - LOW)
    own = names[FOLDS.index(fold) :: 2]
    kinds = [Kind(name=one, photos=drawn((folder / one).glob("*.jpg"), OF_A_KIND), altered=ALTERED) for one in own]
    return kinds if fold == "chosen" else [*kinds, *other_sets(images)]


def other_sets(images: Path) -> list[Kind]:
    folders = {name: unpacked(f"{name}.{suffix}", images) for name, suffix in OTHER_SETS.items()}
    sets = {name: folder.rglob("*.jpg") for name, folder in folders.items()}
    sets[COVERS] = unpacked(f"{COVERS}.tar", images).rglob("Reference/*.jpg")  # the phone views show the same covers
    return [Kind(name=name, photos=drawn(photos, OF_A_SET), altered=ALTERED_OF_A_SET) for name, photos in sets.items()]


def jpeg(image: Image.Image, quality: int = 85) -> bytes:
    content = io.BytesIO()
    image.save(content, "JPEG", quality=quality)
    return content.getvalue()


def cut(image: Image.Image, share: float) -> Image.Image:
    """So much of each side, from somewhere in the picture, always the same place."""
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(image.tobytes()).digest()[:8]))
    width, height = round(image.width * share), round(image.height * share)
    left, top = (int(rng.integers(0, room + 1)) for room in (image.width - width, image.height - height))
    return image.crop((left, top, left + width, top + height))


def bordered(image: Image.Image) -> Image.Image:
    return ImageOps.expand(image, border=round(0.1 * max(image.size)), fill=(20, 20, 20))


def watermarked(image: Image.Image) -> Image.Image:
    """Half-transparent words across the middle."""
    words = Image.new("RGBA", image.size)
    size = max(image.width // 6, 8)
    ImageDraw.Draw(words).text(
        (image.width // 8, image.height // 2 - size), "© SAMPLE", (255, 255, 255, 150), font_size=size
    )
    return Image.alpha_composite(image.convert("RGBA"), words).convert("RGB")


ALTERATIONS: dict[str, Alteration] = {
    "re-encoded": lambda image: Image.open(io.BytesIO(jpeg(image, 25))).convert("RGB"),
    "resized": lambda image: image.resize(
        (max(image.width // 2, 1), max(image.height // 2, 1)), Image.Resampling.LANCZOS
    ),
    "bordered": bordered,
    "watermarked": watermarked,
    "mirrored": ImageOps.mirror,
    "turned by 90 degrees": lambda image: image.transpose(Image.Transpose.ROTATE_90),
    "rotated by 8 degrees": lambda image: image.rotate(8, Image.Resampling.BICUBIC, expand=True, fillcolor="white"),
    "cropped to 60 %": lambda image: cut(image, 0.6**0.5),
    "cropped to 35 %": lambda image: cut(image, 0.35**0.5),
}
HARDER: dict[str, Alteration] = {
    "cropped to 60 % of each side": lambda image: cut(image, 0.6),
    "cropped to 35 % of each side": lambda image: cut(image, 0.35),
}
"""Told beside the nine, and not part of their mean."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a library keeps of a picture."""

    content: bytes
    row: np.void
    vector: np.ndarray
    points: bytes


def seen(encoder: Encoder, content: bytes) -> Seen:
    prepared = prepare(content, encoder.preprocessing, name="picture")
    return Seen(
        content=content,
        row=prepared.columns,
        vector=encoder.encode_image(prepared.rows),
        points=picture_keypoints(content, STORED, name="picture").packed,
    )


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """Of one fold: the different ones by name, and the copies by alteration and the name of what was altered."""

    kinds: Mapping[str, str]
    different: Mapping[str, Seen]
    copies: Mapping[str, Mapping[str, Seen]]


def pictures(fold: str, model: str, cache: Path) -> Pictures:
    kept = cache / f"copies-{fold}-{model}.pickle"
    if kept.exists():
        known: Pictures = pickle.loads(kept.read_bytes())  # noqa: S301 - ours
        return known
    kinds: dict[str, str] = {}
    different: dict[str, Seen] = {}
    copies: dict[str, dict[str, Seen]] = {name: {} for name in ALTERATIONS | HARDER}
    models = Path(os.environ.get("LOOKALIKE_MODELS", load_settings({}).models))
    with open_encoder(model, models=models) as encoder:
        for kind in kinds_of(fold, cache / "images"):
            for place, photo in enumerate(kind.photos):
                name = f"{kind.name}/{photo.stem}"
                kinds[name], different[name] = kind.name, seen(encoder, photo.read_bytes())
                if place < kind.altered:
                    image = Image.open(photo).convert("RGB")
                    for how, change in (ALTERATIONS | HARDER).items():
                        copies[how][name] = seen(encoder, jpeg(change(image)))
            print(kind.name, len(kind.photos), flush=True)
    made = Pictures(kinds=kinds, different=different, copies=copies)
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(pickle.dumps(made))
    return made


# -- what the rules make of them


def library_of(pictures: Mapping[str, Seen]) -> Library:
    points = {name: Keypoints.unpacked(one.points) for name, one in pictures.items()}
    vectors = np.array([one.vector for one in pictures.values()], np.float32)
    return Library(
        ids=list(pictures),
        vectors=vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
        columns=np.array([one.row for one in pictures.values()], IMAGE_ROW),
        keypoints_of=lambda wanted: {name: points[name] for name in wanted},
        pixels_of=lambda name: decode(pictures[name].content, name=name, shortest_side=2 * SIDE).pixels,
    )


def measure(fold: str, model: str, cache: Path, sheet: Path | None) -> dict:
    made = pictures(fold, model, cache)
    started = time.process_time()
    pairs = pairs_of(CopyFinder(library_of(made.different)), range(len(made.different)))
    seconds = time.process_time() - started
    if sheet is not None:
        contact_sheets(made.different, pairs, sheet / fold)
    document = {
        "different": len(made.different),
        "seconds": round(seconds, 1),
        "false": false_pairs([(pair.one, pair.other) for pair in pairs], made.different),
    }
    return document if fold == CATALOG else document | recall(made)


def recall(made: Pictures) -> dict:
    """Which of the altered copies are found."""
    recalls = {how: found_copies(made, how) for how in made.copies}
    nine = [recalls[how] for how in ALTERATIONS]
    of_kind: dict[str, list[bool]] = defaultdict(list)
    for found in nine:
        for name, is_found in found.items():
            of_kind[made.kinds[name]].append(is_found)
    return {
        "recall": {how: told(found.values()) for how, found in recalls.items()},
        "recall_of_nine": told([float(np.mean([found[name] for found in nine])) for name in nine[0]]),
        "by_kind": {kind: round(float(np.mean(found)), 3) for kind, found in sorted(of_kind.items())},
    }


def pairs_of(finder: CopyFinder, rows: Sequence[int]) -> list[CopyPair]:
    return [pair for block in finder.find(rows) for pair in block.pairs]


def found_copies(made: Pictures, how: str) -> dict[str, bool]:
    """By the name of what was altered, whether its copy is paired with it."""
    copies = {f"{name}, {how}": one for name, one in made.copies[how].items()}
    asked = {**copies, **{name: made.different[name] for name in made.copies[how]}}
    mixed = {name: asked[name] for name in sorted(asked, key=digest)}  # an id says nothing of what was there first
    finder = CopyFinder(library_of({**mixed, **made.different}))
    found = {frozenset((pair.one, pair.other)) for pair in pairs_of(finder, range(len(asked)))}
    return {name: frozenset((f"{name}, {how}", name)) in found for name in made.copies[how]}


def told(values: Iterable[float]) -> dict:
    sample = np.array(list(values), np.float64)
    made = bootstrap_interval(sample, resamples=RESAMPLES)
    return {"mean": made.mean, "low": made.low, "high": made.high, "of": len(sample)}


def false_pairs(pairs: Sequence[tuple[str, str]], different: Mapping[str, Seen]) -> dict:
    """How many pairs of different pictures there are, and what they are by eye; others are those not looked at, too.

    Pictures with the same bytes are the same.
    """
    verdicts = looked_at() | {(a, b): "same" for a, b in pairs if different[a].content == different[b].content}
    by_eye = [verdicts.get(pair, "other") for pair in pairs]
    wrong, images = by_eye.count("other"), len(different)
    low, high = wilson(wrong, images)
    return {
        "pairs": len(pairs),
        "the_same_picture": by_eye.count("same"),
        "another_shot": by_eye.count("shot"),
        "something_else": wrong,
        "of_images": wrong / images,
        "low": low,
        "high": high,
        "which": [" ".join(pair) for pair in pairs],
    }


def looked_at() -> dict[tuple[str, str], str]:
    if not VERDICTS.exists():
        return {}
    with VERDICTS.open(newline="") as lines:
        return {(row["one"], row["other"]): row["verdict"] for row in csv.DictReader(lines, delimiter="\t")}


def wilson(count: int, of: int, z: float = 1.96) -> tuple[float, float]:
    """A 95 % interval of a share (Wilson 1927)."""
    share = count / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * np.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return max(float(middle - half), 0.0), float(middle + half)


def contact_sheets(different: Mapping[str, Seen], pairs: Sequence[CopyPair], into: Path, on_one: int = 30) -> None:
    """Pairs side by side, numbered, with a list of their names."""
    into.mkdir(parents=True, exist_ok=True)
    lines = [f"{n}\t{pair.one}\t{pair.other}\t{pair.reason}\t{pair.inliers}" for n, pair in enumerate(pairs)]
    (into / "pairs.tsv").write_text("\n".join(["number\tone\tother\treason\tinliers", *lines]) + "\n")
    for start in range(0, len(pairs), on_one):
        sheet = Image.new("RGB", (6 * 260, 5 * 150), "white")
        for place, pair in enumerate(pairs[start : start + on_one]):
            left, top = place % 6 * 260, place // 6 * 150
            for side, name in enumerate((pair.one, pair.other)):
                image = Image.open(io.BytesIO(different[name].content)).convert("RGB")
                image.thumbnail((124, 132))
                sheet.paste(image, (left + side * 126, top + 14))
            ImageDraw.Draw(sheet).text((left, top), f"{start + place} {pair.reason} {pair.inliers}", "black")
        sheet.save(into / f"pairs-{start // on_one}.png")


HEAD = """# Copies

Made by `python benchmarks/copies.py`, whose first lines say how. The numbers of the rules were chosen on the fold
`chosen`; `held-out` has other kinds and other sets, but that colours are compared cell by cell, and not by a median,
was decided after product photos of that fold were paired (308 pairs before). `catalog` is all of fashion_224, thousands
of products shot in one way: before textures were compared, about 900 pairs of its first 4,000 images were called
copies, and the least share of equal texture was chosen on them. 95 % intervals: bootstrap over the pictures that were
altered, and Wilson's over different pictures. Recall was measured before and after some pixels of each pair are
compared first: every number is the same.
"""


def as_markdown(document: dict) -> str:
    lines = [HEAD]
    every = [(f"{fold}, {model}", one) for fold, models in document["folds"].items() for model, one in models.items()]
    folds = [(name, one) for name, one in every if "recall" in one]
    lines += ["## Recall", "", "| alteration | " + " | ".join(name for name, _ in folds) + " |"]
    lines += ["|---" * (1 + len(folds)) + "|"]
    for how in [*ALTERATIONS, None, *HARDER]:
        cells = [cell(one["recall_of_nine"] if how is None else one["recall"][how]) for _, one in folds]
        lines.append(f"| {how or '**all nine**'} | " + " | ".join(cells) + " |")
    lines += ["", "The last two are harder than the nine: of the area, they leave 36 % and 12 %.", ""]
    lines += ["## Different pictures that are paired", ""]
    lines += [
        "All of these pairs were looked at: `benchmarks/copies_looked_at.tsv`. Another shot is another photo of the"
    ]
    lines += ["same crate of fruit, or another moment of one ride.", ""]
    lines += ["| | different pictures | pairs | the same picture after all | another shot | something else |"]
    lines += ["|---|--:|--:|--:|--:|--:|"]
    for name, one in every:
        false = one["false"]
        share = f"{100 * false['of_images']:.2f} % of pictures, {100 * false['low']:.2f}-{100 * false['high']:.2f} %"
        counts = " | ".join(str(false[key]) for key in ("pairs", "the_same_picture", "another_shot"))
        lines.append(f"| {name} | {one['different']:,} | {counts} | {false['something_else']} ({share}) |")
    lines += ["", "## Recall over the nine alterations, by kind", ""]
    for name, one in folds:
        kinds = ", ".join(f"{kind} {share:.2f}" for kind, share in one["by_kind"].items())
        lines += [f"{name}: {kinds}.", ""]
    return "\n".join(lines)


def cell(value: dict) -> str:
    return f"{value['mean']:.3f} ({value['low']:.3f}-{value['high']:.3f})"


if __name__ == "__main__":
    main()
