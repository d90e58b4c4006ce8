import json

import pytest

from evaluation.label_studio import rating
from lookalike.errors import EvaluationRefused
from lookalike.evaluation import (
    read_judgements,
    read_run,
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_tables_as_spreadsheets_save_them(file, encoding, delimiter):
    text = delimiter.join(("query", "image", "grade")) + "\r\n" + delimiter.join(("q", "a", "4")) + "\r\n"
    assert read_judgements(file("j.csv", text.encode(encoding))).judgements.grades == {"q": {"a": 4}}


def test_bad_rows_of_tables_are_listed_by_line_also_after_line_breaks_in_cells(file):
    path = file("j.csv", 'query,image,grade\n"q\nq",a,3\nq,a\nq,,1\nq,b,\n')
    with pytest.raises(EvaluationRefused) as refusal:
        read_judgements(path)
    assert [problem.split(": ")[:2] for problem in refusal.value.problems] == [
        ["line 4", "2 cells instead of 3"],
        ["line 5", "the query or the image is empty"],
        ["line 6", "grade '' is not a whole number"],
    ]


def test_a_table_without_its_columns_is_refused_with_what_it_has(file):
    with pytest.raises(EvaluationRefused, match="missing: image, grade; found: query, picture, level"):
        read_judgements(file("j.csv", "query,picture,level\nq,a,1\n"))
    with pytest.raises(EvaluationRefused, match="missing: score or rank"):
        read_run(file("r.csv", "query,image\nq,a\n"))


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        (7, "data is missing"),
        ({"annotations": []}, "data is missing"),
        ({"data": {"query": "q"}, "annotations": []}, "image is missing"),
        ({"data": {"query": "q", "image": "a"}}, "annotations is missing"),
        ({"data": {"query": "q", "image": "a"}, "annotations": [7]}, "result is missing"),
        ({"data": {"query": "q", "image": "a"}, "annotations": [{"result": []}]}, "0 results named grade"),
        (rating("q", "a", {}), "neither one rating nor one choice"),
        (rating("q", "a", {"rating": True}), "neither one rating nor one choice"),
        (rating("q", "a", {"choices": ["1", "2"]}), "neither one rating nor one choice"),
        (rating("q", "a", {"choices": ["good"]}), "grade 'good' is not a whole number"),
        (rating("q", "a", {"rating": 9}), "grade 9 is out of 0 to 5"),
    ],
)
def test_bad_tasks_of_label_studio_are_listed_by_number(file, task, reason):
    path = file("j.json", json.dumps([rating("q", "b", {"rating": 1}), task]))
    with pytest.raises(EvaluationRefused) as refusal:
        read_judgements(path)
    (problem,) = refusal.value.problems
    assert problem.startswith("task 2: ")
    assert reason in problem
    assert read_judgements(path, keep_good=True).judgements.grades == {"q": {"b": 1}}


@pytest.mark.parametrize("text", ["{}", "not json", "[" * 100_000])
def test_what_is_no_export_of_label_studio_is_refused(file, text):
    with pytest.raises(EvaluationRefused, match="JSON"):
        read_judgements(file("j.json", text))


def test_a_cell_without_end_is_one_bad_line(file):
    path = file("j.csv", 'query,image,grade\nq,a,1\nq,"' + "x" * 200_000)
    with pytest.raises(EvaluationRefused) as refusal:
        read_judgements(path)
    assert refusal.value.problems[0].startswith("line 3: not a row of a table")
    assert read_judgements(path, keep_good=True).judgements.pairs == 1
