import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.errors import EvaluationRefused
from lookalike.evaluation import (
    DEFAULT_MEASURES,
    MEASURES,
    Judgements,
    Measure,
    Run,
    evaluate_run,
    own_images,
    parse_measures,
    scoring,
)

P2, JUDGED2, MAP, NDCG = parse_measures(["P@2", "Judged@2", "mAP", "nDCG"])


def test_the_worked_example_from_names_to_table():
    judgements = Judgements(grades={"q": {"a": 0, "b": 5, "c": 1, "d": 4, "e": 2}})
    evaluation = evaluate_run(Run(rankings={"q": list("abcde")}), judgements, [NDCG])
    assert dict(evaluation.table()) == {"q": {NDCG: pytest.approx(0.6869319726735409, abs=1e-12)}}


def test_a_query_without_relevant_images_is_counted_and_not_averaged_as_0():
    judgements = Judgements(grades={"good": {"a": 1}, "hopeless": {"a": 0}})
    evaluation = evaluate_run(Run(rankings={"good": ["a"], "hopeless": ["a"]}), judgements, [MAP, P2, JUDGED2])
    assert evaluation.means == {MAP: 1.0, P2: 0.5, JUDGED2: 1.0}
    assert [evaluation.undefined(measure) for measure in (MAP, P2, JUDGED2)] == [1, 1, 0]
    assert math.isnan(dict(evaluation.table())["hopeless"][MAP])


def test_a_query_the_run_does_not_answer_counts_as_0_and_is_named():
    judgements = Judgements(grades={"answered": {"a": 1}, "silent": {"a": 1}, "empty": {"a": 1}})
    evaluation = evaluate_run(Run(rankings={"answered": ["a"], "empty": []}), judgements, [MAP, JUDGED2])
    assert evaluation.mean(MAP) == pytest.approx(1 / 3)
    assert evaluation.queries_without_results == ("silent", "empty")
    assert evaluation.undefined(JUDGED2) == 2


def test_unknown_images_are_unjudged_and_unknown_queries_are_named():
    judgements = Judgements(grades={"q": {"a": 1}})
    evaluation = evaluate_run(Run(rankings={"q": ["who", "a"], "stranger": ["a"]}), judgements, [JUDGED2, MAP])
    assert evaluation.means == {JUDGED2: 0.5, MAP: 0.5}
    assert (evaluation.results, evaluation.unjudged_results) == (2, 1)
    assert evaluation.queries_without_judgements == ("stranger",)


def test_in_a_collection_judged_whole_only_strangers_are_unjudged():
    judgements = Judgements(grades={"q": {"a": 1}}, collection=frozenset({"a", "b", "q"}))
    evaluation = evaluate_run(Run(rankings={"q": ["b", "stranger", "a"]}), judgements, [JUDGED2, MAP])
    assert evaluation.means == {JUDGED2: 0.5, MAP: pytest.approx(1 / 3)}
    assert evaluation.unjudged_results == 1


def test_nothing_in_common_is_refused_with_examples_of_both():
    with pytest.raises(EvaluationRefused, match=r"'x\.jpg' and 1 more, the judgements have 'x'"):
        evaluate_run(Run(rankings={"x.jpg": ["a"], "y": ["b"]}), Judgements(grades={"x": {"a": 1}}), [MAP])
    with pytest.raises(EvaluationRefused, match="no measure"):
        evaluate_run(Run(rankings={"x": ["a"]}), Judgements(grades={"x": {"a": 1}}), [])


def test_a_measure_that_was_not_asked_for_is_a_programming_mistake():
    evaluation = evaluate_run(Run(rankings={"x": ["a"]}), Judgements(grades={"x": {"a": 1}}), [MAP])
    with pytest.raises(KeyError, match="nDCG is not among mAP"):
        evaluation.mean(NDCG)


def test_no_defined_value_means_no_mean():
    evaluation = evaluate_run(Run(rankings={"x": ["a"]}), Judgements(grades={"x": {"a": 0}}), [MAP])
    assert math.isnan(evaluation.mean(MAP))
    assert evaluation.as_document()["means"] == {"mAP": None}


def test_the_document_is_json_with_every_query():
    judgements = Judgements(grades={"q": {"a": 2}, "r": {"a": 0}})
    document = evaluate_run(Run(rankings={"q": ["a"], "r": ["a"]}, name="m"), judgements, [MAP]).as_document()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["queries"] == {"q": {"mAP": 1.0}, "r": {"mAP": None}}
    assert document["undefined_queries"] == {"mAP": 1}


def test_only_results_a_measure_looks_at_are_counted():
    run = Run(rankings={"q": [f"image{number}" for number in range(50)]})
    judgements = Judgements(grades={"q": {"image0": 1}})
    assert evaluate_run(run, judgements, [P2]).results == 2
    assert evaluate_run(run, judgements, [P2, MAP]).results == 50


def test_the_query_image_itself_is_left_out_for_whole_images_and_kept_for_crops():
    crop = "a#xywh=percent:0,0,50,50"
    run = Run(rankings={"a": ["a", "b"], crop: ["a", "b"]})
    judgements = Judgements(grades={"a": {"a": 5, "b": 1}, crop: {"a": 5, "b": 1}})
    own = own_images(judgements.grades)
    evaluation = evaluate_run(run.without(own), judgements.without(own), [P2])
    assert evaluation.of(P2).tolist() == [0.5, 1.0]


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from("qrstuvw"),
        st.tuples(
            st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 5), min_size=1),
            st.lists(st.sampled_from("abcdefgh"), unique=True),
        ),
        min_size=1,
    ),
    st.integers(1, 20),
)
def test_the_size_of_blocks_changes_nothing(cases, cells):
    judgements = Judgements(grades={query: judged for query, (judged, _) in cases.items()})
    run = Run(rankings={query: ranking for query, (_, ranking) in cases.items()})
    whole = evaluate_run(run, judgements, DEFAULT_MEASURES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scoring, "_CELLS", cells)
        in_blocks = evaluate_run(run, judgements, DEFAULT_MEASURES)
    np.testing.assert_array_equal(whole.values, in_blocks.values)
    assert (whole.results, whole.unjudged_results) == (in_blocks.results, in_blocks.unjudged_results)


def test_a_measure_is_the_same_beside_deeper_ones():
    judgements = Judgements(grades={"q": {"a": 1, "b": 3, "c": 2}})
    run = Run(rankings={"q": list("xbyac")})
    for measure in DEFAULT_MEASURES:
        alone = evaluate_run(run, judgements, [measure]).of(measure)
        together = evaluate_run(run, judgements, [*DEFAULT_MEASURES, Measure("nDCG")]).of(measure)
        np.testing.assert_array_equal(alone, together)


def test_the_example_in_the_documentation_runs_and_prints_what_it_says(capsys):
    page = Path(__file__).resolve().parents[2] / "docs" / "measures.md"
    (example,) = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    exec(example, {})  # noqa: S102  our own page
    lines = capsys.readouterr().out.splitlines()
    said = re.findall(r"# (.*)", example)
    assert ", ".join(lines[:-1]) == said[0]
    assert float(lines[-1]) == pytest.approx(float(said[1]), abs=5e-4)


def test_every_measure_is_in_the_documentation():
    page = (Path(__file__).resolve().parents[2] / "docs" / "measures.md").read_text(encoding="utf-8")
    for name, kind in MEASURES.items():
        assert f"**`{name}{'@k' if kind.needs_cutoff or name not in ('MRR', 'mAP') else ''}`**" in page
