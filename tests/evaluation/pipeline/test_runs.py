import dataclasses

import numpy as np
import pytest

from doubles import ColourGridEncoder, picture
from lookalike.catalog import content_id
from lookalike.errors import EvaluationRefused
from lookalike.evaluation import Judgements, evaluate_run, parse_measures
from lookalike.evaluation.pipeline import judged_library, run_exact, run_pipeline
from lookalike.retrieval import ExactRanker
from lookalike.types import Visibility
from parts import Parts

KINDS, SHADES = 8, 3


@pytest.fixture
def library(tmp_path):
    """Kinds of pictures in several grainy versions."""
    (tmp_path / "photos").mkdir()
    for seed in range(KINDS):
        for shade in range(SHADES):
            (tmp_path / "photos" / f"{seed}-{shade}.png").write_bytes(picture(seed, noise=1 + 60 * shade))
    with Parts(tmp_path / "library") as parts:
        parts.indexer.index([tmp_path / "photos"])
        yield parts


def grades(**more):
    return Judgements(
        grades={
            f"{seed}-0.png": {f"{seed}-{shade}.png": 5 - shade for shade in range(SHADES)} | more
            for seed in range(KINDS)
        }
    )


def asked(library, judgements):
    judged = judged_library(library.catalog, judgements)
    exact = library.engine.exact_ranker()
    return judged, run_pipeline(library.engine.ranker, exact, judged.queries), exact


def test_the_whole_library_is_ranked_but_for_the_query_itself(library):
    judged, runs, _ = asked(library, grades())
    everything = {content_id(picture(seed, noise=1 + 60 * shade)) for seed in range(KINDS) for shade in range(SHADES)}
    for name, ranking in runs.served.rankings.items():
        assert set(ranking) == everything - {judged.queries[name].image.id}
        assert len(ranking) == len(set(ranking))
    assert runs.exact.rankings == runs.served.rankings
    assert runs.failed == {}


def test_what_is_measured_is_what_users_get(library):
    judged, runs, _ = asked(library, grades())
    for name, query in judged.queries.items():
        hits = library.engine.search(dataclasses.replace(query.as_query(), limit=30)).hits
        seen = [image_id for hit in hits for image_id in (hit.image.id, *hit.duplicates)]
        assert list(runs.served.rankings[name][: len(seen)]) == seen


def test_measuring_leaves_no_queries_behind(library):
    asked(library, grades())
    library.engine.flush()
    assert library.catalog.counts().queries == 0


def test_what_the_index_loses_is_told_apart(library):
    class Forgetful:
        """A ranker that misses the nearest image, as an approximate index may."""

        def rank(self, query, **options):
            found = library.engine.ranker.rank(query, **options)
            return dataclasses.replace(found, candidates=found.candidates.take(range(1, len(found.candidates))))

        def rank_encoded(self, query, **options):
            raise NotImplementedError

    judged = judged_library(library.catalog, grades())
    exact = library.engine.exact_ranker()
    runs = run_pipeline(Forgetful(), exact, judged.queries)
    (measure,) = parse_measures(["nDCG@10"])
    served, true = (evaluate_run(run, judged.judgements, [measure]).mean(measure) for run in (runs.served, runs.exact))
    assert true > served + 0.1


def test_private_images_are_neither_ranked_nor_judged(library):
    hidden = content_id(picture(0, noise=61))
    library.catalog.images.update(hidden, visibility=Visibility.PRIVATE)
    judged, runs, exact = asked(library, grades())
    assert all(hidden not in ranking for ranking in [*runs.served.rankings.values(), *runs.exact.rankings.values()])
    assert all(hidden not in of_query for of_query in judged.judgements.grades.values())
    assert exact.size == KINDS * SHADES - 1
    assert "0-1.png" in judged.warnings[0]


def test_names_of_the_same_bytes_are_one_image(library, tmp_path):
    (tmp_path / "photos" / "again.png").write_bytes(picture(1, noise=61))
    library.indexer.index([tmp_path / "photos"])
    judged = judged_library(library.catalog, Judgements(grades={"1-0.png": {"1-1.png": 2, "again.png": 4}}))
    assert judged.judgements.grades == {"1-0.png": {content_id(picture(1, noise=61)): 4}}
    assert "the higher grade counts" in judged.warnings[0]


def test_a_query_may_be_a_file_that_was_not_indexed(library, tmp_path):
    (tmp_path / "new.png").write_bytes(picture(3, noise=20))
    judged = judged_library(
        library.catalog, Judgements(grades={"new.png": {"3-0.png": 5}, "gone.png": {"3-0.png": 5}}), folders=[tmp_path]
    )
    exact = library.engine.exact_ranker()
    runs = run_pipeline(library.engine.ranker, exact, judged.queries)
    assert content_id(picture(3, noise=1)) in runs.served.rankings["new.png"][:3]
    assert "gone.png" in judged.warnings[0]


def test_a_query_that_cannot_be_read_any_more_counts_as_unanswered(library, tmp_path):
    (tmp_path / "new.png").write_bytes(picture(3, noise=20))
    judged = judged_library(library.catalog, Judgements(grades={"new.png": {"3-0.png": 5}}), folders=[tmp_path])
    (tmp_path / "new.png").write_text("no image")
    exact = library.engine.exact_ranker()
    runs = run_pipeline(library.engine.ranker, exact, judged.queries)
    assert runs.served.rankings == {"new.png": ()}
    assert list(runs.failed) == ["new.png"]


def test_nothing_to_evaluate_is_refused_with_the_reasons(library):
    with pytest.raises(EvaluationRefused, match="2 queries cannot be asked"):
        judged_library(library.catalog, Judgements(grades={"a.png": {"b.png": 1}, "c.png": {"b.png": 1}}))


def test_a_crop_outside_its_image_is_left_out_and_said(library):
    name = "0-0.png#xywh=pixel:60,0,100,10"
    judged = judged_library(library.catalog, Judgements(grades={name: {"0-1.png": 1}, "1-0.png": {"1-1.png": 1}}))
    assert list(judged.queries) == ["1-0.png"]
    assert "64 x 48" in judged.warnings[0]


def test_exact_search_by_another_model_is_plain_cosines(library):
    other = ColourGridEncoder(name="other", seed=9)
    library.indexer_for(other).embed_known()
    judged = judged_library(library.catalog, grades())
    run = run_exact(ExactRanker(library.catalog, other, rerankers=()), judged.queries)
    (block,) = library.catalog.vectors.blocks(other.fingerprint)
    query = judged.queries["2-0.png"].image.id
    cosines = block.vectors @ block.vectors[block.image_ids.index(query)]
    order = [block.image_ids[row] for row in np.argsort(-cosines, kind="stable")]
    assert run.rankings["2-0.png"] == tuple(image_id for image_id in order if image_id != query)
    assert library.catalog.models.live().name == "colour-grid"
