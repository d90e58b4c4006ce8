import pytest

from lookalike.errors import EvaluationRefused
from lookalike.library.estimate import EstimateRequest, estimate
from lookalike.library.judging import JudgementSource
from lookalike.progress import Silent


def request(file, **more):
    return EstimateRequest(judgements=JudgementSource(judgements=str(file)), **{"cutoff": 5, **more})


def test_few_grades_and_guesses_come_near_what_all_grades_say(library, things):
    names = sorted(path.name for path in things.glob("*.png"))
    kinds = {name: name.split("-")[0] for name in names}
    lines = [
        f"{one}\t{other}\t{5 * (kinds[one] == kinds[other])}\n" for one in names for other in names if one != other
    ]
    (things / "all.tsv").write_text("query\timage\tgrade\n" + "".join(lines))
    (things / "some.tsv").write_text("query\timage\tgrade\n" + "".join(lines[::3]))
    everything = estimate(library.parts, request(things / "all.tsv"), Silent()).estimate
    some = estimate(library.parts, request(things / "some.tsv"), Silent()).estimate
    assert everything.grades == everything.hits == 5 * len(names)
    assert some.grades < 0.5 * some.hits
    assert some.low <= everything.mean <= some.high


def test_too_few_judged_queries_are_refused(library, shop):
    with pytest.raises(EvaluationRefused, match="--estimate"):
        estimate(library.parts, request(shop / "grades.qrels"), Silent())
