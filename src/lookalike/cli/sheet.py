"""A contact sheet: each query and its hits in a row, in rank order."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from lookalike.errors import LookalikeError, StorageFailed
from lookalike.preprocessing import thumbnail
from lookalike.types import Box, Hit

_TILE = 160  # pixels a side
_GAP = 8
_CAPTION = 22
_COLUMNS = 10
_INK, _PAPER, _ACCENT = "#1c1c1e", "#ffffff", "#d6336c"


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetRow:
    """One query: its bytes, the part that was asked with, and its hits."""

    content: bytes
    crop: Box | None
    hits: Sequence[Hit]


def save_sheet(path: Path, rows: Sequence[SheetRow], content_of: Callable[[str], bytes]) -> None:
    """Draw queries at the left, framed, and their hits beside and below them; save as PNG.

    Raises:
        StorageFailed: the file cannot be written.
    """
    sheet = _draw(rows, content_of)
    try:
        sheet.save(path, format="PNG")
    except (OSError, ValueError) as fault:
        raise StorageFailed(f"{path}: the sheet cannot be written: {fault}") from None


def _draw(rows: Sequence[SheetRow], content_of: Callable[[str], bytes]) -> Image.Image:
    lines = [max(1, -(-len(row.hits) // _COLUMNS)) for row in rows]
    width = _GAP + (_COLUMNS + 1) * (_TILE + _GAP) + _GAP
    sheet = Image.new("RGB", (width, _GAP + sum(lines) * (_TILE + _CAPTION + _GAP)), _PAPER)
    top = _GAP
    for row, height in zip(rows, lines, strict=True):
        _paste_query(sheet, row, top)
        for place, hit in enumerate(row.hits):
            left = 2 * _GAP + (place % _COLUMNS + 1) * (_TILE + _GAP)
            line = top + place // _COLUMNS * (_TILE + _CAPTION + _GAP)
            _paste(sheet, _tile(content_of, hit.image.id), left, line)
            _write(sheet, f"{hit.rank}   {hit.cosine:.3f}", left, line + _TILE, _INK)
        top += height * (_TILE + _CAPTION + _GAP)
    return sheet


def _paste_query(sheet: Image.Image, row: SheetRow, top: int) -> None:
    tile = _opened(row.content)
    if row.crop is not None:
        box = row.crop.pixels(tile.width, tile.height)
        edges = (box.left, box.top, box.right - 1, box.bottom - 1)
        ImageDraw.Draw(tile).rectangle(edges, outline=_ACCENT, width=3)
    _paste(sheet, tile, _GAP, top)
    ImageDraw.Draw(sheet).rectangle((_GAP - 3, top - 3, _GAP + _TILE + 2, top + _TILE + 2), outline=_ACCENT, width=3)
    _write(sheet, "query", _GAP, top + _TILE, _ACCENT)


def _tile(content_of: Callable[[str], bytes], image_id: str) -> Image.Image:
    try:
        return _opened(content_of(image_id))
    except LookalikeError:  # its file is gone since the search: the hit keeps its place
        return Image.new("RGB", (_TILE, _TILE), "#e9ecef")


def _opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(thumbnail(content, size=_TILE, name="sheet"))).convert("RGB")


def _paste(sheet: Image.Image, tile: Image.Image, left: int, top: int) -> None:
    sheet.paste(tile, (left + (_TILE - tile.width) // 2, top + (_TILE - tile.height) // 2))


def _write(sheet: Image.Image, text: str, left: int, top: int, ink: str) -> None:
    ImageDraw.Draw(sheet).text(
        (left + _TILE // 2, top + 3), text, fill=ink, font=ImageFont.load_default(13), anchor="ma"
    )
