from contextlib import nullcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.errors import TrainingRefused
from lookalike.training.chance import chance_for
from lookalike.training.examples import (
    NegativeSampler,
    joined_groups,
)
from training.examples.made_pairs import pair, some_pairs


@given(some_pairs, some_pairs, st.integers(2, 6), st.integers(0, 1_000))
def test_an_example_has_its_positive_where_the_label_says_and_only_true_negatives(together, learnt, count, seed):
    everything = [f"image{number:02}" for number in range(30)]
    groups = joined_groups(everything, together)
    pairs = [pair(query, positive, hard=everything[:4]) for query, positive in learnt]
    sampler = NegativeSampler(everything, pairs, groups)
    for number, one in enumerate(pairs):
        answers = {groups[other.positive] for other in pairs if groups[other.query] == groups[one.query]}
        barred = answers | {groups[one.query]}
        enough = sum(groups[name] not in barred for name in everything) >= count - 1
        with nullcontext() if enough else pytest.raises(TrainingRefused, match="may be negatives"):
            sampler.example(one, candidates=count, chance=chance_for(seed, number))
        if not enough:
            continue
        example = sampler.example(one, candidates=count, chance=chance_for(seed, number))
        assert len(set(example.candidates)) == count
        assert example.candidates[example.label] == one.positive
        negatives = {name for place, name in enumerate(example.candidates) if place != example.label}
        assert not {groups[name] for name in negatives} & barred
        hard = [name for name in everything[:4] if groups[name] not in barred]
        assert set(hard[: count - 1]) <= negatives
        assert example == sampler.example(one, candidates=count, chance=chance_for(seed, number))


def test_the_positive_stands_anywhere():
    sampler = NegativeSampler("abcdefgh", [], {})
    labels = {sampler.example(pair("a", "b"), candidates=4, chance=chance_for(number)).label for number in range(60)}
    assert labels == {0, 1, 2, 3}
