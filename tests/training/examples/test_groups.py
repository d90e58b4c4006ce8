import numpy as np
from hypothesis import given

from lookalike.training.examples import (
    group_numbers,
    joined_groups,
    near_duplicate_groups,
)
from training.examples.made_pairs import some_pairs


@given(some_pairs)
def test_groups_are_the_connected_parts(pairs):
    everything = [f"image{number:02}" for number in range(30)]
    groups = joined_groups(everything, pairs)
    reached = {name: {name} for name in everything}
    for _ in everything:  # a slow closure
        for first, second in pairs:
            union = reached[first] | reached[second]
            for name in union:
                reached[name] = union
    assert groups == {name: min(reached[name]) for name in everything}


def test_near_duplicates_need_both_witnesses_and_chain():
    vectors = np.eye(6, dtype=np.float32)
    vectors[1] = vectors[2] = vectors[3] = vectors[0]
    hashes = np.array([0, 0b111, 0b111111111, 0xFFFF << 48, 0, 0], np.uint64)  # 0-1 and 1-2 are near, 0-2 is not
    groups = near_duplicate_groups(list("abcdef"), hashes, vectors, most_bits=6)
    assert groups == {"a": "a", "b": "a", "c": "a", "d": "d", "e": "e", "f": "f"}
    assert group_numbers(["c", "d", "a", "zz"], groups).tolist() == [0, 1, 0, 2]


def test_groups_do_not_depend_on_the_block_in_which_images_stand():
    count = 2_500
    hashes = np.arange(count, dtype=np.uint64) << np.uint64(20)
    vectors = np.tile(np.array([1, 0], np.float32), (count, 1))
    hashes[2_400], vectors[2_400] = hashes[3], vectors[3]
    ids = [f"{number:05}" for number in range(count)]
    groups = near_duplicate_groups(ids, hashes, vectors, most_bits=0)
    assert groups["02400"] == "00003"
    assert len(set(groups.values())) == count - 1
