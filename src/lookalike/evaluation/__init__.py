"""How good a ranking is, by how much one beats another, and how sure that is. Pure functions over lists and tables."""

from lookalike.evaluation.conversions import from_instances, from_labels, from_triplets
from lookalike.evaluation.file_lines import BadLine
from lookalike.evaluation.judged_queries import JudgedQuery, own_images
from lookalike.evaluation.judgement_files import (
    FileFormat,
    JudgementReading,
    JudgementRow,
    RunReading,
    format_of,
    read_judgements,
    read_run,
    write_judgements,
    write_run,
)
from lookalike.evaluation.judgements import Combination, Judgements, Run
from lookalike.evaluation.measures import DEFAULT_MEASURES, MEASURES, Measure, MeasureKind, parse_measures
from lookalike.evaluation.scoring import Evaluation, GradedRankings, evaluate_run, graded_blocks
from lookalike.evaluation.significance import (
    Comparison,
    Interval,
    bootstrap_interval,
    compare,
    compare_evaluations,
    holm,
    randomisation_test,
)
from lookalike.evaluation.triplets import (
    RankAgreement,
    TripletAgreement,
    Votes,
    kendall_tau_b,
    majority,
    rank_agreement,
    spearman_rho,
    triplet_accuracy,
    vector_triplet_accuracy,
)

__all__ = [
    "DEFAULT_MEASURES",
    "MEASURES",
    "BadLine",
    "Combination",
    "Comparison",
    "Evaluation",
    "FileFormat",
    "GradedRankings",
    "Interval",
    "JudgedQuery",
    "JudgementReading",
    "JudgementRow",
    "Judgements",
    "Measure",
    "MeasureKind",
    "RankAgreement",
    "Run",
    "RunReading",
    "TripletAgreement",
    "Votes",
    "bootstrap_interval",
    "compare",
    "compare_evaluations",
    "evaluate_run",
    "format_of",
    "from_instances",
    "from_labels",
    "from_triplets",
    "graded_blocks",
    "holm",
    "kendall_tau_b",
    "majority",
    "own_images",
    "parse_measures",
    "randomisation_test",
    "rank_agreement",
    "read_judgements",
    "read_run",
    "spearman_rho",
    "triplet_accuracy",
    "vector_triplet_accuracy",
    "write_judgements",
    "write_run",
]
