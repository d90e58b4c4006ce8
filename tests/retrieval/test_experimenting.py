"""An experiment over a real engine: who takes part, what is written down, and what stays as it is."""

from datetime import UTC, datetime

import pytest

from doubles import ColourGridEncoder
from lookalike.catalog import Arm, Experiment, ExperimentKind
from lookalike.errors import UnknownModel
from lookalike.retrieval import ExactRanker, Query
from lookalike.retrieval.experimenting import arm_of, takes_part
from parts import write_pictures


def experiment(kind=ExperimentKind.INTERLEAVE, *, share=1.0, name="try"):
    return Experiment(
        name=name,
        kind=kind,
        challenger="other",
        control="colour-grid",
        share=share,
        seed="seed",
        started_at=datetime.now(UTC),
    )


@pytest.fixture
def library(parts, tmp_path):
    parts.indexer.index([write_pictures(tmp_path / "photos", range(40))])
    other = ColourGridEncoder(name="other", seed=2)
    parts.indexer_for(other).embed_known()
    return parts


@pytest.fixture
def engine(library):
    made = library.new_engine(open_challenger=lambda name: ExactRanker(library.catalog, library.encoders[name]))
    yield made
    made.close()


def asked(library):
    return Query.image(library.catalog.images.browse(limit=1).images[0].id, limit=10)


def ids(answer):
    return [hit.image.id for hit in answer.hits]


def test_interleaved_queries_are_answered_by_both_and_written_down(library, engine):
    usual = ids(library.engine.search(asked(library)))
    library.catalog.experiments.start(experiment())
    answers = [engine.search(asked(library)) for _ in range(5)]
    assert any(ids(answer) != usual for answer in answers)
    outcomes = {one.assignment.query_id: one.assignment for one in library.catalog.experiments.outcomes("try")}
    assert outcomes.keys() == {answer.query_id for answer in answers}
    for answer in answers:
        assigned = outcomes[answer.query_id]
        assert (assigned.arm, len(assigned.teams)) == (Arm.BOTH, answer.total)
        page = engine.page(answer.query_id, offset=0, limit=10)
        assert ids(page) == ids(answer)
        assert [hit.cosine for hit in page.hits] == pytest.approx([hit.cosine for hit in answer.hits])


def test_later_pages_behind_the_frozen_hits_belong_to_no_team(library):
    library.catalog.experiments.start(experiment())
    engine = library.new_engine(
        depth=12, open_challenger=lambda name: ExactRanker(library.catalog, library.encoders[name])
    )
    answer = engine.search(asked(library))
    (outcome,) = library.catalog.experiments.outcomes("try")
    assert (answer.total, len(outcome.assignment.teams)) == (12, 12)
    assert len(engine.page(answer.query_id, offset=10, limit=10).hits) == 10
    engine.close()


def test_a_split_answers_one_arm_as_usual_and_the_other_in_the_challengers_order(library, engine):
    usual = ids(library.engine.search(asked(library)))
    challenger = ExactRanker(library.catalog, library.encoders["other"]).rank(asked(library)).candidates.image_ids
    library.catalog.experiments.start(experiment(ExperimentKind.SPLIT))
    found = {answer.query_id: ids(answer) for answer in (engine.search(asked(library)) for _ in range(12))}
    arms = {one.assignment.query_id: one.assignment.arm for one in library.catalog.experiments.outcomes("try")}
    assert set(arms.values()) == {Arm.CONTROL, Arm.TREATMENT}
    expected = {Arm.CONTROL: usual, Arm.TREATMENT: list(challenger[:10])}
    assert {query_id: expected[arms[query_id]] for query_id in found} == found


def test_swaps_move_the_first_hit_and_nothing_else(library, engine):
    usual = ids(library.engine.search(asked(library)))
    library.catalog.experiments.start(experiment(ExperimentKind.SWAP))
    for _ in range(6):
        shown = ids(engine.search(asked(library)))
        assert sorted(shown) == sorted(usual)
        moved = [place for place, (one, other) in enumerate(zip(shown, usual, strict=True)) if one != other]
        assert moved in ([], [0, shown.index(usual[0])])


def test_after_it_is_stopped_all_is_as_before(library):
    usual = ids(library.engine.search(asked(library)))
    library.catalog.experiments.start(experiment())
    library.catalog.experiments.stop("try", reason="enough")
    engine = library.new_engine(open_challenger=pytest.fail)
    assert ids(engine.search(asked(library))) == usual
    engine.close()


def test_a_challenger_that_cannot_be_opened_changes_nothing(library, caplog):
    def missing(name):
        raise UnknownModel(f"{name} is not here")

    usual = ids(library.engine.search(asked(library)))
    library.catalog.experiments.start(experiment())
    engine = library.new_engine(open_challenger=missing)
    assert [ids(engine.search(asked(library))) for _ in range(2)] == [usual, usual]
    engine.close()
    assert library.catalog.experiments.outcomes("try") == []
    assert [record.message for record in caplog.records] == ["experiment try changes nothing: other is not here"]


def test_the_share_and_the_halves_depend_on_the_querys_id_only():
    some = experiment(ExperimentKind.SPLIT, share=0.3)
    names = [str(number) for number in range(4_000)]
    part = [name for name in names if takes_part(some, name)]
    assert len(part) / len(names) == pytest.approx(0.3, abs=0.03)
    treated = [name for name in part if arm_of(some, name) is Arm.TREATMENT]
    assert len(treated) / len(part) == pytest.approx(0.5, abs=0.05)
    assert [name for name in names if takes_part(some, name)] == part
