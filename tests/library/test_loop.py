"""A turn of the loop: what is proposed, what is kept, and that one turn is made at a time."""

import json

import pytest
from filelock import FileLock

import lookalike
from lookalike.errors import LibraryBusy
from lookalike.library import loop as loop_module
from lookalike.library.judging import JudgementSource
from lookalike.library.loop import LoopRequest, decide, run_loop
from lookalike.library.loop_turn import STEPS
from lookalike.library.simulate import SimulateRequest, simulate
from lookalike.progress import Silent
from lookalike.training.card import HeldOutMeasure
from lookalike.training.examples import SplitShares
from lookalike.training.recipes import HeadRecipe


def measured(held_out, difference, low, high=None):
    return HeldOutMeasure(
        measure="nDCG@10",
        held_out=held_out,
        queries=50,
        base=0.5,
        new=0.5 + difference,
        difference=difference,
        low=low,
        high=high,
    )


@pytest.mark.parametrize(
    ("grades", "clicks", "proposed", "because"),
    [
        ((0.02, 0.01), (0.01, -0.01), True, "by grades rises by 0.0200; nDCG@10 by clicks rises"),
        ((0.02, 0.01), (-0.01, -0.03, 0.01), True, "by grades rises by 0.0200; nDCG@10 by clicks falls by 0.0100"),
        ((-0.001, -0.01), (0.1, 0.05), False, "by grades falls by 0.0010"),
        ((0.1, 0.05), (-0.02, -0.03, -0.01), False, "clicks falls by 0.0200: a fall by more than chance may explain"),
        ((0.02, 0.01), (-0.03, -0.09, 0.01), False, "the fall is larger than the rise"),
        ((0.01, -0.01), (0.01, -0.01), False, "neither rises by more than chance may explain"),
    ],
)
def test_a_model_is_proposed_if_neither_grades_nor_clicks_fall_surely_and_one_rises_surely(
    grades, clicks, proposed, because
):
    found, why = decide([measured("grades", *grades), measured("clicks", *clicks)])
    assert found is proposed
    assert because in why


def test_a_model_that_was_judged_by_one_of_them_only_is_not_proposed():
    assert decide([measured("clicks", 0.1, 0.05)]) == (
        False,
        "it cannot be judged by grades: nothing of them was held out",
    )
    assert not decide([])[0]


@pytest.fixture
def clicked(library, things):
    """Simulated people have searched with every picture, ranked by two models."""
    source = JudgementSource(judgements=str(things / "grades.tsv"))
    simulate(
        library.parts,
        SimulateRequest(judgements=source, sessions=1_500, shown=15, models=("blind",), eta=0.5),
        Silent(),
    )
    return library


def request(things, **more):
    recipe = HeadRecipe(
        shares={"clicks": 1.0},
        steps=40,
        learning_rate=0.02,
        shares_held_out=SplitShares(validation=0.2, test=0.2),
        resamples=200,
    )
    source = JudgementSource(judgements=str(things / "grades.tsv"))
    return LoopRequest(**{"judgements": source, "recipe": recipe, "include_simulated": True, **more})


def test_a_turn_that_is_interrupted_goes_on_and_ends_with_a_report_of_clicks_beside_grades(
    clicked, things, monkeypatch
):
    with monkeypatch.context() as broken:
        broken.setattr(loop_module, "train", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run_loop(clicked.parts, request(things), Silent())
    state = json.loads((clicked.settings.library / "loop" / "0001" / "state.json").read_text())
    assert state["done"] == ["collect", "position bias"]
    result = run_loop(clicked.parts, request(things, promote=True), Silent())
    assert (result.resumed, result.turn.number, result.turn.done) == (True, 1, STEPS)
    assert clicked.parts.catalog.library_id[:6] in result.turn.model  # libraries share the folder of models
    assert {one.held_out for one in result.turn.measures} >= {"grades", "clicks"}
    assert (result.turn.position_bias, result.turn.simulated) == ("harvesting", True)
    report = result.report.read_text()
    assert "| grades | nDCG@10 |" in report
    assert "| clicks | " in report
    assert "simulated" in report
    assert result.turn.promoted is result.turn.proposed
    assert clicked.parts.require_live().name == (result.turn.model if result.turn.promoted else "tiny")


def test_simulated_clicks_start_nothing_unless_that_was_asked_for(clicked, things):
    with pytest.raises(lookalike.CallerError, match="0 clicks are fewer than the 500"):
        run_loop(clicked.parts, request(things, include_simulated=False), Silent())


def test_one_turn_is_made_at_a_time(library, things):
    folder = library.settings.library / "loop"
    folder.mkdir()
    with FileLock(folder / "loop.lock"), pytest.raises(LibraryBusy, match="another turn"):
        run_loop(library.parts, request(things), Silent())
