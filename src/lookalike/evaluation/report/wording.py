"""Numbers and findings as text. A missing number is shown as "not defined", never as 0."""

import math

from lookalike.evaluation.measures import Measure
from lookalike.evaluation.report.svg import MINUS
from lookalike.evaluation.report.tables import SMALL_GROUP, ComparisonRow, ReportTables
from lookalike.evaluation.scoring import Evaluation
from lookalike.evaluation.significance import Interval

NOT_DEFINED = "not defined"
SIGNIFICANT = 0.05
_LEAST_P = 0.001
_JUDGED_GAP = 0.1
_UNJUDGED_SHARE = 0.2


def decimal(value: float | None, digits: int = 3) -> str:
    """A number with so many digits after the point, with a real minus sign."""
    if value is None or math.isnan(value):
        return NOT_DEFINED
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", MINUS).replace("inf", "∞")


def signed(value: float | None, digits: int = 3) -> str:
    """As `decimal`, with a plus sign where it is above 0."""
    text = decimal(value, digits)
    positive = value is not None and value > 0 and text.strip("0.") != ""
    return f"+{text}" if positive else text


def span(interval: Interval | None, *, signs: bool = False) -> str:
    """An interval's two ends."""
    if interval is None or math.isnan(interval.low):
        return NOT_DEFINED
    spell = signed if signs else decimal
    return f"{spell(interval.low)} to {spell(interval.high)}"


def p_value(value: float) -> str:
    """A p-value as a relation: `= 0.002`, `< 0.001`."""
    if math.isnan(value):
        return NOT_DEFINED
    return f"< {_LEAST_P}" if value < _LEAST_P else f"= {value:.3f}"


def byte_size(value: float) -> str:
    """Bytes in the largest decimal unit that leaves a number of 1 or more."""
    if math.isnan(value):
        return NOT_DEFINED
    for unit in ("bytes", "kB", "MB"):
        if value < 1000:  # noqa: PLR2004  decimal units
            return f"{value:,.0f} {unit}" if unit == "bytes" else f"{value:,.1f} {unit}"
        value /= 1000
    return f"{value:,.1f} GB"


def rate(value: float) -> str:
    """A positive quantity with about three digits: milliseconds, images a second."""
    if math.isnan(value):
        return NOT_DEFINED
    size = abs(value)
    return f"{value:,.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"  # noqa: PLR2004


def explain(measure: Measure) -> str:
    """What a measure means, in one sentence of plain words."""
    depth = "" if measure.cutoff is None else str(measure.cutoff)
    says = measure.kind.says.replace("first k results", f"first {depth} results" if depth else "results")
    looks = f"; only the first {depth} results count" if depth and f"first {depth}" not in says else ""
    threshold = f"; relevant means a grade of {measure.rel} or more" if measure.kind.takes_rel else ""
    return f"{says}{looks}{threshold}."


def verdict(row: ComparisonRow, *, ours: str, theirs: str) -> str:
    """What a comparison by one measure comes to, in one sentence.

    Args:
        row: of the measure that was chosen before looking.
        ours: name of the first system.
        theirs: name of the second.
    """
    found = row.comparison
    if found is None:
        return f"{ours} and {theirs} cannot be compared by {row.measure}: no query has a value for both."
    ends = found.difference
    amount = f"{decimal(abs(ends.mean))} {row.measure}"
    if row.adjusted_p < SIGNIFICANT:
        better, worse = (ours, theirs) if ends.mean > 0 else (theirs, ours)
        low, high = sorted((abs(ends.low), abs(ends.high))) if ends.low * ends.high > 0 else (ends.low, ends.high)
        return (
            f"{better} ranks better on your images than {worse} by {amount} ({decimal(low)} to {decimal(high)}),"
            f" and that is not luck: p {p_value(row.adjusted_p)}."
        )
    return (
        f"No difference can be told between {ours} and {theirs}: {signed(ends.mean)} {row.measure}"
        f" ({span(ends, signs=True)}), p {p_value(row.adjusted_p)}."
    )


def notices(served: Evaluation, measure: Measure) -> tuple[str, ...]:
    """What a reader must know of an evaluation before believing its means.

    Args:
        served: what came out.
        measure: that queries are sorted by.
    """
    found = []
    total, undefined, silent = len(served.queries), served.undefined(measure), len(served.queries_without_results)
    if undefined:
        found.append(
            f"{undefined:,} of {total:,} queries have no value of {measure}, because nothing relevant to them"
            " was judged; they are left out of its mean."
        )
    if silent:
        found.append(f"{silent:,} of {total:,} queries got no results; they count as 0.")
    if served.queries_without_judgements:
        found.append(f"{len(served.queries_without_judgements):,} queries were answered but nobody judged them.")
    if served.results and (share := served.unjudged_results / served.results) > _UNJUDGED_SHARE:
        found.append(f"{100 * share:.0f} % of the first results were not judged; they count as not relevant.")
    if total - undefined < SMALL_GROUP:
        have = "query has" if total - undefined == 1 else "queries have"
        found.append(f"Only {total - undefined} {have} a value: the means say little about others.")
    return tuple(found)


def cautions(tables: ReportTables, *, ours: str, theirs: str) -> tuple[str, ...]:
    """What to mind before believing a verdict: other measures that disagree, and results nobody judged."""
    found = []
    if not tables.comparisons:
        return ()
    first = tables.comparisons[0]
    for row in tables.comparisons:
        if row.comparison is None:
            continue
        difference = row.comparison.difference.mean
        if row.measure.name == "Judged" and abs(difference) > _JUDGED_GAP:
            fewer = theirs if difference > 0 else ours
            found.append(
                f"Far fewer results of {fewer} were judged ({row.measure} differs by {decimal(abs(difference))})."
                " Unjudged counts as not relevant, so judge them before you believe the comparison."
            )
        elif row.adjusted_p < SIGNIFICANT and first.comparison and difference * first.comparison.difference.mean < 0:
            better = ours if difference > 0 else theirs
            found.append(f"{row.measure} says the opposite: there {better} is better by {decimal(abs(difference))}.")
    return tuple(found)
