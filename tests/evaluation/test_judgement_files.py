import json
import os

import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.label_studio import rating
from lookalike.errors import EvaluationRefused, StorageFailed
from lookalike.evaluation import (
    Judgements,
    Run,
    format_of,
    read_judgements,
    read_run,
    write_judgements,
    write_run,
)

JUDGEMENTS = Judgements(
    grades={"q 1": {"a,b.jpg": 5, 'quo"te': 0}, "ünï\ttab": {"line\nbreak": 3, os.fsdecode(b"\xff"): 1}}
)
PLAIN = Judgements(grades={"q1": {"a": 5, "b": 0}, "q2": {"c": 3}})


# -- there and back --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["j.csv", "j.tsv", "j.json"])
def test_judgements_come_back_whatever_the_names(tmp_path, name):
    write_judgements(JUDGEMENTS, tmp_path / name)
    assert read_judgements(tmp_path / name).judgements.grades == JUDGEMENTS.grades


@pytest.mark.parametrize("name", ["j.qrels", "j.csv", "j.tsv", "j.json"])
def test_plain_judgements_come_back_from_every_format(tmp_path, name):
    write_judgements(PLAIN, tmp_path / name)
    reading = read_judgements(tmp_path / name)
    assert reading.judgements.grades == PLAIN.grades
    assert name in reading.judgements.rule
    assert reading.bad_lines == ()


names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=5)
grades = st.dictionaries(
    names, st.dictionaries(names, st.integers(0, 5), min_size=1, max_size=4), min_size=1, max_size=4
)


@settings(deadline=None)
@given(grades, st.sampled_from(["j.csv", "j.tsv", "j.json"]))
def test_any_judgements_come_back(tmp_path_factory, grades, name):
    path = tmp_path_factory.mktemp("any") / name
    write_judgements(Judgements(grades=grades), path)
    assert read_judgements(path).judgements.grades == grades


@pytest.mark.parametrize("name", ["r.run", "r.csv", "r.tsv"])
@pytest.mark.parametrize(
    "scores",
    [
        None,
        {"q1": [3.0, 2.0, 1.5], "q2": [1.0]},
        {"q1": [1.0, 1.0, 1.0 - 1e-12], "q2": [1.0]},
        {"q1": [1, 2, 3], "q2": [9]},
    ],
)
def test_runs_come_back_in_order_whatever_the_scores(tmp_path, name, scores):
    run = Run(rankings={"q1": ("c", "a", "b"), "q2": ("x",)}, scores=scores, name="my model")
    write_run(run, tmp_path / name)
    assert read_run(tmp_path / name).run.rankings == run.rankings


def test_scores_that_descend_are_kept(tmp_path):
    run = Run(rankings={"q": ("a", "b")}, scores={"q": (0.1 + 0.2, 0.1)}, name="model")
    write_run(run, tmp_path / "r.run")
    assert read_run(tmp_path / "r.run").run == run


def test_trec_eval_reads_our_files_in_our_order(tmp_path):
    images = [f"image{number}" for number in range(20)]
    write_run(Run(rankings={"q": images}, scores={"q": [0.5] * 20}), tmp_path / "r.run")
    write_judgements(Judgements(grades={"q": {"image0": 1, "image19": 0}}), tmp_path / "j.qrels")
    with (tmp_path / "j.qrels").open() as qrels, (tmp_path / "r.run").open() as run:
        evaluator = pytrec_eval.RelevanceEvaluator(pytrec_eval.parse_qrel(qrels), {"recip_rank"})
        assert evaluator.evaluate(pytrec_eval.parse_run(run))["q"]["recip_rank"] == 1


@pytest.mark.parametrize("name", ["a b", "a\tb", "a\u00a0b", ""])
def test_names_with_blanks_do_not_go_into_trec_files(tmp_path, name):
    with pytest.raises(EvaluationRefused, match="use .tsv"):
        write_judgements(Judgements(grades={"q": {name: 1}}), tmp_path / "j.qrels")
    with pytest.raises(EvaluationRefused, match="use .tsv"):
        write_run(Run(rankings={"q": [name]}), tmp_path / "r.run")
    assert not list(tmp_path.iterdir())


# -- what formats hold -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("j.qrels", "q 0 a 3\n\nq\t0\tb  1\r\n"),
        ("j.csv", "query,image,grade\nq,a,3\n\nq,b,1\n"),
        ("j.csv", "\ufeffGrade,Relevant,Query\r\n3,a,q\r\n1.0,b,q\r\n"),
        ("j.tsv", "qid\tcandidate\tgrade\tcloser_rate\nq\ta\t3\t.9\nq\tb\t 1\t.1\n"),
        ("j.TSV", "query\tdocno\timage\trel\nq\tx\ta\t3\nq\ty\tb\t1"),
    ],
)
def test_common_spellings_are_understood(file, name, text):
    assert read_judgements(file(name, text)).judgements.grades == {"q": {"a": 3, "b": 1}}


def test_who_and_when_and_the_box_stay_with_a_judgement(file):
    path = file(
        "j.csv",
        "query,x,y,width,height,image,grade,user,at\nq,0.25,0.25,0.5,0.5,a,3,ann,2026-01-31\nq,,,,,a,1,,\n",
    )
    reading = read_judgements(path)
    assert reading.judgements.grades == {"q#xywh=percent:25,25,50,50": {"a": 3}, "q": {"a": 1}}
    assert [(row.number, row.user, row.at) for row in reading.rows] == [(2, "ann", "2026-01-31"), (3, "", "")]


def test_label_studios_export_is_understood(file):
    tasks = [
        rating("q", "a", {"rating": 4}, completed_by=7, updated_at="2026-01-31T10:00:00Z"),
        rating("q", "b", {"choices": ["0"]}, completed_by={"id": 3, "email": "ann@example.org"}, created_at="2025"),
        rating("q", "skipped", {"rating": 1}, was_cancelled=True),
        {"data": {"query": "q", "image": "nobody yet"}, "annotations": []},
    ]
    reading = read_judgements(file("j.json", json.dumps(tasks)))
    assert reading.judgements.grades == {"q": {"a": 4, "b": 0}}
    assert [(row.number, row.user, row.at) for row in reading.rows] == [
        (1, "7", "2026-01-31T10:00:00Z"),
        (2, "ann@example.org", "2025"),
    ]


def test_several_people_need_a_rule(file):
    tasks = [rating("q", "a", {"rating": 4}), rating("q", "a", {"rating": 1}), rating("q", "a", {"rating": 3})]
    path = file("j.json", json.dumps(tasks))
    with pytest.raises(EvaluationRefused, match="task 2: grade 1 disagrees with grade 4 of task 1"):
        read_judgements(path)
    judgements = read_judgements(path, combine="median").judgements
    assert judgements.grades == {"q": {"a": 3}}
    assert judgements.rule == "read from j.json; several grades of a pair: median"


def test_in_a_run_the_score_decides_then_the_rank_then_the_line(file):
    path = file("r.run", "q Q0 c 1 0.5 m\nq Q0 b 3 0.9 m\nq Q0 a 2 0.9 m\nq Q0 d 9 1e-3 m\nr Q0 a 1 inf m\n")
    run = read_run(path).run
    assert run.rankings == {"q": ("a", "b", "c", "d"), "r": ("a",)}
    assert run.name == "m"
    ranked = read_run(file("r.csv", "query,image,rank\nq,b,2\nq,a,1\n")).run
    assert (ranked.rankings, ranked.scores, ranked.name) == ({"q": ("a", "b")}, None, "r")


def test_the_format_can_be_said_and_otherwise_goes_by_the_suffix(file):
    path = file("judged.by-ann", "q 0 a 3\n")
    assert read_judgements(path, file_format="trec").judgements.pairs == 1
    with pytest.raises(EvaluationRefused, match=r"\.qrels, \.run, \.trec, \.txt, \.csv, \.tsv, \.json"):
        read_judgements(path)
    assert format_of(path.with_suffix(".TXT")) == "trec"


# -- bad lines -------------------------------------------------------------------------------------------------------

BAD_QRELS = """q 0 a 3
q 0 b
q 0 c six
q 0 d 6
q 0 e -1
q 0 a 4
q 0 f 2.5
q 0 g nan
q 0 a 3
r 0 h 1
"""


def test_bad_lines_are_listed_with_their_numbers_and_the_file_is_refused(file):
    with pytest.raises(EvaluationRefused) as refusal:
        read_judgements(file("j.qrels", BAD_QRELS))
    assert [problem.split(":")[0] for problem in refusal.value.problems] == [f"line {n}" for n in range(2, 9)]
    assert "line 2: 3 fields instead of 4 (query iteration image grade): q 0 b" in refusal.value.problems
    assert "line 4: grade 6 is out of 0 to 5: q 0 d 6" in refusal.value.problems
    assert "line 6: grade 4 disagrees with grade 3 of line 1: q a" in refusal.value.problems


def test_good_lines_are_kept_when_asked(file):
    reading = read_judgements(file("j.qrels", BAD_QRELS), keep_good=True)
    assert reading.judgements.grades == {"q": {"a": 3}, "r": {"h": 1}}
    assert [bad.number for bad in reading.bad_lines] == list(range(2, 9))


def test_a_file_with_no_good_line_is_refused_even_then(file):
    for path in (file("j.qrels", "q 0 b\n"), file("empty.qrels", ""), file("head.csv", "query,image,grade\n")):
        with pytest.raises(EvaluationRefused, match="no usable line"):
            read_judgements(path, keep_good=True)
    with pytest.raises(EvaluationRefused, match="no usable line"):
        read_run(file("r.run", ""))


def test_a_box_that_is_none_is_a_bad_line(file):
    path = file("j.csv", "query,x,y,width,height,image,grade\nq,0,0,2,1,a,1\nq,0,0,,1,a,1\nq,0,0,nan,1,a,1\n")
    with pytest.raises(EvaluationRefused) as refusal:
        read_judgements(path)
    assert [problem.split(": ")[0] for problem in refusal.value.problems] == ["line 2", "line 3", "line 4"]
    assert "inside the image" in refusal.value.problems[0]


def test_bad_results_of_runs_are_listed(file):
    path = file("r.run", "q Q0 a 1 nan m\nq Q0 b 2 x m\nq Q0 c 3 0.5 m\nq Q0 c 4 0.4 m\nq Q0 d\n")
    with pytest.raises(EvaluationRefused) as refusal:
        read_run(path)
    assert [problem.split(": ")[:2] for problem in refusal.value.problems] == [
        ["line 1", "score is not a number (NaN)"],
        ["line 2", "score 'x' is not a number"],
        ["line 4", "the image stands in line 3 too, for the same query"],
        ["line 5", "3 fields instead of 6 (query Q0 image rank score name)"],
    ]
    reading = read_run(path, keep_good=True)
    assert reading.run.rankings == {"q": ("c",)}
    assert len(reading.bad_lines) == 4


def test_files_that_are_not_there_not_text_or_not_writable_are_refused(file, tmp_path):
    with pytest.raises(EvaluationRefused, match="No such file"):
        read_judgements(tmp_path / "missing.csv")
    with pytest.raises(EvaluationRefused, match="UTF-8"):
        read_judgements(file("j.csv", "query,image,grade\nq,a,1\n".encode("utf-16-le")))
    with pytest.raises(StorageFailed, match="cannot be written"):
        write_judgements(PLAIN, tmp_path / "no folder" / "j.csv")
    with pytest.raises(EvaluationRefused, match="judgements, not runs"):
        read_run(file("r.json", "[]"))
    with pytest.raises(EvaluationRefused, match="judgements, not runs"):
        write_run(Run(rankings={"q": ["a"]}), tmp_path / "r.json")


@settings(deadline=None)
@given(st.binary(max_size=80), st.sampled_from(["j.qrels", "j.csv", "j.tsv", "j.json"]))
def test_no_file_gets_past_the_refusals(tmp_path_factory, content, name):
    path = tmp_path_factory.mktemp("any") / name
    path.write_bytes(b"query,image,grade\n" * (name == "j.csv") + content)
    try:
        assert read_judgements(path).judgements.pairs > 0
    except EvaluationRefused as refusal:
        str(refusal).encode()  # whatever the bytes were, the message can be printed
