"""Reports as self-contained HTML files, which load nothing from the network and forbid it."""

import base64
import hashlib
import re
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from lookalike.durable import replace_file
from lookalike.evaluation.report import plots, wording
from lookalike.evaluation.report.bench import BenchReport, advice, pareto_svg, unbeaten
from lookalike.evaluation.report.contents import DepthCurve, EvaluationReport
from lookalike.evaluation.report.tables import is_quality

_TEMPLATES = Path(__file__).parent / "templates"
_MAGIC = {b"\xff\xd8\xff": "jpeg", b"\x89PNG\r\n\x1a\n": "png", b"GIF8": "gif"}
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f]")
_TAGS_SHOWN = 40
_CLOCK = "%Y-%m-%d %H:%M %Z"


def write_report(report: EvaluationReport, path: Path) -> None:
    """Write the report of an evaluation.

    Args:
        report: what to show.
        path: of the HTML file; replaced as a whole.

    Raises:
        StorageFailed: the file cannot be written; what was there before still is.
    """
    tables = report.tables
    ours = report.served.run or "this run"
    theirs = report.against.run or "the other run" if report.against else ""
    tags = [group for group in tables.groups if group.axis == "tag"]
    page = _render(
        "report.html.jinja",
        report=report,
        tables=tables,
        measures=report.served.measures,
        ours=ours,
        theirs=theirs,
        verdict=wording.verdict(tables.comparisons[0], ours=ours, theirs=theirs) if tables.comparisons else "",
        warnings=report.circumstances.warnings + wording.notices(report.served, report.served.measures[0]),
        cautions=wording.cautions(tables, ours=ours, theirs=theirs),
        groups=[group for group in tables.groups if group.axis != "tag"] + tags[:_TAGS_SHOWN],
        groups_left_out=len(tags[_TAGS_SHOWN:]),
        kinds=[group.name for group in tables.groups if group.axis == "kind"],
        tags=sorted(group.name for group in tags),
        curves=_by_measure(report.curves),
        query_rows=_query_rows(report),
    )
    replace_file(path, page)


def write_bench_report(report: BenchReport, path: Path) -> None:
    """Write the report of a bake-off of models.

    Args:
        report: what to show.
        path: of the HTML file; replaced as a whole.

    Raises:
        StorageFailed: the file cannot be written; what was there before still is.
    """
    page = _render(
        "bench.html.jinja",
        report=report,
        advice=report.advice or advice(report.points),
        front={point.name for point in unbeaten(report.points)},
        plot=pareto_svg(report.points, measure=report.measure),
    )
    replace_file(path, page)


def _render(template: str, **values: Any) -> bytes:
    style, script = (_asset(name) for name in ("report.css", "report.js"))
    page = (
        _environment()
        .get_template(template)
        .render(
            style=Markup(style),  # noqa: S704  our own file
            script=Markup(script),  # noqa: S704  our own file
            policy=f"default-src 'none'; img-src data:; style-src '{_digest(style)}'; script-src '{_digest(script)}';"
            " base-uri 'none'; form-action 'none'",
            **values,
        )
    )
    # Names of files may hold bytes that are no text, and control characters that HTML forbids.
    return _CONTROL.sub("�", page).encode("utf-8", "backslashreplace")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "decimal": wording.decimal,
        "signed": wording.signed,
        "span": wording.span,
        "p_value": wording.p_value,
        "byte_size": wording.byte_size,
        "rate": wording.rate,
        "explain": wording.explain,
        "clock": _clock,
        "picture_source": _picture_source,
        "is_quality": is_quality,
    }
    environment.globals |= {"plots": plots}
    return environment


def _asset(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """Of an inline script or style, as a content security policy names it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _clock(at: datetime) -> str:
    return at.strftime(_CLOCK).strip()


def _picture_source(picture: bytes | None) -> str | None:
    """A picture as an address that holds it; None when it is none that browsers show."""
    if picture is None:
        return None
    kind = next((kind for magic, kind in _MAGIC.items() if picture.startswith(magic)), None)
    if picture[:4] == b"RIFF" and picture[8:12] == b"WEBP":
        kind = "webp"
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}" if kind else None


def _by_measure(curves: tuple[DepthCurve, ...]) -> dict[str, list[DepthCurve]]:
    found: dict[str, list[DepthCurve]] = {}
    for curve in curves:
        if curve.depths:
            found.setdefault(curve.measure, []).append(curve)
    return found


def _query_rows(report: EvaluationReport) -> Iterator[Markup]:
    """Table rows of all queries. There may be many thousands, so end tags that HTML leaves optional are left out."""
    for query, values in report.served.table():
        described = report.describe(query)
        cells = [f"<td class=num>{_cell(values[measure])}" for measure in report.served.measures]
        tags = ", ".join(described.tags)
        yield Markup(  # noqa: S704  every part is escaped or a number
            f"<tr><th scope=row>{escape(query)}{''.join(cells)}"
            f"<td class=kind>{escape(described.kind)}<td class=tags>{escape(tags)}\n"
        )


def _cell(value: float) -> str:
    return wording.decimal(value) if value == value else f"<i>{wording.NOT_DEFINED}</i>"  # noqa: PLR0124  NaN
