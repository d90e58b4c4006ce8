from lookalike.library.loop_report import decision, loop_report
from lookalike.library.loop_turn import Turn
from lookalike.training.card import HeldOutMeasure

TURN = Turn(
    number=3,
    started_at="2026-01-02T02:00:00+00:00",
    model="new",
    base="old",
    searches=900,
    clicks=1_200,
    simulated=True,
    position_bias="harvesting",
    propensities=(1.0, 0.5, 0.33),
    measures=(
        HeldOutMeasure(
            measure="nDCG@10", held_out="grades", queries=40, base=0.5, new=0.52, difference=0.02, low=0.01, high=0.03
        ),
        HeldOutMeasure(measure="nDCG@10", held_out="clicks", queries=90, base=0.7, new=0.71, difference=0.01),
    ),
    proposed=True,
    because="both rise",
    notes=("a note",),
)


def test_clicks_stand_beside_grades_and_simulated_ones_are_named():
    report = loop_report(TURN)
    assert "| grades | nDCG@10 | 40 | 0.5000 | 0.5200 | +0.0200 | +0.0100 to +0.0300 |" in report
    assert "| clicks | nDCG@10 | 90 | 0.7000 | 0.7100 | +0.0100 |  |" in report
    assert "simulated" in report
    assert "propensities 1.00, 0.50, 0.33" in report
    assert "- a note" in report


def test_a_proposal_names_the_command_that_accepts_it():
    assert "`lookalike models promote new`" in decision(TURN)
