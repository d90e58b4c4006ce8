"""A report for programs: the numbers of the page, and each query's values."""

import math

from lookalike.evaluation.report.contents import EvaluationReport
from lookalike.evaluation.report.tables import ComparisonRow, GroupRow, MeasureRow
from lookalike.evaluation.significance import Interval


def as_document(report: EvaluationReport) -> dict[str, object]:
    """Plain values for JSON; None where something is undefined."""
    tables, about = report.tables, report.circumstances
    return {
        "library": about.library,
        "model": about.model,
        "fingerprint": about.fingerprint,
        "generation": about.generation,
        "backend": about.backend,
        "depth": about.depth,
        "at": about.at.isoformat(),
        "version": about.version,
        "warnings": list(about.warnings),
        "judgements": {
            "name": report.judgements.name,
            "rule": report.judgements.rule,
            "queries": report.judgements.queries,
            "pairs": report.judgements.pairs,
            "images": report.judgements.images,
            "grades": list(report.judgements.grades),
        },
        "resamples": tables.resamples,
        "confidence": tables.confidence,
        "measures": {str(row.measure): _measure(row) for row in tables.measures},
        "groups": [_group(row) for row in tables.groups],
        "against": _against(report, tables.comparisons),
        "best": [strip.query for strip in report.best],
        "worst": [strip.query for strip in report.worst],
        "served": report.served.as_document(),
        "exact": None if report.exact is None else report.exact.as_document(),
    }


def _measure(row: MeasureRow) -> dict[str, object]:
    return {
        **_interval(row.served),
        "exact": _plain(row.exact),
        "index_loss": _interval(row.loss),
        "undefined_queries": row.undefined,
    }


def _group(row: GroupRow) -> dict[str, object]:
    means = {str(measure): _interval(interval) for measure, interval in row.intervals.items()}
    return {"axis": row.axis, "name": row.name, "queries": row.queries, "small": row.small, "measures": means}


def _against(report: EvaluationReport, rows: tuple[ComparisonRow, ...]) -> dict[str, object] | None:
    if report.against is None:
        return None
    return {"name": report.against.run, "measures": {str(row.measure): _comparison(row) for row in rows}}


def _comparison(row: ComparisonRow) -> dict[str, object] | None:
    found = row.comparison
    if found is None:
        return None
    return {
        "ours": found.first,
        "theirs": found.second,
        "difference": _interval(found.difference),
        "p_value": found.p_value,
        "adjusted_p_value": _plain(row.adjusted_p),
        "effect_size": _plain(found.effect_size),
        "wins": found.wins,
        "ties": found.ties,
        "losses": found.losses,
        "left_out": found.left_out,
    }


def _interval(interval: Interval | None) -> dict[str, float | int | None]:
    if interval is None:
        return {"mean": None, "low": None, "high": None, "queries": 0}
    ends = (_plain(interval.low), _plain(interval.high))
    return {"mean": _plain(interval.mean), "low": ends[0], "high": ends[1], "queries": interval.queries}


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None
