"""The report of a turn of the loop: clicks and grades side by side."""

from collections.abc import Mapping

from lookalike.evaluation.report.wording import signed
from lookalike.library.loop_turn import Turn
from lookalike.training.examples.clicks import CALLED_WRONG, CONFIRMED

_SHOWN_RANKS = 10


def loop_report(turn: Turn) -> str:
    """Markdown for people."""
    simulated = " All of the clicks may be simulated." if turn.simulated else ""
    lines = [
        f"# Turn {turn.number} of the loop: {turn.model}",
        "",
        f"Begun at {turn.started_at}, beside {turn.base}.",
        "",
        f"**{decision(turn)}** {turn.because}.",
        "",
        f"Learnt from {turn.clicks:,} clicks of {turn.searches:,} searches.{simulated}",
    ]
    if turn.propensities:
        curve = ", ".join(f"{one:.2f}" for one in turn.propensities[:_SHOWN_RANKS])
        lines += ["", f"Position bias by {turn.position_bias}: propensities {curve} at the first ranks."]
    lines += [
        "",
        "Clicks are not judgements, so both are shown; no model is proposed that falls surely by one of them.",
        "",
        f"| held out | measure | queries | {turn.base} | {turn.model} | change | 95 % interval |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in turn.measures:
        interval = "" if one.low is None or one.high is None else f"{signed(one.low, 4)} to {signed(one.high, 4)}"
        values = f"{one.base:.4f} | {one.new:.4f} | {signed(one.difference, 4)} | {interval}"
        lines.append(f"| {one.held_out} | {one.measure} | {one.queries:,} | {values} |")
    if turn.notes:
        lines += ["", "Notes:", "", *(f"- {note}" for note in turn.notes)]
    return "\n".join(lines) + "\n"


def decision(turn: Turn) -> str:
    """In a few words."""
    if turn.promoted:
        return f"{turn.model} was promoted:"
    if turn.proposed:
        return f"{turn.model} is proposed; `lookalike models promote {turn.model}` lets it answer:"
    return f"{turn.model} is not proposed:"


def cleaning_words(counts: Mapping[str, int]) -> tuple[str, ...]:
    """What the review of clicks changed, in a sentence; nothing where none was reviewed.

    Args:
        counts: of the source `clicks`.
    """
    wrong, right = counts.get(CALLED_WRONG, 0), counts.get(CONFIRMED, 0)
    if not wrong and not right:
        return ()
    return (f"reviewed clicks: {wrong:,} clicks on pairs called wrong were left out, {right:,} pairs were confirmed",)
