"""Model cards as a notebook shows them."""

from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from lookalike.evaluation.report.wording import decimal, signed
from lookalike.library.notebook import notes_html, picture_file_html, table_html
from lookalike.training.card import ModelCard


def card_html(card: ModelCard, *, notes: Sequence[str] = (), plot: Path | None = None) -> str:
    """What a model learnt from, and how well it ranks on held-out queries, beside its base.

    Args:
        card: of the model.
        notes: shown above.
        plot: an SVG file to show below; None, or a file that is not there, shows none.
    """
    rows = [
        (
            one.held_out,
            f"{one.queries:,}",
            one.measure,
            decimal(one.new, 4),
            decimal(one.base, 4),
            signed(one.difference, 4),
        )
        for one in card.measures
    ]
    headings = ("held out", "queries", "measure", card.name, card.base, "difference")
    title = f"{card.name}: {card.method}, from {card.base}"
    drawn = picture_file_html(plot) if plot is not None and plot.is_file() else Markup()
    return str(Markup("<div>{}{}{}</div>").format(notes_html(notes), table_html(headings, rows, title=title), drawn))
