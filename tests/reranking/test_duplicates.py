import io
import math
from dataclasses import replace

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


def near_duplicates(one, other, *, bits, cosine):
    """The definition, in words of the standard library alone."""
    (row, vector), (other_row, other_vector) = one, other
    hashes = [int(each["difference_hash"]) for each in (row, other_row)]
    colours = [each["colour_signature"].tolist() for each in (row, other_row)]
    apart = [abs(mine - theirs) for mine, theirs in zip(*colours, strict=True)]
    return (
        all(hashes)
        and (hashes[0] ^ hashes[1]).bit_count() <= bits
        and all(max(colour[:64]) - min(colour[:64]) >= 8 for colour in colours)
        and max(apart[:64]) <= 12
        and max(apart[64:]) <= 5
        and math.fsum(mine * theirs for mine, theirs in zip(vector.tolist(), other_vector.tolist(), strict=True))
        >= cosine
    )


def one_by_one(made, **rule):
    """What stands, and behind each what belongs to it, by comparing every image with those that stand, best first."""
    images = list(zip(made.columns, made.vectors, strict=True))
    standing = {}
    for place, image in enumerate(images):
        same = (best for best in standing if near_duplicates(images[best], image, **rule))
        best = next(same, None)
        if best is None:
            standing[place] = []
        else:
            standing[best].append(place)
    return list(standing), {best: others for best, others in standing.items() if others}


def some_images(rng, count):
    """A few shapes and colours, some of them without contrast or not known, in vectors all around."""
    signatures = np.stack([COLOURFUL, COLOURFUL + 4, COLOURFUL + 9, np.full(96, 120), np.zeros(96)])
    signatures = signatures[rng.choice(5, count, p=[0.4, 0.2, 0.2, 0.1, 0.1])]
    signatures[:, 70] += rng.integers(0, 9, count).astype(signatures.dtype)
    rows = [
        image_row(difference_hash=int(hash_), colour_signature=colours.astype(np.uint8))
        for hash_, colours in zip(rng.integers(0, 64, count), signatures, strict=True)
    ]
    return candidates(*range(count), angles=rng.uniform(0, 3, count), rows=rows)


@given(
    st.integers(0, 2**32),
    st.integers(1, 60),
    st.integers(0, 4),
    st.sampled_from([(64, 1 << 18, 4096), (4, 1, 3), (5, 200, 7), (64, 1 << 18, 1)]),
)
def test_collapsing_is_comparing_each_with_those_that_stand_before_it(seed, count, bits, sizes):
    made = some_images(np.random.default_rng(seed), count)
    with pytest.MonkeyPatch.context() as patched:
        for name, size in zip(("_BLOCK", "_CELLS", "_PAIRS"), sizes, strict=True):
            patched.setattr(duplicates, name, size)
        collapsed = CollapseDuplicates(most_bits=bits)(WHOLE, made)
    assert (ids(collapsed), behind(collapsed)) == one_by_one(made, bits=bits, cosine=0.4)
    assert list(behind(collapsed)) == sorted(behind(collapsed))
    np.testing.assert_array_equal(collapsed.vectors, made.vectors[ids(collapsed)])


def test_what_stood_behind_an_image_goes_with_it():
    made = replace(candidates(1, 2, 3), duplicates={f"{1:032x}": (f"{9:032x}",), f"{3:032x}": (f"{7:032x}",)})
    assert behind(CollapseDuplicates()(WHOLE, made))[1] == [9, 2, 3, 7]


def test_a_long_burst_is_collapsed_in_blocks_as_in_one():
    size = 1_300
    hashes = [1 + (number % 3 << 20) * 0x111 for number in range(size)]
    collapsed = CollapseDuplicates(most_bits=0)(WHOLE, candidates(*range(size), hashes=hashes))
    assert ids(collapsed) == [0, 1, 2]
    assert behind(collapsed) == {first: list(range(first + 3, size, 3)) for first in range(3)}
