"""The kinds of photos that models are taught and judged on, and the five folds that they are divided into.

`kinds.csv` names each kind, the shared set that its photos come from, its family (kinds that are alike, such as photos
of food from two sources), its fold, and how it is judged:

- `grades`: by the judgements of its set; average precision.
- `labels`: two photos are relevant to each other when their source put them into the same class; average precision.
- `triplets`: share of people's triplets (reference, closer, farther) that the vectors order alike.
- `teacher`: nothing is known of the photos; the share of the 10 nearest neighbours by clip-vit-b16, among all photos of
  the fold, that the vectors find as well.

A family is never divided, so nothing of a kind, nor of one like it, is in training when the kind is judged.
"""

import csv
import io
import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from lookalike.embedding import open_encoder
from lookalike.evaluation.ranking_metrics import average_precision, count_grades
from lookalike.preprocessing import prepare
from lookalike.training.chance import chance_for
from lookalike.training.features import describe_images
from training_distill import MODELS, SHARED, Counted, Vectors, fashion_grades, unpacked

FOLDS, MOST, MOST_CLASSES, NEIGHBORS, RESAMPLES, FEWEST_QUERIES = 5, 100, 50, 10, 2_000, 10
MOST_BY_TEACHER, MOST_TAUGHT = 50, 50
LIMITS = dict.fromkeys(("clothes", "groceries", "fashion", "covers"), 250)
LIMITS |= dict.fromkeys(("things-64px", "food-64px", "objects", "instruments"), 200)
_NO_CLASSES = {"objects", "room_scenes"}


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A line of kinds.csv."""

    kind: str
    set: str
    family: str
    fold: int
    judged_by: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Judged:
    """What is asked of a kind, by names of photos or of parts of photos.

    Attributes:
        queries: [n] names.
        gallery: [m] names.
        grades: [n, m] int8; a query's own photo has 0 and is left out.
        triplets: [t, 3] places in the gallery of a reference, the closer and the farther; None where there are none.
    """

    queries: list[str]
    gallery: list[str]
    grades: np.ndarray
    triplets: np.ndarray | None = None

    @property
    def asks(self):
        """Whether there is enough to say anything."""
        return self.triplets is not None or len(self.queries) >= FEWEST_QUERIES


@cache
def kinds():
    with Path(__file__).with_name("kinds.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    return tuple(
        Kind(kind=row["kind"], set=row["set"], family=row["family"], fold=int(row["fold"]), judged_by=row["judged_by"])
        for row in rows
    )


class Photos:
    """The shared sets, unpacked once into a folder. A part of a photo is named PHOTO#left,top,width,height."""

    def __init__(self, folder):
        self.folder = folder / "images"

    def rows(self, name):
        """The lines of a set's manifest."""
        archive = next(SHARED.glob(f"data/{name}.tar*")).name
        with (unpacked(archive, self.folder) / "manifest.csv").open(newline="") as lines:
            return list(csv.DictReader(lines))

    def of(self, kind):
        """Names of the photos of a kind, in a drawn order; `chosen` are the first of them."""
        if kind.set == "diverse_photos":
            found = [row["path"] for row in self.rows(kind.set) if row["kind"] == kind.kind]
        elif kind.set == "wardrobe_and_grocery":
            domain = {"clothes": "clothing", "groceries": "grocery"}[kind.kind]
            found = [row["path"] for row in self.rows(kind.set) if row["domain"] == domain]
        else:
            found = [row["path"] for row in self.rows(kind.set)]
        drawn = chance_for("kinds", kind.kind).permutation(len(found))
        return [f"{kind.set}/{found[place]}" for place in drawn]

    def chosen(self, kind):
        """At most so many photos of a kind; of the classes where it has many, those with most photos."""
        names = self.of(kind)
        if kind.judged_by == "labels":
            classes = defaultdict(int)
            labels = self.labels(kind)
            for name in names:
                classes[labels[name]] += 1
            kept = set(sorted(classes, key=lambda one: (-classes[one], one))[:MOST_CLASSES])
            names = [name for name in names if labels[name] in kept]
        return names[: MOST_BY_TEACHER if kind.judged_by == "teacher" else LIMITS.get(kind.kind, MOST)]

    def labels(self, kind):
        """Photo -> the class that its source put it in; empty for none."""
        if kind.set == "wardrobe_and_grocery":
            key = {"clothes": "label", "groceries": "coarse"}[kind.kind]
            return {f"{kind.set}/{row['path']}": row[key] for row in self.rows(kind.set)}
        rows = {f"{kind.set}/{row['path']}": row["source_path"] for row in self.rows(kind.set)}
        return {name: class_of(kind.kind, rows[name]) for name in self.of(kind)}

    def content(self, name):
        path, _, part = name.partition("#")
        content = (self.folder / path).read_bytes()
        return part_of(content, part) if part else content

    def prepared(self, name, preprocessing):
        return prepare(self.content(name), preprocessing, name=name).rows


def class_of(kind, source_path):
    """The class that a photo's path at its source tells."""
    *_, folder, file = ("", *Path(source_path).parts)
    if kind == "things-64px":
        return Path(source_path).parts[-3]
    if kind == "fruit-vegetables":
        return re.sub(r"[\d_. ].*", "", file.lower())
    if kind == "pets":
        return next((one for one in ("cat", "dog") if one in source_path.lower().removeprefix("dataset")), "")
    return "" if folder in _NO_CLASSES else folder


def part_of(content, part):
    """A part of a picture, as PNG."""
    with Image.open(io.BytesIO(content)) as image:
        width, height = image.size
        left, top, wide, high = (float(number) for number in part.split(","))
        box = (int(left * width), int(top * height), int((left + wide) * width), int((top + high) * height))
        cut = image.convert("RGB").crop((*box[:2], max(box[2], box[0] + 8), max(box[3], box[1] + 8)))
    stream = io.BytesIO()
    cut.save(stream, "PNG")
    return stream.getvalue()


# -- vectors, each computed once


def vectors_by(model, names, photos, folder, *, models=MODELS):
    """[names, dimension] unit rows by a model, on one thread."""
    with open_encoder(model, models=models, mode="throughput", threads=1) as encoder:
        return described(names, Vectors(encoder), lambda name: photos.prepared(name, encoder.preprocessing), folder)


def described(names, encoder, prepared, folder):
    """[names, d] of what an encoder gives; kept in a folder, so that a stopped run goes on."""
    counted = Counted(f"described by {encoder.fingerprint[:8]}", len(names))
    found = describe_images(names, encoder, prepared, folder=folder / "features", progress=counted)
    assert not found.refused, found.refused
    return found.features()


# -- what is asked of a kind


def judged(kind, photos):
    """What is known of a kind; for `teacher`, which needs vectors, see `neighbours_found`."""
    if kind.judged_by == "labels":
        return by_labels(photos.chosen(kind), photos.labels(kind))
    if kind.judged_by == "triplets":
        return by_triplets(kind, photos)
    if kind.set == "wardrobe_and_grocery":
        return by_labels(photos.chosen(kind), photos.labels(kind))
    if kind.kind == "fashion":
        gallery = photos.chosen(kind)
        return asked_of(gallery, fashion_grades(gallery, photos.folder / kind.set))
    if kind.kind == "coco-crops":
        return by_crops(kind, photos)
    return by_grades(kind, photos)


def by_labels(gallery, labels):
    known = [labels[name] for name in gallery]
    grades = np.array([[bool(one) and one == other for other in known] for one in known], np.int8)
    np.fill_diagonal(grades, 0)
    return asked_of(gallery, grades)


def asked_of(gallery, grades):
    """Each photo to which another one is relevant asks for the others; grades: [m, m]."""
    asked = np.flatnonzero(grades.any(axis=1))
    return Judged(queries=[gallery[row] for row in asked], gallery=gallery, grades=grades[asked])


def by_grades(kind, photos):
    """Of the set's judgements those among the chosen photos."""
    gallery = photos.chosen(kind)
    row_of = {name.split("/", 1)[1]: row for row, name in enumerate(gallery)}
    grades = np.zeros((len(gallery), len(gallery)), np.int8)
    with (photos.folder / kind.set / "qrels.tsv").open(newline="") as lines:
        for query, image, grade in (line[:3] for line in list(csv.reader(lines, delimiter="\t"))[1:]):
            if query in row_of and image in row_of and query != image:
                grades[row_of[query], row_of[image]] = int(grade)
    return asked_of(gallery, grades)


def by_crops(kind, photos):
    """Every other box in photos; the photo itself is relevant, and is not left out."""
    gallery = [f"{kind.set}/{row['path']}" for row in photos.rows(kind.set)]
    sizes = {row["path"]: (int(row["width"]), int(row["height"])) for row in photos.rows(kind.set)}
    row_of = {name.split("/", 1)[1]: row for row, name in enumerate(gallery)}
    with (photos.folder / kind.set / "crop_queries.tsv").open(newline="") as lines:
        asked = {row["qid"]: row for row in list(csv.DictReader(lines, delimiter="\t"))[::2]}
    place_of = {query: place for place, query in enumerate(asked)}
    grades = np.zeros((len(asked), len(gallery)), np.int8)
    with (photos.folder / kind.set / "crop_qrels.tsv").open(newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            if row["qid"] in place_of:
                grades[place_of[row["qid"]], row_of[row["relevant"]]] = int(row["grade"])
    queries = []
    for row in asked.values():
        width, height = sizes[row["image"]]
        x0, y0, x1, y1 = (float(row[key]) for key in ("x0", "y0", "x1", "y1"))
        part = f"{x0 / width:.4f},{y0 / height:.4f},{(x1 - x0) / width:.4f},{(y1 - y0) / height:.4f}"
        queries.append(f"{kind.set}/{row['image']}#{part}")
    return Judged(queries=queries, gallery=gallery, grades=grades)


def by_triplets(kind, photos):
    """People's votes on renderings in one light; ties are left out."""
    rows = [row for row in photos.rows(kind.set) if row["light"] == photos.rows(kind.set)[0]["light"]]
    place_of = {row["material"]: place for place, row in enumerate(rows)}
    found = []
    with (photos.folder / kind.set / "triplets.tsv").open(newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            a, b = float(row["votes_a"]), float(row["votes_b"])
            names = [row["reference"], *((row["a"], row["b"]) if a > b else (row["b"], row["a"]))]
            if a != b and all(name in place_of for name in names):
                found.append([place_of[name] for name in names])
    gallery = [f"{kind.set}/{row['path']}" for row in rows]
    return Judged(queries=[], gallery=gallery, grades=np.zeros((0, 0), np.int8), triplets=np.array(found))


def names_asked(kind, photos):
    """Every photo and part that a model has to describe to be judged on a kind."""
    if kind.judged_by == "teacher":
        return photos.chosen(kind)
    known = judged(kind, photos)
    return list(dict.fromkeys([*known.queries, *known.gallery]))


def photos_by_fold(photos):
    """All that is asked of any kind: names, the fold of each, and how much it counts, so that all kinds count alike."""
    of_kind = {name: kind for kind in kinds() for name in names_asked(kind, photos)}
    folds = np.array([kind.fold for kind in of_kind.values()])
    counts = dict(zip(*np.unique([kind.kind for kind in of_kind.values()], return_counts=True), strict=True))
    return list(of_kind), folds, np.array([1 / counts[kind.kind] for kind in of_kind.values()])


def names_taught(kind, photos):
    """Those of them that the teacher describes; of a kind with parts of photos, some of those and some photos."""
    names = names_asked(kind, photos)
    if any("#" in name for name in names):
        names = [names[place] for place in chance_for("taught", kind.kind).permutation(len(names))]
    return names[:MOST_TAUGHT]


def among(known, names):
    """The same questions among fewer photos: those of the names; without the ones that nothing is left for."""
    if known.triplets is not None:
        return Judged(queries=[], gallery=[], grades=known.grades)
    rows = [place for place, name in enumerate(known.gallery) if name in names]
    grades = known.grades[:, rows]
    asked = [place for place, name in enumerate(known.queries) if name in names and grades[place].any()]
    gallery = [known.gallery[row] for row in rows]
    return Judged(queries=[known.queries[place] for place in asked], gallery=gallery, grades=grades[asked])


def values_of(known, vectors):
    """[n] a query's average precision, or a reference's share of triplets; vectors: name -> unit row."""
    gallery = np.stack([vectors[name] for name in known.gallery])
    if known.triplets is not None:
        reference, closer, farther = known.triplets.T
        right = (np.einsum("td,td->t", gallery[reference], gallery[closer] - gallery[farther]) > 0).astype(float)
        return np.array([right[reference == one].mean() for one in np.unique(reference)])
    place_of = {name: place for place, name in enumerate(known.gallery)}
    cosines = np.stack([vectors[name] for name in known.queries]) @ gallery.T
    for row, name in enumerate(known.queries):
        if name in place_of:
            cosines[row, place_of[name]] = -2
    order = np.argsort(-cosines, axis=1, kind="stable")
    return average_precision(np.take_along_axis(known.grades, order, axis=1), count_grades(known.grades))


def neighbours_found(names, gallery, vectors, teacher):
    """[names] share of the teacher's nearest neighbours in a gallery that the vectors find among as many."""
    found = []
    for of in (vectors, teacher):
        rows = np.stack([of[name] for name in gallery])
        cosines = np.stack([of[name] for name in names]) @ rows.T
        cosines[np.array(names)[:, None] == np.array(gallery)[None]] = -2
        found.append(np.argsort(-cosines, axis=1, kind="stable")[:, :NEIGHBORS])
    return np.array([len(np.intersect1d(*pair)) / NEIGHBORS for pair in zip(*found, strict=True)])
