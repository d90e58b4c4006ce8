"""The held-out queries of a run, and what they say of the new model."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from lookalike.evaluation import write_judgements
from lookalike.neighbors import unit_rows
from lookalike.training.examples import Part
from lookalike.training.extractors import EncoderFeatures
from lookalike.training.held_out import ExactRanking, HeldOut, Judged
from lookalike.training.network.context import TrainingContext
from lookalike.training.network.describing import vectors_by
from lookalike.training.network.learning import LearntHead
from lookalike.training.network.source_kinds import SOURCES, Material
from lookalike.training.recipes import HeadRecipe


def held_out_queries(material: Material, recipe: HeadRecipe) -> dict[tuple[str, Part], HeldOut]:
    """The queries that validate and test, by what they show.

    Grades judge whatever was learnt from; where they validate, what clicks or a teacher say does not.
    """
    found: dict[tuple[str, Part], HeldOut | None] = {}
    for part in (Part.VALIDATION, Part.TEST):
        graded = SOURCES["grades"].held_out(material, part)
        found["grades", part] = graded
        for name, source in SOURCES.items():
            outranked = source.yields_to_grades and part is Part.VALIDATION and graded is not None
            if name != "grades" and name in recipe.shares and not outranked:
                found[name, part] = source.held_out(material, part)
    return {key: value for key, value in found.items() if value is not None}


def judge(
    context: TrainingContext,
    base: EncoderFeatures,
    material: Material,
    learnt: LearntHead,
    held_out: Mapping[tuple[str, Part], HeldOut],
    recipe: HeadRecipe,
) -> tuple[Judged, ...]:
    """Compare the new model with its base on the test queries, by exact search; not where the run was interrupted."""
    tests = [held for (_, part), held in held_out.items() if part is Part.TEST]
    if learnt.projection is None or not tests:
        return ()
    numbers = [number for number, row in enumerate(material.rows) if row.view is None]
    rows = [material.rows[number] for number in numbers]
    trained = unit_rows(learnt.features[numbers] @ learnt.projection.matrix)
    before = vectors_by(context, base, rows)
    ranking = ExactRanking([str(row) for row in rows], material.examples.known.image_ids)
    context.progress.stage("Judging", len(tests))
    judged = []
    for held in tests:
        judged.append(ranking.compare(trained, before, held, resamples=recipe.resamples))
        context.progress.advance(1)
    return tuple(judged)


def keep_queries(context: TrainingContext, judged: Sequence[Judged]) -> dict[str, Path]:
    """Write the test queries into the run's folder, so that `promote` can judge by them: name -> file."""
    files = {}
    for one in judged:
        path = context.run / f"held-out-{one.held_out.name}.tsv"
        write_judgements(one.held_out.judgements, path)
        files[one.held_out.name] = path
    return files
