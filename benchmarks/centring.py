"""Does a library rank better when what all its images have in common is taken out of its vectors?

    python benchmarks/centring.py [--models efficientnet-lite0] [--kinds groceries,covers] [--cache DIR]

Each shared set of judged photos is a library of its own, and all of them together are one more. Queries are ranked by
exact search with the bare order of cosines, once over the vectors as they are and once for each way of centring them;
the mean difference in mAP and R@1 stands with its paired bootstrap interval (95 %, over queries). The way was chosen
on one half of the kinds and is confirmed on the other half, on which nothing was chosen. Vectors are kept in --cache,
so that a second run only ranks. Writes results/centring.md and results/centring.json.
"""

import argparse
import csv
import hashlib
import json
import os
import tarfile
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from lookalike.catalog import Catalog, ImageAddition, LiveModel, SourceFile
from lookalike.columns import image_row
from lookalike.embedding import PictureEncoder, open_encoder
from lookalike.evaluation import bootstrap_interval
from lookalike.indexing import Publisher
from lookalike.retrieval import View
from lookalike.types import Box

PROJECT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("LOOKALIKE_SHARED", PROJECT.parent / "shared"))
MODELS_FOLDER = Path(os.environ.get("LOOKALIKE_MODELS", PROJECT / ".cache" / "models"))
RESULTS = PROJECT / "benchmarks" / "results"
MODELS = ("efficientnet-lite0", "lookalike-small", "clip-vit-b16")
MOST_IMAGES = {"wardrobe_and_grocery": 1_500, "fashion_224": 800, "cifar10": 600}
MOST_QUERIES = 200
CUTS = 256  # of the library of all sets


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A judged query: a photo of the set or a part of one, what is right, and what counts neither way."""

    photo: str
    box: Box | None = None
    right: frozenset[str]
    aside: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        return part_name(self.photo, self.box)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """Judged queries of one kind, and the library they are asked of.

    Attributes:
        name: of the kind.
        archive: its photos and judgements.
        chosen_on: whether the way of centring was chosen on it.
        says: what is right.
        photos: the library, [image] relative paths.
        queries: asked of it.
    """

    name: str
    archive: str
    chosen_on: bool
    says: str
    photos: Sequence[str] = ()
    queries: Sequence[Asked] = field(default_factory=tuple)


def part_name(photo: str, box: Box | None) -> str:
    return photo if box is None else f"{photo}#{box.x:.4f},{box.y:.4f},{box.width:.4f},{box.height:.4f}"


def drawn(names: Iterable[str], most: int) -> list[str]:
    """Some of these, always the same."""
    return sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())[:most]


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t" if path.suffix == ".tsv" else ","))


def right_answers(path: Path, least: int) -> dict[str, set[str]]:
    """By query, what has at least that grade."""
    right: dict[str, set[str]] = defaultdict(set)
    for row in table(path):
        query, answer = row.get("query") or row["qid"], row.get("relevant") or row["candidate"]
        if int(row["grade"]) >= least:
            right[query].add(answer)
    return right


def random_part(photo: str, least: float, most: float) -> Box:
    """A part of a photo, always the same: sides of that share of the photo's, anywhere in it."""
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(photo.encode()).digest()[:8]))
    width, height = rng.uniform(least, most, 2)
    return Box(float(rng.uniform(0, 1 - width)), float(rng.uniform(0, 1 - height)), float(width), float(height))


def wardrobe_and_grocery(folder: Path) -> list[Kind]:
    rows = {row["path"]: row for row in table(folder / "manifest.csv")}
    photos = drawn(rows, MOST_IMAGES["wardrobe_and_grocery"])
    of_label = defaultdict(set)
    for photo in photos:
        of_label[rows[photo]["domain"], rows[photo]["label"]].add(photo)
    kinds = []
    for name, domain, chosen_on in (("garments", "clothing", True), ("groceries", "grocery", False)):
        asked = [photo for photo in photos if rows[photo]["domain"] == domain][:200]
        right = {photo: frozenset(of_label[domain, rows[photo]["label"]] - {photo}) for photo in asked}
        says = "the same type of garment" if domain == "clothing" else "the same product"
        whole = Kind(name=name, archive="wardrobe_and_grocery.tar", chosen_on=chosen_on, says=says, photos=photos)
        cropped = [
            Asked(
                photo=photo, box=random_part(f"asked {photo}", 0.4, 0.65), right=right[photo], aside=frozenset({photo})
            )
            for photo in asked
        ]
        kinds += [
            replace(whole, queries=[Asked(photo=photo, right=right[photo]) for photo in asked]),
            replace(whole, name=f"{name} by crop", says=f"{says}, the photo that was cut set aside", queries=cropped),
        ]
    return kinds


def fashion_224(folder: Path) -> list[Kind]:
    right = right_answers(folder / "qrels_grade2up.tsv", 2)
    first: dict[bytes, str] = {}
    for path in drawn([row["path"] for row in table(folder / "manifest.csv")], 1 << 30):
        first.setdefault(hashlib.sha256((folder / path).read_bytes()).digest(), path)  # of equal bytes one is enough
    asked = drawn(right.keys() & set(first.values()), MOST_QUERIES)
    photos = [*asked, *drawn(set(first.values()) - set(asked), MOST_IMAGES["fashion_224"] - len(asked))]
    queries = [Asked(photo=photo, right=frozenset(right[photo]) - {photo}) for photo in asked]
    says = "the same type, and gender or colour"
    return [
        Kind(
            name="products",
            archive="fashion_224.tar.gz",
            chosen_on=True,
            says=says,
            photos=photos,
            queries=queries,
        )
    ]


def coco256(folder: Path) -> list[Kind]:
    sizes = {row["path"]: (int(row["width"]), int(row["height"])) for row in table(folder / "manifest.csv")}
    others, sources = right_answers(folder / "crop_qrels.tsv", 1), right_answers(folder / "crop_qrels.tsv", 2)
    asked, own = [], []
    for row in table(folder / "crop_queries.tsv"):
        photo, (width, height) = row["image"], sizes[row["image"]]
        left, top, right, bottom = (int(row[edge]) for edge in ("x0", "y0", "x1", "y1"))
        box = Box(left / width, top / height, (right - left) / width, (bottom - top) / height)
        answers = frozenset(others[row["qid"]] - sources[row["qid"]])
        asked.append(Asked(photo=photo, box=box, right=answers, aside=frozenset({photo})))
        own.append(Asked(photo=photo, box=box, right=frozenset({photo})))
    whole = Kind(
        name="objects in scenes",
        archive="coco256.tar",
        chosen_on=False,
        says="by crop: another scene with that object",
        photos=sorted(sizes),
    )
    return [
        replace(whole, queries=asked),
        replace(whole, name="the scene of a crop", says="by crop: the scene it is of", queries=own),
    ]


def smvs_dvd(folder: Path) -> list[Kind]:
    rows = table(folder / "manifest.csv")
    views = defaultdict(set)
    for row in rows:
        if row["role"] == "query":
            views[row["object"]].add(row["path"])
    right = right_answers(folder / "qrels.tsv", 1)
    queries = [
        Asked(photo=row["path"], right=frozenset(right[row["path"]]), aside=frozenset(views[row["object"]]))
        for row in rows
        if row["role"] == "query"
    ]
    return [
        Kind(
            name="covers",
            archive="smvs_dvd.tar",
            chosen_on=True,
            says="by phone: the clean cover, the other phone views set aside",
            photos=[row["path"] for row in rows],
            queries=queries,
        )
    ]


def human_zappos85(folder: Path) -> list[Kind]:
    right = right_answers(folder / "qrels.tsv", 2)
    queries = [Asked(photo=photo, right=frozenset(answers)) for photo, answers in right.items()]
    return [
        Kind(
            name="shoes",
            archive="human_zappos85.tar",
            chosen_on=False,
            says="the twelve that people call most alike",
            photos=[row["path"] for row in table(folder / "manifest.csv")],
            queries=queries,
        )
    ]


def human_materials100(folder: Path) -> list[Kind]:
    rows = table(folder / "manifest.csv")
    closer: dict[tuple[str, str], int] = defaultdict(int)
    for row in table(folder / "triplets.tsv"):
        votes = int(row["votes_a"]) - int(row["votes_b"])
        closer[row["reference"], row["a"]] += votes
        closer[row["reference"], row["b"]] -= votes
    alike = defaultdict(set)
    for (reference, other), votes in closer.items():
        if votes > 0:
            alike[reference].add(other)
    path_of = {(row["light"], row["material"]): row["path"] for row in rows}
    judged = {material for pair in closer for material in pair}
    queries = [
        Asked(
            photo=path,
            right=frozenset(path_of[light, other] for other in alike[material]),
            aside=frozenset(
                other
                for (where, what), other in path_of.items()
                if where != light or (what not in judged) or (material, what) not in closer
            )
            | {path},
        )
        for (light, material), path in path_of.items()
        if alike[material]
    ]
    return [
        Kind(
            name="materials",
            archive="human_materials100.tar",
            chosen_on=True,
            says="of those that people compared with it, the ones they called closer",
            photos=[row["path"] for row in rows],
            queries=queries,
        )
    ]


def cifar10(folder: Path) -> list[Kind]:
    labels = {row["path"]: row["label"] for row in table(folder / "manifest.csv") if row["split"] == "test"}
    photos = drawn(labels, MOST_IMAGES["cifar10"])
    of_label = defaultdict(set)
    for photo in photos:
        of_label[labels[photo]].add(photo)
    queries = [
        Asked(photo=photo, right=frozenset(of_label[labels[photo]] - {photo})) for photo in photos[:MOST_QUERIES]
    ]
    return [
        Kind(
            name="tiny things",
            archive="cifar10.tar.gz",
            chosen_on=False,
            says="32 px: the same class",
            photos=photos,
            queries=queries,
        )
    ]


SETS: Mapping[str, Callable[[Path], list[Kind]]] = {
    "wardrobe_and_grocery": wardrobe_and_grocery,
    "fashion_224": fashion_224,
    "coco256": coco256,
    "smvs_dvd": smvs_dvd,
    "human_zappos85": human_zappos85,
    "human_materials100": human_materials100,
    "cifar10": cifar10,
}


def unpacked(name: str, into: Path) -> Path:
    folder = into / name
    if not folder.exists():
        into.mkdir(parents=True, exist_ok=True)
        [archive] = (SHARED / "data").glob(f"{name}.tar*")
        with tarfile.open(archive) as opened:
            opened.extractall(into, filter="data")
    return folder


def cut_names(kinds: Sequence[Kind]) -> dict[str, tuple[str, Box]]:
    """Random cuts of a library's photos, as large as those that `lookalike.indexing.cuts` makes, by name."""
    with_crops = any(query.box for kind in kinds for query in kind.queries)
    boxes = {photo: random_part(photo, 0.25, 0.9) for photo in drawn(kinds[0].photos, 384 if with_crops else 160)}
    return {
        part_name(photo, box): (photo, box)
        for photo, box in boxes.items()
        if min(box.width, box.height) >= 0.3 and max(box.width, box.height) <= 0.7
    }


def vectors_of(model: str, name: str, kinds: Sequence[Kind], folder: Path, cache: Path) -> dict[str, np.ndarray]:
    """Of every photo, crop and cut, [dimension] float32; encoded once, and kept."""
    path = cache / f"{model}-{name}.npz"
    known = dict(np.load(path)) if path.exists() else {}
    wanted: dict[str, tuple[str, Box | None]] = {photo: (photo, None) for kind in kinds for photo in kind.photos}
    wanted |= {query.name: (query.photo, query.box) for kind in kinds for query in kind.queries}
    wanted |= cut_names(kinds)
    missing = [one for one in wanted if one not in known]
    if missing:
        print(f"{model}: encoding {len(missing):,} pictures of {name}", flush=True)
        began = time.monotonic()
        with open_encoder(model, models=MODELS_FOLDER, mode="latency") as encoder:
            pictures = PictureEncoder(encoder=encoder)
            for one in missing:
                photo, box = wanted[one]
                prepared = pictures.prepare((folder / photo).read_bytes(), name=photo, crop=box)
                known[one] = pictures.encode(prepared)
        print(f"  {time.monotonic() - began:.0f} s", flush=True)
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(path, **known)
    return known


@dataclass(frozen=True, kw_only=True)
class Space:
    """A library's vectors and a kind's queries, ready to be compared.

    Attributes:
        photos: [n, d] unit rows.
        whole: [d], what is taken out of queries that are whole pictures.
        part: [d], what is taken out of crops.
        scale: [d, d], applied to what is left of both; None for nothing.
    """

    photos: np.ndarray
    whole: np.ndarray
    part: np.ndarray
    scale: np.ndarray | None = None

    def query(self, vector: np.ndarray, *, is_crop: bool) -> np.ndarray:
        apart = vector - (self.part if is_crop else self.whole)
        return unit(apart if self.scale is None else apart @ self.scale)


def unit(rows: np.ndarray) -> np.ndarray:
    units: np.ndarray = rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12)
    return units


def taken_out(photos: np.ndarray, cuts: np.ndarray, share: float = 1.0, *, own_mean_for_crops: bool = True) -> Space:
    """A share of the mean, of photos and of cuts."""
    whole, part = share * photos.mean(axis=0), share * cuts.mean(axis=0)
    return Space(photos=unit(photos - whole), whole=whole, part=part if own_mean_for_crops else whole)


def clipped(photos: np.ndarray, cuts: np.ndarray, most: float = 8.0) -> Space:
    """Minus the mean, and directions whose variance is above so many times the average are brought down to it."""
    space = taken_out(photos, cuts)
    values, directions = np.linalg.eigh(np.cov((photos - space.whole).T))
    factors = np.sqrt(np.minimum(1, most * values.mean() / np.maximum(values, 1e-12)))
    scale = (directions * factors) @ directions.T
    return replace(space, photos=unit((photos - space.whole) @ scale), scale=scale)


def by_diversity(photos: np.ndarray, cuts: np.ndarray) -> Space:
    """The less the photos differ, the less of the mean: the share is 1 - |mean|^2, their variance."""
    mean = photos.mean(axis=0)
    return taken_out(photos, cuts, float(1 - mean @ mean))


WAYS: Mapping[str, Callable[[np.ndarray, np.ndarray], Space]] = {
    "as they are": lambda photos, cuts: taken_out(photos, cuts, 0.0),
    "minus half the mean": lambda photos, cuts: taken_out(photos, cuts, 0.5),
    "minus the mean": taken_out,
    "minus the mean, crops as wholes": lambda photos, cuts: taken_out(photos, cuts, own_mean_for_crops=False),
    "minus the mean, variances above 8x clipped": clipped,
    "minus a share by diversity": by_diversity,
    "minus the mean, crops as they are": lambda photos, cuts: replace(
        taken_out(photos, cuts), part=np.zeros(photos.shape[1])
    ),
}
SYNTHETIC = LiveModel(name="synthetic", fingerprint="7" * 64, dimension=256)
BASE, CHOSEN = "as they are", "minus the mean"


def scores(kind: Kind, space: Space, photos: Sequence[str], vectors: Mapping[str, np.ndarray]) -> np.ndarray:
    """Average precision and R@1 of each query, [queries, 2]; NaN where the library has nothing right."""
    place = {photo: number for number, photo in enumerate(photos)}
    results = np.full((len(kind.queries), 2), np.nan)
    for number, query in enumerate(kind.queries):
        right = np.zeros(len(photos), bool)
        right[[place[one] for one in query.right if one in place]] = True
        if not right.any():
            continue
        asked = space.query(vectors[query.name], is_crop=query.box is not None)
        cosines = np.round(space.photos @ asked, 6)
        own = {query.photo} if query.box is None else set()
        cosines[[place[one] for one in query.aside | own if one in place]] = -np.inf
        order = np.argsort(-cosines, kind="stable")
        ranked = right[order]
        precision = np.cumsum(ranked) / np.arange(1, len(ranked) + 1)
        results[number] = precision[ranked].mean(), ranked[0]
    return results


def measured(
    kinds: Sequence[Kind], photos: Sequence[str], vectors: Mapping[str, np.ndarray], *, cuts: Sequence[str]
) -> dict[str, dict[str, np.ndarray]]:
    """By kind and way, what `scores` says."""
    matrix = np.stack([vectors[photo] for photo in photos]).astype(np.float64)
    cut_matrix = np.stack([vectors[cut] for cut in cuts]).astype(np.float64)
    spaces = {way: make(matrix, cut_matrix) for way, make in WAYS.items()}
    return {kind.name: {way: scores(kind, space, photos, vectors) for way, space in spaces.items()} for kind in kinds}


def difference(results: Mapping[str, np.ndarray], way: str, column: int) -> tuple[float, float, float]:
    """Of a way to the vectors as they are, and the ends of its interval."""
    differences = (results[way] - results[BASE])[:, column]
    interval = bootstrap_interval(differences[~np.isnan(differences)])
    return interval.mean, interval.low, interval.high


def span(value: tuple[float, float, float]) -> str:
    return f"{value[0]:+.3f} ({value[1]:+.3f} to {value[2]:+.3f})"


def library_table(kinds: Sequence[Kind], results: Mapping[str, Mapping[str, np.ndarray]]) -> list[str]:
    """One library: each kind with and without."""
    lines = ["| kind | chosen on | queries | mAP | difference | R@1 | difference |", "|---|---|--:|--:|--:|--:|--:|"]
    for kind in kinds:
        found = results[kind.name]
        mean = np.nanmean(found[BASE], axis=0)
        cells = [
            f"{mean[0]:.3f}",
            span(difference(found, CHOSEN, 0)),
            f"{mean[1]:.3f}",
            span(difference(found, CHOSEN, 1)),
        ]
        asked = int((~np.isnan(found[BASE][:, 0])).sum())
        lines.append(" | ".join([f"| {kind.name}", "yes" if kind.chosen_on else "", f"{asked:,}", *cells]) + " |")
    return lines


def ways_table(kinds: Sequence[Kind], of_model: Mapping[str, Mapping[str, Mapping[str, np.ndarray]]]) -> list[str]:
    """Every way: the mean difference over kinds and models, on each half, and the worst of any kind."""
    lines = [
        "| way | mAP, chosen on | mAP, confirmed | R@1, chosen on | R@1, confirmed | worst mAP | kinds that lose |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for way in [way for way in WAYS if way != BASE]:
        cells = []
        for column in (0, 1):
            for chosen_on in (True, False):
                found = [
                    difference(results[kind.name], way, column)[0]
                    for results in of_model.values()
                    for kind in kinds
                    if kind.chosen_on == chosen_on
                ]
                cells.append(f"{np.mean(found):+.4f}")
        each = {
            (model, kind.name): difference(results[kind.name], way, 0)
            for model, results in of_model.items()
            for kind in kinds
        }
        worst = min(each, key=lambda one: each[one][0])
        losing = sum(high < 0 for _, _, high in each.values())
        cells += [f"{each[worst][0]:+.3f} ({worst[1]}, {worst[0]})", f"{losing} of {len(each)}"]
        lines.append(f"| {way} | " + " | ".join(cells) + " |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--cache", type=Path, help="where photos are unpacked and vectors are kept")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as working:
        cache = options.cache or Path(working)
        kinds_of = {name: SETS[name](unpacked(name, cache)) for name in options.sets.split(",")}
        alone: dict[str, dict[str, dict[str, np.ndarray]]] = {}
        together: dict[str, dict[str, dict[str, np.ndarray]]] = {}
        for model in options.models.split(","):
            alone[model], together[model] = measure(model, kinds_of, cache)
        costs = cost(Path(tempfile.mkdtemp(dir=working)))
    kinds = [kind for kinds in kinds_of.values() for kind in kinds]
    write(kinds, alone, together, costs)


def measure(
    model: str, kinds_of: Mapping[str, list[Kind]], cache: Path
) -> tuple[dict[str, dict[str, np.ndarray]], dict[str, dict[str, np.ndarray]]]:
    """By kind and way: each set as a library of its own, and all sets as one."""
    alone: dict[str, dict[str, np.ndarray]] = {}
    everything: dict[str, np.ndarray] = {}
    all_kinds: list[Kind] = []
    for name, kinds in kinds_of.items():
        vectors = vectors_of(model, name, kinds, cache / name, cache / "vectors")
        photos = kinds[0].photos
        alone |= measured(kinds, photos, vectors, cuts=list(cut_names(kinds)))
        everything |= {f"{name}/{one}": vector for one, vector in vectors.items()}
        all_kinds += [moved(kind, name) for kind in kinds]
    photos = sorted({photo for kind in all_kinds for photo in kind.photos})
    cuts = [f"{name}/{cut}" for name, kinds in kinds_of.items() for cut in cut_names(kinds)]
    return alone, measured(all_kinds, photos, everything, cuts=drawn(cuts, CUTS))


def moved(kind: Kind, folder: str) -> Kind:
    """The same kind, with its photos in a folder of that name."""
    queries = [
        replace(
            query,
            photo=f"{folder}/{query.photo}",
            right=frozenset(f"{folder}/{one}" for one in query.right),
            aside=frozenset(f"{folder}/{one}" for one in query.aside),
        )
        for query in kind.queries
    ]
    return replace(kind, photos=[f"{folder}/{photo}" for photo in kind.photos], queries=queries)


def cost(folder: Path, images: int = 10_000, repeat: int = 7) -> dict[str, dict[str, float]]:
    """Milliseconds of publishing and of searching, without and with centring; the quickest of several, in turns."""
    rng = np.random.default_rng(0)
    rows = unit(rng.normal(size=(images, 256)).astype(np.float32) + 0.4)
    with Catalog.open(f"sqlite:///{folder / 'catalog.sqlite'}", originals=folder / "originals") as catalog:
        catalog.images.add([addition(number, row) for number, row in enumerate(rows)])
        publishers = {
            name: Publisher(catalog, snapshots=folder / name, centre_from=least)
            for name, least in (("without", 0), ("with", 500))
        }
        taken: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in publishers}
        for _ in range(repeat):
            for name, publisher in publishers.items():
                began = time.perf_counter()
                snapshot = publisher.publish(SYNTHETIC)
                taken[name]["publishing"].append(1000 * (time.perf_counter() - began))
                view = View.of(snapshot, fingerprint=SYNTHETIC.fingerprint, dimension=SYNTHETIC.dimension)
                for row in rows[:50]:
                    began = time.perf_counter()
                    searched = view.searched(row)
                    taken[name]["centring the query"].append(1000 * (time.perf_counter() - began))
                    view.nearest(searched, 338)
                    taken[name]["finding 338 images"].append(1000 * (time.perf_counter() - began))
    return {name: {what: min(times) for what, times in of_name.items()} for name, of_name in taken.items()}


def addition(number: int, vector: np.ndarray) -> ImageAddition:
    return ImageAddition(
        content_id=hashlib.sha256(str(number).encode()).hexdigest()[:32],
        width=8,
        height=8,
        mean_colour="#000000",
        columns=image_row(difference_hash=number),
        media_type="image/png",
        byte_count=1,
        source=SourceFile(path=f"/pictures/{number}.png", byte_count=1, modified_ns=1),
        fingerprint=SYNTHETIC.fingerprint,
        vector=vector,
    )


def write(
    kinds: Sequence[Kind],
    alone: Mapping[str, Mapping[str, Mapping[str, np.ndarray]]],
    together: Mapping[str, Mapping[str, Mapping[str, np.ndarray]]],
    costs: Mapping[str, Mapping[str, float]],
) -> None:
    lines = [
        "# What centring a library's vectors is worth",
        "",
        "Made by `python benchmarks/centring.py --cache DIR`. Exact search, the bare order of cosines; differences are",
        "paired, with 95 % bootstrap intervals over queries. Sets of fewer than 500 photos are centred here, too,",
        "though lookalike would leave a library as small as that alone.",
        "",
        "| kind | what is right |",
        "|---|---|",
        *(f"| {kind.name} | {kind.says} |" for kind in kinds),
    ]
    for title, of_model in (("Each set is a library", alone), ("All sets are one library", together)):
        lines += ["", f"## {title}", "", *ways_table(kinds, of_model)]
        for model, results in of_model.items():
            lines += ["", f"### {model}, {CHOSEN}", "", *library_table(kinds, results)]
    lines += ["", "## Cost", "", "10,000 vectors of 256 dimensions, milliseconds; the quickest of several.", ""]
    lines += ["| | without | with |", "|---|--:|--:|"]
    lines += [f"| {what} | {costs['without'][what]:.3f} | {costs['with'][what]:.3f} |" for what in costs["with"]]
    (RESULTS / "centring.md").write_text("\n".join(lines) + "\n")
    (RESULTS / "centring.json").write_text(json.dumps(as_document(kinds, alone, together), indent=1) + "\n")


def as_document(kinds: Sequence[Kind], alone: Mapping, together: Mapping) -> dict:
    """Means and differences of every way, for programs."""
    return {
        library: {
            model: {
                kind.name: {
                    way: {
                        "mAP": float(np.nanmean(found[:, 0])),
                        "R@1": float(np.nanmean(found[:, 1])),
                        "difference_mAP": difference(results[kind.name], way, 0),
                        "difference_R@1": difference(results[kind.name], way, 1),
                    }
                    for way, found in results[kind.name].items()
                }
                for kind in kinds
            }
            for model, results in of_model.items()
        }
        for library, of_model in (("alone", alone), ("together", together))
    }


if __name__ == "__main__":
    main()
