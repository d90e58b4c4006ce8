import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Picture

from doubles import picture
from lookalike.columns import image_row
from lookalike.preprocessing import Preprocessing, prepare
from lookalike.reranking import (
    CollapseDuplicates,
    duplicates,
)
from reranking.made_candidates import COLOURFUL, WHOLE, candidates, ids

WANTED = Preprocessing(size=32, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


def behind(found):
    return {int(one, 16): [int(other, 16) for other in others] for one, others in found.duplicates.items()}


def seen(content):
    return prepare(content, WANTED, name="x").columns


def saved(made, kind="PNG", **options):
    content = io.BytesIO()
    made.save(content, kind, **options)
    return content.getvalue()


def opened(seed):
    return Picture.open(io.BytesIO(picture(seed, size=(320, 240)))).convert("RGB")


def test_near_duplicates_stand_behind_the_best_ranked_one():
    collapsed = CollapseDuplicates()(WHOLE, candidates(1, 2, 3, hashes=[0b1, 1 << 40 | 0xFFFF, 0b111]))
    assert ids(collapsed) == [1, 2]
    assert behind(collapsed) == {1: [3]}


def apart_in(place, levels):
    other = COLOURFUL.copy()
    other[place] += levels
    return [image_row(difference_hash=7, colour_signature=colours) for colours in (COLOURFUL, other)]


def test_one_witness_is_not_enough():
    for made in (
        candidates(1, 2, angles=[0, 1.2]),
        candidates(1, 2, hashes=[7, (1 << 64) - 1]),
        candidates(1, 2, rows=apart_in(0, 20)),  # luma of one cell
        candidates(1, 2, rows=apart_in(70, 12)),  # chroma of one cell
    ):
        assert ids(CollapseDuplicates()(WHOLE, made)) == [1, 2]
    assert ids(CollapseDuplicates()(WHOLE, candidates(1, 2))) == [1]


def test_an_image_whose_colours_are_not_known_stands_for_itself():
    known = image_row(difference_hash=7, colour_signature=COLOURFUL)
    rows = [known, image_row(difference_hash=7), image_row(difference_hash=7), known]
    assert ids(CollapseDuplicates()(WHOLE, candidates(1, 2, 3, 4, rows=rows))) == [1, 2, 3]


@pytest.mark.parametrize(
    ("colour", "other"),
    [("black", "white"), ("black", "black"), ("#808080", "#818181"), ("#c81e1e", "#1e50c8")],
)
def test_flat_pictures_are_never_the_same(colour, other):
    flat = [
        seen(saved(Picture.new("RGB", (320, 240), one), kind)) for one in (colour, other) for kind in ("PNG", "JPEG")
    ]
    speckled = np.random.default_rng(0).integers(120, 136, (240, 320, 3), dtype=np.uint8)
    gradient = np.tile(np.linspace(0, 255, 240).astype(np.uint8)[:, None, None], (1, 320, 3))
    rows = [
        *flat,
        *(seen(saved(Picture.fromarray(made), kind)) for made in (speckled, gradient) for kind in ("PNG", "JPEG")),
    ]
    assert len(CollapseDuplicates()(WHOLE, candidates(*range(1, 9), rows=rows))) == 8


def test_the_same_picture_in_another_hue_or_without_colour_is_another_one():
    picture_of = opened(5)
    hsv = np.array(picture_of.convert("HSV"))
    turned = [picture_of]
    for degrees in (40, 100, 180, 260):
        hsv[..., 0] = (np.array(picture_of.convert("HSV"))[..., 0].astype(int) + degrees * 256 // 360) % 256
        turned.append(Picture.fromarray(hsv, "HSV").convert("RGB"))
    turned.append(picture_of.convert("L").convert("RGB"))
    rows = [seen(saved(one)) for one in turned]
    assert len(CollapseDuplicates()(WHOLE, candidates(*range(1, 7), rows=rows))) == 6


@pytest.mark.parametrize("seed", range(5))
def test_copies_of_other_sizes_qualities_and_formats_are_the_same(seed):
    whole = opened(seed)
    small = whole.resize((whole.width // 2, whole.height // 2), Picture.Resampling.LANCZOS)
    copies = [
        saved(whole),
        saved(whole, "JPEG", quality=90),
        saved(whole, "JPEG", quality=30),
        saved(whole, "WEBP", quality=50),
        saved(small, "JPEG", quality=75),
        saved(whole.resize((whole.width * 3, whole.height * 3), Picture.Resampling.BICUBIC)),
    ]
    rows = [seen(content) for content in copies]
    assert ids(CollapseDuplicates()(WHOLE, candidates(*range(1, 7), rows=rows))) == [1]


def test_groups_do_not_grow_by_chains():
    chain = candidates(0, 1, 2, 3, angles=[0, 0.3, 0.6, 0.9])  # each like the next, the first unlike the last
    collapsed = CollapseDuplicates(least_cosine=np.cos(0.35))(WHOLE, chain)
    assert ids(collapsed) == [0, 2]
    assert behind(collapsed) == {0: [1], 2: [3]}


@given(st.lists(st.tuples(st.floats(0, 6), st.integers(0, 2**64 - 1)), max_size=30))
def test_collapsing_loses_no_image_and_keeps_the_order(made):
    angles, hashes = [angle for angle, _ in made], [hash_ & 0xFF for _, hash_ in made]
    collapsed = CollapseDuplicates()(WHOLE, candidates(*range(len(made)), angles=angles, hashes=hashes))
    assert ids(collapsed) == sorted(ids(collapsed))
    hidden = [other for others in behind(collapsed).values() for other in others]
    assert sorted(ids(collapsed) + hidden) == list(range(len(made)))


def one_by_one(rule, made):
    """What stands alone, by comparing every image with those that stand, best first."""
    standing = []
    for place, (row, vector) in enumerate(zip(made.columns, made.vectors, strict=True)):
        asked = CollapseDuplicates.same_as(rule, row, vector, made.take(standing)) if standing else []
        if not asked:
            standing.append(place)
    return standing


@given(st.integers(0, 2**32), st.integers(1, 40), st.sampled_from([3, 4096]))
def test_collapsing_is_comparing_each_with_those_before_it(seed, count, pairs):
    rng = np.random.default_rng(seed)
    colours = np.clip(COLOURFUL + rng.integers(-5, 6, (count, 1)) * rng.integers(0, 2, (count, 96)), 0, 255)
    rows = [
        image_row(difference_hash=int(hash_), colour_signature=colour)
        for hash_, colour in zip(rng.integers(0, 64, count), colours.astype(np.uint8), strict=True)
    ]
    made = candidates(*range(count), angles=rng.uniform(0, 1.5, count), rows=rows)
    rule = CollapseDuplicates(most_bits=3)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(duplicates, "_PAIRS", pairs)
        assert ids(rule(WHOLE, made)) == one_by_one(rule, made)


def test_a_long_burst_is_collapsed_in_blocks_as_in_one():
    size = 1_300
    hashes = [1 + (number % 3 << 20) * 0x111 for number in range(size)]
    collapsed = CollapseDuplicates(most_bits=0)(WHOLE, candidates(*range(size), hashes=hashes))
    assert ids(collapsed) == [0, 1, 2]
    assert behind(collapsed) == {first: list(range(first + 3, size, 3)) for first in range(3)}
