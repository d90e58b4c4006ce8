import pytest

from lookalike.errors import EvaluationRefused
from lookalike.evaluation import Run, evaluate_run, from_instances, from_labels, from_triplets, parse_measures

LABELS = {
    "tee1": ("clothing", "shirt"),
    "tee2": ("clothing", "shirt"),
    "sock": ("clothing", "sock"),
    "milk": ("grocery", "shirt"),
    "blank": ("", ""),
}


def test_labels_from_coarse_to_fine_grade_by_how_far_they_agree():
    judgements = from_labels(LABELS)
    assert judgements.grades["tee1"] == {"tee2": 2, "sock": 1}
    assert judgements.grades["milk"] == {}
    assert judgements.grades["blank"] == {}
    assert judgements.collection == LABELS.keys()
    assert judgements.rule == "labels:hierarchy, 2 levels"


def test_attributes_count_where_the_first_label_agrees():
    labels = {
        "a": ("shirt", "blue", "men"),
        "b": ("shirt", "red", "men"),
        "c": ("sock", "blue", "men"),
        "d": ("shirt", "", ""),
    }
    judgements = from_labels(labels, rule="attributes")
    assert judgements.grades["a"] == {"b": 2, "d": 1}
    assert judgements.grades["d"] == {"a": 1, "b": 1}
    assert from_labels(labels).grades["a"] == {"b": 1, "d": 1}


def test_labels_judge_everything_so_a_query_like_no_other_is_counted_and_not_averaged():
    judgements = from_labels(LABELS, queries=["tee1", "milk"])
    assert list(judgements.grades) == ["tee1", "milk"]
    p, judged = parse_measures(["P(rel=2)@2", "Judged@2"])
    run = Run(rankings={"tee1": ["tee2", "milk"], "milk": ["tee2", "tee1"]})
    evaluation = evaluate_run(run, judgements, [p, judged])
    assert evaluation.means == {p: 0.5, judged: 1.0}
    assert evaluation.undefined(p) == 1


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({}, "same number"),
        ({"a": ("x",), "b": ("x", "y")}, "same number"),
        ({"a": ()}, "1 to 5"),
        ({"a": tuple("uvwxyz")}, "1 to 5"),
        ({"a": "shirt"}, "a list of labels"),
    ],
)
def test_labels_that_cannot_be_compared_are_refused(labels, message):
    with pytest.raises(EvaluationRefused, match=message):
        from_labels(labels)


def test_instance_lists_hold_images_of_the_same_thing():
    judgements = from_instances([["a1", "a2", "a3"], ["b1"]], queries=["a1", "b1"])
    assert judgements.grades == {"a1": {"a2": 5, "a3": 5}, "b1": {}}
    assert judgements.rule == "instances: grade 5"
    with pytest.raises(EvaluationRefused, match="'a' is in two"):
        from_instances([["a", "b"], ["a"]])
    with pytest.raises(EvaluationRefused, match="1 to 5"):
        from_instances([["a", "b"]], grade=0)
    for convert in (from_instances([["a"]]),):
        assert convert.pairs == 0
    with pytest.raises(EvaluationRefused, match="'c' is in no"):
        from_instances([["a", "b"]], queries=["c"])
    with pytest.raises(EvaluationRefused, match="'c' has no label"):
        from_labels({"a": ("x",)}, queries=["c"])


def test_triplets_grade_by_the_share_of_comparisons_won():
    votes = [("q", "a", "b")] * 9 + [("q", "b", "a")] + [("q", "c", "d"), ("q", "d", "c")]
    judgements = from_triplets(votes)
    assert judgements.grades == {"q": {"a": 5, "b": 0, "c": 1, "d": 1}}
    assert judgements.rule == "triplets: share of comparisons won reaches 0.5, 0.6, 0.7, 0.8, 0.9"
    assert from_triplets(votes, win_rates=[0.9], least_comparisons=3).grades == {"q": {"a": 1, "b": 0}}


@pytest.mark.parametrize("win_rates", [[], [0.9, 0.5], [-1.0], [0.1] * 6])
def test_thresholds_that_make_no_sense_are_refused(win_rates):
    with pytest.raises(EvaluationRefused, match="thresholds"):
        from_triplets([("q", "a", "b")], win_rates=win_rates)


def test_no_triplet_often_enough_is_refused():
    with pytest.raises(EvaluationRefused, match="no judgements"):
        from_triplets([("q", "a", "b")], least_comparisons=2)
