"""Reports for people: an evaluation as one HTML file with pictures and plots, and the bake-off of models."""

from lookalike.evaluation.report.bench import BenchPoint, BenchReport, advice, pareto_svg, unbeaten
from lookalike.evaluation.report.contents import (
    Circumstances,
    DepthCurve,
    EvaluationReport,
    JudgementSummary,
    QueryDescription,
    QueryKind,
    QueryStrip,
    StripHit,
)
from lookalike.evaluation.report.depth_curves import depth_curves
from lookalike.evaluation.report.document import as_document
from lookalike.evaluation.report.page import write_bench_report, write_report
from lookalike.evaluation.report.pareto_plot import pareto_plot
from lookalike.evaluation.report.strips import SHOWN_QUERIES, Extremes, StripMaker, extremes
from lookalike.evaluation.report.tables import (
    ComparisonRow,
    GroupRow,
    MeasureRow,
    ReportTables,
    mean_interval,
    tabulate,
)
from lookalike.evaluation.report.wording import cautions, explain, verdict

__all__ = [
    "SHOWN_QUERIES",
    "BenchPoint",
    "BenchReport",
    "Circumstances",
    "ComparisonRow",
    "DepthCurve",
    "EvaluationReport",
    "Extremes",
    "GroupRow",
    "JudgementSummary",
    "MeasureRow",
    "QueryDescription",
    "QueryKind",
    "QueryStrip",
    "ReportTables",
    "StripHit",
    "StripMaker",
    "advice",
    "as_document",
    "cautions",
    "depth_curves",
    "explain",
    "extremes",
    "mean_interval",
    "pareto_plot",
    "pareto_svg",
    "tabulate",
    "unbeaten",
    "verdict",
    "write_bench_report",
    "write_report",
]
