"""How results show themselves in a notebook: HTML in which every text is escaped."""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup, escape

TILE_PIXELS = 144
"""Sides of the pictures in a row, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One picture of a row.

    Attributes:
        picture: JPEG bytes; None shows an empty frame.
        caption: below it.
        title: shown while the pointer is over it.
    """

    picture: bytes | None
    caption: str
    title: str


def pictures_html(tiles: Iterable[Tile], *, notes: Sequence[str] = ()) -> str:
    """Pictures in rows, as data URLs, so that a saved notebook needs no library."""
    row = Markup().join(_tile(tile) for tile in tiles) or Markup("<em>no hits</em>")
    return str(
        Markup("<div>{notes}<div style='display:flex;flex-wrap:wrap;gap:8px'>{row}</div></div>").format(
            notes=notes_html(notes), row=row
        )
    )


def table_html(headings: Sequence[str], rows: Iterable[Sequence[str]], *, title: str = "") -> Markup:
    """A table: names on the left, everything else on the right."""
    head = Markup().join(Markup("<th style='text-align:left'>{}</th>").format(text) for text in headings)
    body = Markup().join(
        Markup("<tr>{}</tr>").format(Markup().join(Markup("<td>{}</td>").format(cell) for cell in row)) for row in rows
    )
    caption = Markup("<caption style='text-align:left'>{}</caption>").format(title) if title else Markup()
    return Markup("<table>{}<thead><tr>{}</tr></thead><tbody>{}</tbody></table>").format(caption, head, body)


def picture_file_html(path: Path) -> Markup:
    """An SVG file as a picture, in which no script runs."""
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    return Markup("<p><img src='data:image/svg+xml;base64,{}' alt='{}'></p>").format(data, path.name)


def notes_html(notes: Sequence[str]) -> Markup:
    """A paragraph for each warning."""
    return Markup().join(Markup("<p><strong>Note:</strong> {}</p>").format(note) for note in notes)


def _tile(tile: Tile) -> Markup:
    frame = Markup("width:{0}px;height:{0}px;object-fit:contain;background:#f1f3f5").format(TILE_PIXELS)
    shown = Markup("<div style='{}'></div>").format(frame)
    if tile.picture is not None:
        data = base64.b64encode(tile.picture).decode("ascii")
        shown = Markup("<img style='{}' src='data:image/jpeg;base64,{}' alt='{}'>").format(frame, data, tile.title)
    return Markup("<figure style='margin:0' title='{}'>{}<figcaption>{}</figcaption></figure>").format(
        tile.title, shown, escape(tile.caption)
    )
