import pytest

import lookalike
from lookalike.catalog import ExperimentKind
from lookalike.library.experiment import StartRequest
from lookalike.library.live_experiments import LiveExperiments
from lookalike.progress import Silent


def test_a_served_library_tries_the_other_models_of_its_machine(library, shop):
    experiments = LiveExperiments.of(library.parts)
    assert experiments.models() == ["blind"]
    request = StartRequest(name="try", challenger="blind")
    experiments.check(request)
    assert experiments.start(request, Silent()).control == "tiny"
    with pytest.raises(lookalike.CallerError, match="experiment try is running"):
        experiments.check(StartRequest(name="other", kind=ExperimentKind.SWAP))


def test_what_cannot_be_started_is_refused_before_anything_is_prepared(library, shop):
    experiments = LiveExperiments.of(library.parts)
    with pytest.raises(lookalike.CallerError, match="is the live model"):
        experiments.check(StartRequest(name="try", challenger="tiny"))
    with pytest.raises(lookalike.LookalikeError):
        experiments.check(StartRequest(name="try", challenger="nowhere"))
    assert library.parts.catalog.experiments.all() == []
