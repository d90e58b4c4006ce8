"""Classifiers through the model registry."""

import numpy as np
import pytest

from lookalike.embedding import import_model, open_classifier, open_encoder
from lookalike.errors import InternalFault, ModelRefused
from tiny_model import write_tiny_classifier

RUNTIMES = ("openvino", "onnxruntime")


def rows(*colours):
    """Model input of pictures of one colour each."""
    return np.stack([np.broadcast_to(np.array(one, np.float32)[:, None, None], (3, 32, 32)) for one in colours])


def softmax(values):
    powers = np.exp(np.array(values, float))
    return powers / powers.sum()


@pytest.fixture(params=RUNTIMES)
def opened(request, models, tmp_path):
    """Opens the small classifier, imported with other scores."""

    def make(**options):
        import_model(write_tiny_classifier(tmp_path / "files", **options), models=models)
        return open_classifier("colours", models=models, runtime=request.param)

    return make


def test_scores_are_a_softmax_over_the_labels(opened):
    scores = opened().scores(rows([1, 0.2, -1]))
    assert list(scores) == ["red", "green", "blue"]
    np.testing.assert_allclose(list(scores.values()), softmax([8, 1.6, -8]), atol=1e-4)


def test_scores_are_a_sigmoid_of_each_label(opened):
    scores = opened(scores="sigmoid").scores(rows([1, 0, -1]))
    np.testing.assert_allclose(list(scores.values()), [1 / (1 + np.exp(-8)), 0.5, 1 / (1 + np.exp(8))], atol=1e-4)


def test_channels_are_turned_round_where_the_graph_wants_blue_first(opened):
    scores = opened(scores="sigmoid", more='channels = "bgr"').scores(rows([1, 0, -1]))
    assert scores["red"] < 0.01  # the first output sees the blue
    assert scores["blue"] > 0.99


def test_the_greatest_score_of_all_parts_counts(opened):
    scores = opened(scores="sigmoid").scores(rows([1, -1, -1], [-1, 1, -1]))
    assert scores["red"] > 0.99
    assert scores["green"] > 0.99
    assert scores["blue"] < 0.01


def test_values_that_are_no_scores_are_a_fault(opened):
    with pytest.raises(InternalFault, match="no scores"):
        opened(scores="given").scores(rows([1, 0, 0]))
    with pytest.raises(InternalFault, match="no scores"):
        opened(scores="sigmoid").scores(rows([np.nan, 0, 0]))


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (("red", "green"), "names 2"),
        (("red", "red", "blue"), "there once"),
        (("a/b", "b", "c"), "slashes"),
        ((), "labels"),
    ],
)
def test_labels_that_do_not_fit_are_refused(models, tmp_path, labels, words):
    with pytest.raises(ModelRefused, match=words):
        import_model(write_tiny_classifier(tmp_path, labels=labels), models=models)


def test_other_labels_make_another_fingerprint(models, tmp_path):
    prints = set()
    for labels in (("red", "green", "blue"), ("blue", "green", "red")):
        import_model(write_tiny_classifier(tmp_path, labels=labels), models=models)
        prints.add(open_classifier("colours", models=models).fingerprint)
    assert len(prints) == 2


def test_a_classifier_makes_no_vectors_and_a_model_of_vectors_no_scores(models, tiny, tmp_path):
    import_model(write_tiny_classifier(tmp_path), models=models)
    with pytest.raises(ModelRefused, match="is a classifier"):
        open_encoder("colours", models=models)
    with pytest.raises(ModelRefused, match="no classifier"):
        open_classifier("tiny", models=tiny)
