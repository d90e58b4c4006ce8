"""`lookalike evaluate JUDGEMENTS --estimate`."""

from dataclasses import asdict
from pathlib import Path

from lookalike.cli.output import console, faults_are_told, messages, print_json, settings_for, tell_warnings
from lookalike.cli.progress import IndexProgress
from lookalike.library import estimate as use_case
from lookalike.library.estimate import EstimateRequest
from lookalike.library.judging import JudgementSource
from lookalike.library.opening import open_library


def print_estimate(judgements: JudgementSource, *, more_queries: int, library: Path | None, as_json: bool) -> None:
    """Estimate from few grades, and print what was found."""
    with (
        faults_are_told(as_json=as_json),
        open_library(settings_for(library)) as opened,
        IndexProgress(messages, quiet=as_json) as progress,
    ):
        request = EstimateRequest(judgements=judgements, more_queries=more_queries)
        result = use_case.estimate(opened, request, progress)
    found = result.estimate
    if as_json:
        measure = f"sDCG@{result.cutoff}"
        print_json({"measure": measure, **asdict(found), "warnings": list(result.warnings)})
        return
    tell_warnings(result.warnings)
    console.print(
        f"sDCG@{result.cutoff} {found.mean:.4f}, {found.confidence:.0%} interval {found.low:.4f} to {found.high:.4f}",
        style="bold",
    )
    others = f" and {found.more_queries:,} queries without grades" if found.more_queries else ""
    console.print(
        f"From {found.grades:,} grades of the {found.hits:,} first hits of {found.queries:,} queries{others}; the"
        f" model's guesses have the weight {found.weight:.2f}. By grades alone the interval would be"
        f" \u00b1 {found.grades_only:.4f} wide, with the guesses it is \u00b1 {found.half_width:.4f}.",
        soft_wrap=True,
    )
