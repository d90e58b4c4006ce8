import pytest

import lookalike
from lookalike.library.judging import JudgementSource
from lookalike.library.position_bias import PositionBiasRequest, position_bias
from lookalike.library.simulate import SimulateRequest, simulate
from lookalike.library.train_head import _bias_by_rank
from lookalike.progress import Silent


@pytest.fixture
def clicked(library, shop):
    """Two models have answered simulated people."""
    source = JudgementSource(judgements=str(shop / "grades.qrels"))
    request = SimulateRequest(judgements=source, sessions=1_500, shown=6, models=("blind",))
    simulate(library.parts, request, Silent())
    return library


def test_the_curve_is_written_as_training_reads_it(clicked, tmp_path):
    file = tmp_path / "bias.txt"
    request = PositionBiasRequest(out=file, include_simulated=True, resamples=20)
    found = position_bias(clicked.parts, request, Silent())
    assert (found.curve.method, found.simulated, found.searches) == ("harvesting", True, 1_500)
    assert found.curve.propensities[5] < 0.5 < found.curve.propensities[0]
    assert found.corrected_click_rate > found.click_rate
    propensities, offsets = _bias_by_rank(file)
    assert propensities == pytest.approx(found.curve.by_rank(), abs=1e-6)
    assert offsets == ()


def test_with_trust_bias_each_line_has_an_offset_that_training_reads(clicked, tmp_path):
    file = tmp_path / "bias.txt"
    request = PositionBiasRequest(out=file, method="trust", include_simulated=True, resamples=0)
    found = position_bias(clicked.parts, request, Silent())
    propensities, offsets = _bias_by_rank(file)
    assert propensities == pytest.approx(found.curve.by_rank(), abs=1e-6)
    assert offsets == pytest.approx(found.curve.offsets_by_rank(), abs=1e-6)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1\n0.5 1.0\n", "at most one offset"),
        ("1 0.2 0.1\n", "at most one offset"),
        ("1 0.2\n0.5\n", "some ranks have"),
    ],
)
def test_a_file_whose_offsets_make_no_sense_is_refused(tmp_path, text, said):
    file = tmp_path / "bias.txt"
    file.write_text(text)
    with pytest.raises(lookalike.CallerError, match=said):
        _bias_by_rank(file)


def test_simulated_clicks_are_not_used_unless_asked_for(clicked):
    with pytest.raises(lookalike.CallerError, match="--include-simulated"):
        position_bias(clicked.parts, PositionBiasRequest(), Silent())


def test_with_one_model_the_cosines_stand_in_for_relevance_and_a_warning_says_so(library, shop):
    source = JudgementSource(judgements=str(shop / "grades.qrels"))
    simulate(library.parts, SimulateRequest(judgements=source, sessions=300, shown=6), Silent())
    found = position_bias(library.parts, PositionBiasRequest(include_simulated=True, resamples=0), Silent())
    assert found.curve.method == "regression"
    assert any("no image was shown at several places" in warning for warning in found.warnings)
