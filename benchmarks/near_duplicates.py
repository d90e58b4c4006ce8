"""Which pairs of pictures take one place in results, and should they?

    python benchmarks/near_duplicates.py [--models lookalike-small,efficientnet-lite0,...] [--pairs 2000] [--seed N]

Half of the pairs are copies: re-encoded, resized, to thumbnails and back, with fine noise, in fewer colours. The other
half are not: other hues of all or a part of a picture, without colour, mirrored, something put in; two chats, pages or
slides of one design; flat and plain pictures. Each pair is looked at as indexing and re-ranking look at it. Photos and
product pictures come from the shared data folder (`LOOKALIKE_SHARED`, else `../shared`); designs are drawn. The table
goes to `benchmarks/results/near_duplicates.md`. For comparison it says what the difference hash and the vector alone
would do.
"""

import argparse
import io
import os
import random
import tarfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lookalike.columns import IMAGE_ROW
from lookalike.embedding import Encoder, open_encoder
from lookalike.preprocessing import prepare
from lookalike.reranking import Candidates, CollapseDuplicates, RankingQuery
from lookalike.settings import load_settings

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "near_duplicates.md"
SHARED = Path(os.environ.get("LOOKALIKE_SHARED", ROOT.parent / "shared"))
SETS = ("fashion_224.tar.gz", "movielens_posters.tar.gz", "smvs_dvd.tar", "wardrobe_and_grocery.tar", "coco256.tar")
WORDS = [
    "the",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "a",
    "lazy",
    "dog",
    "meeting",
    "tomorrow",
    "at",
    "nine",
    "please",
    "bring",
    "your",
    "notes",
    "thanks",
    "okay",
    "see",
    "you",
    "later",
    "yes",
    "no",
    "maybe",
    "great",
    "idea",
    "where",
    "are",
    "we",
    "going",
    "tonight",
    "dinner",
    "with",
    "friends",
    "invoice",
    "total",
    "amount",
    "due",
    "balance",
]
WHOLE = RankingQuery(image_id=None, include_self=True)

Pair = tuple[str, bool, Image.Image, Image.Image]


def pictures(count: int, rng: random.Random) -> Iterator[Image.Image]:
    """Some of every shared set."""
    for name in SETS:
        with tarfile.open(SHARED / "data" / name) as archive:
            members = [one for one in archive.getmembers() if one.name.endswith((".jpg", ".png"))]
            for member in rng.sample(members, -(-count // len(SETS))):
                file = archive.extractfile(member)
                if file is not None:
                    yield Image.open(io.BytesIO(file.read())).convert("RGB")


def saved(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def again(image: Image.Image, kind: str, **options) -> Image.Image:
    return Image.open(io.BytesIO(saved(image, kind, **options))).convert("RGB")


def scaled(image: Image.Image, side: int, how: Image.Resampling) -> Image.Image:
    factor = side / max(image.size)
    return image.resize((max(round(image.width * factor), 1), max(round(image.height * factor), 1)), how)


def copies() -> dict[str, Callable[[Image.Image, random.Random], Image.Image]]:
    def noisy(image, rng):
        grain = np.random.default_rng(rng.randrange(2**31)).integers(-3, 4, (image.height, image.width, 3))
        return again(Image.fromarray(np.clip(np.asarray(image).astype(int) + grain, 0, 255).astype(np.uint8)), "JPEG")

    return {
        "JPEG 85": lambda image, _: again(image, "JPEG", quality=85),
        "JPEG 30": lambda image, _: again(image, "JPEG", quality=30),
        "WebP 50": lambda image, _: again(image, "WEBP", quality=50),
        "half the size": lambda image, _: again(
            scaled(image, max(image.size) // 2, Image.Resampling.BILINEAR), "JPEG", quality=85
        ),
        "twice the size": lambda image, _: again(
            scaled(image, 2 * max(image.size), Image.Resampling.BICUBIC), "JPEG", quality=85
        ),
        "thumbnail of 96": lambda image, _: again(scaled(image, 96, Image.Resampling.LANCZOS), "JPEG", quality=75),
        "GIF of 256 colours": lambda image, _: again(image.convert("P", palette=Image.Palette.ADAPTIVE), "GIF"),
        "noise of 3 levels": noisy,
    }


def hue_turned(image: Image.Image, degrees: int, box: tuple[int, int, int, int] | None = None) -> Image.Image:
    hsv = np.array(image.convert("HSV"))
    left, top, right, bottom = box or (0, 0, image.width, image.height)
    part = hsv[top:bottom, left:right, 0].astype(int)
    hsv[top:bottom, left:right, 0] = (part + degrees * 256 // 360) % 256
    return Image.fromarray(hsv, "HSV").convert("RGB")


def part_of(image: Image.Image, share: float, rng: random.Random) -> tuple[int, int, int, int]:
    width, height = max(int(image.width * share), 1), max(int(image.height * share), 1)
    left, top = rng.randrange(image.width - width + 1), rng.randrange(image.height - height + 1)
    return left, top, left + width, top + height


def is_colourful(image: Image.Image, box: tuple[int, int, int, int]) -> bool:
    """Enough of a part has a hue that turning it changes."""
    hsv = np.asarray(image.crop(box).convert("HSV")).astype(float)
    return float(np.mean(hsv[..., 1] * hsv[..., 2] / 255 > 60)) > 0.4


def changes() -> dict[str, Callable[[Image.Image, random.Random], Image.Image | None]]:
    """Pictures that are not the same as the one they are made from; None where a change would not be seen."""

    def turned(image: Image.Image, rng: random.Random) -> Image.Image | None:
        whole = (0, 0, *image.size)
        return hue_turned(image, rng.choice([60, 90, 150, 180, 240])) if is_colourful(image, whole) else None

    def turned_in_part(image: Image.Image, rng: random.Random) -> Image.Image | None:
        box = part_of(image, 0.5, rng)
        return hue_turned(image, rng.choice([90, 150, 180, 240]), box) if is_colourful(image, box) else None

    def grey(image: Image.Image, _: random.Random) -> Image.Image | None:
        return image.convert("L").convert("RGB") if is_colourful(image, (0, 0, *image.size)) else None

    def with_something_in_it(image: Image.Image, rng: random.Random) -> Image.Image:
        changed = image.copy()
        colour = tuple(rng.randrange(256) for _ in range(3))
        ImageDraw.Draw(changed).rectangle(part_of(image, 0.35, rng), fill=colour)
        return changed

    return {
        "another hue": turned,
        "another hue in a quarter": turned_in_part,
        "without colour": grey,
        "something put in": with_something_in_it,
        "mirrored": lambda image, _: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    }


def line(rng: random.Random, words: int) -> str:
    return " ".join(rng.choices(WORDS, k=words))


def chat(design: int, rng: random.Random) -> Image.Image:
    look = random.Random(design)
    ground, mine, theirs = look.choice(
        [((236, 229, 221), (220, 248, 198), (255, 255, 255)), ((255, 255, 255), (0, 122, 255), (229, 229, 234))]
    )
    image = Image.new("RGB", (360, 640), ground)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 360, 56), fill=look.choice([(7, 94, 84), (246, 246, 246), (31, 44, 52)]))
    draw.text((60, 18), rng.choice(WORDS).title(), fill=(128, 128, 128), font=ImageFont.load_default(16))
    top = 70
    while top < 570:
        lines, width, own = rng.randint(1, 3), rng.randint(80, 250), rng.random() < 0.5
        left, bottom = (345 - width if own else 15), top + 14 + 18 * lines
        draw.rounded_rectangle((left, top, left + width, bottom), 8, fill=mine if own else theirs)
        for number in range(lines):
            place = (left + 8, top + 6 + 18 * number)
            draw.text(place, line(rng, max(width // 45, 1)), fill=(40, 40, 40), font=ImageFont.load_default(14))
        top = bottom + rng.randint(6, 16)
    draw.rectangle((0, 590, 360, 640), fill=(240, 240, 240))
    return image


def page(design: int, rng: random.Random) -> Image.Image:
    look = random.Random(design)
    image = Image.new("RGB", (480, 640), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((40, 30, 40 + look.randint(60, 200), 60), fill=tuple(look.randrange(200) for _ in range(3)))
    for top in range(90, 600, 18):
        if rng.random() < 0.85:
            draw.text((40, top), line(rng, rng.randint(3, 11)), fill="black", font=ImageFont.load_default(12))
    return image


def slide(design: int, rng: random.Random) -> Image.Image:
    look = random.Random(design)
    image = Image.new("RGB", (640, 360), (250, 250, 250))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 640, 60), fill=tuple(look.randrange(200) for _ in range(3)))
    draw.text((20, 15), line(rng, 4), fill="white", font=ImageFont.load_default(26))
    for number in range(rng.randint(2, 5)):
        draw.text((40, 90 + 45 * number), "- " + line(rng, rng.randint(2, 7)), fill="black",
                  font=ImageFont.load_default(20))  # fmt: skip
    return image


def plain(design: int, rng: random.Random) -> Image.Image:
    """Flat, or nearly: one colour, a faint gradient, faint noise."""
    base = np.full((240, 320, 3), [rng.randrange(256) for _ in range(3)], float)
    if design % 3 == 1:
        base += np.linspace(0, rng.choice([4, 60]), 240)[:, None, None]
    if design % 3 == 2:
        base += np.random.default_rng(rng.randrange(2**31)).normal(0, 4, base.shape)
    return Image.fromarray(np.clip(base, 0, 255).astype(np.uint8))


DESIGNS = {
    "two chats of one app": chat,
    "two pages of one kind": page,
    "two slides": slide,
    "two plain pictures": plain,
}


def made_pairs(count: int, rng: random.Random) -> Iterator[Pair]:
    """As many pairs that are the same as pairs that are not, made one by one."""
    photos = list(pictures(count // 4, rng))
    others = count // 2 // (len(DESIGNS) + len(changes()))
    for same, kinds, each in ((True, copies(), count // 2 // len(copies())), (False, changes(), others)):
        for kind, change in kinds.items():
            found = 0
            for photo in rng.sample(photos, len(photos)):
                changed = change(photo, rng) if found < each else None
                if changed is not None:
                    found += 1
                    yield kind, same, photo, changed
    for kind, draw in DESIGNS.items():
        for seed in range(others):
            yield kind, False, draw(seed, random.Random(2 * seed)), draw(seed, random.Random(2 * seed + 1))


def looked_at(encoder: Encoder, content: bytes) -> tuple[np.void, np.ndarray]:
    prepared = prepare(content, encoder.preprocessing, name="picture")
    return prepared.columns, encoder.encode_image(prepared.rows)


class Verdicts:
    """What one model makes of pairs, by kind: whether each takes one place, and would by hash and vector alone."""

    def __init__(self) -> None:
        self.same: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
        self.other: dict[str, list[tuple[bool, bool]]] = defaultdict(list)

    def take(self, encoder: Encoder, pair: tuple[bytes, bytes], kind: str, *, same: bool) -> None:
        collapse = CollapseDuplicates()
        rows, vectors = zip(*(looked_at(encoder, content) for content in pair), strict=True)
        both = Candidates(
            image_ids=("first", "second"),
            cosines=np.array([1.0, 0.9]),
            vectors=np.array(vectors),
            columns=np.array(list(rows), dtype=IMAGE_ROW),
        )
        bits = (int(rows[0]["difference_hash"]) ^ int(rows[1]["difference_hash"])).bit_count()
        two = bits <= 6 and float(np.dot(*vectors)) >= collapse.least_cosine
        (self.same if same else self.other)[kind].append((len(collapse(WHOLE, both)) == 1, two))

    def table(self, name: str) -> list[str]:
        lines = [f"## {name}", "", "| pairs | | | take one place | by hash and vector alone |", "|---|---|--:|--:|--:|"]
        for truth, kinds in (("the same", self.same), ("not", self.other)):
            for kind, said in kinds.items():
                now, before = (f"{100 * np.mean([one[place] for one in said]):.1f} %" for place in (0, 1))
                lines.append(f"| {kind} | {truth} | {len(said)} | {now} | {before} |")
        for place, who in enumerate(("Shape, colours and vector", "Hash and vector alone")):
            right, wrong = (sum(one[place] for of in kinds.values() for one in of) for kinds in (self.same, self.other))
            every = sum(len(said) for said in self.same.values())
            precision = right / max(right + wrong, 1)
            lines.append(f"\n{who}: precision {precision:.3f} ({wrong} wrong), recall {right / every:.3f}.")
        return [*lines, ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", default="lookalike-small,efficientnet-lite0,clip-vit-b16")
    parser.add_argument("--pairs", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    verdicts = {name: Verdicts() for name in options.models.split(",")}
    with ExitStack() as opened:
        models = load_settings({}).models
        encoders = {name: opened.enter_context(open_encoder(name, models=models)) for name in verdicts}
        for kind, same, first, second in made_pairs(options.pairs, random.Random(options.seed)):
            pair = saved(first, compress_level=1), saved(second, compress_level=1)
            for name, encoder in encoders.items():
                verdicts[name].take(encoder, pair, kind, same=same)
    lines = ["# Near-duplicates", "", "See `benchmarks/near_duplicates.py` for how the pairs are made.", ""]
    lines += [line for name, of_model in verdicts.items() for line in of_model.table(name)]
    RESULT.write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
