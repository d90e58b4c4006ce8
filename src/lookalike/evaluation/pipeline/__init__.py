"""Judgements against a library's own prediction pipeline: what users get is what is measured."""

from lookalike.evaluation.pipeline.bench import ModelBench, bench_model
from lookalike.evaluation.pipeline.judged_library import (
    JudgedLibrary,
    PipelineQuery,
    judged_library,
    query_name,
    run_in_ids,
    stored_judgements,
)
from lookalike.evaluation.pipeline.names import NamedImages, find_images_named
from lookalike.evaluation.pipeline.query_tables import QueryRow, read_query_table, read_rows
from lookalike.evaluation.pipeline.runs import PipelineRuns, run_exact, run_pipeline

__all__ = [
    "JudgedLibrary",
    "ModelBench",
    "NamedImages",
    "PipelineQuery",
    "PipelineRuns",
    "QueryRow",
    "bench_model",
    "find_images_named",
    "judged_library",
    "query_name",
    "read_query_table",
    "read_rows",
    "run_exact",
    "run_in_ids",
    "run_pipeline",
    "stored_judgements",
]
