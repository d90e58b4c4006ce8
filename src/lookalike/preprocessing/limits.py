"""Size limits, checked on the bytes and the header before any pixel is decoded."""

from dataclasses import dataclass

from lookalike.errors import ImageRefused

PILLOW_WARNS_ABOVE = 89_478_485
"""Pixels; from here Pillow itself warns of a decompression bomb, and from twice as many it refuses."""

REDUCIBLE = 8
"""Times the pixels allowed, where a decoder can scale: those it drops still cost time."""

_MEBIBYTE = 2**20
_SLACK_BYTES = 60 * 10**6
_BYTES_PER_PIXEL = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The largest image that is decoded.

    Attributes:
        max_bytes: size of the file, bytes.
        max_pixels: decoded, width times height; at most 89,478,485, where Pillow's own guard starts. A picture that can
            be decoded at a fraction of its size may have eight times as many.
        max_side: the longer of width and height, pixels.

    Raises:
        ValueError: a limit is below 1 or `max_pixels` is above Pillow's own.
    """

    max_bytes: int = 64 * _MEBIBYTE
    max_pixels: int = 50_000_000
    max_side: int = 30_000

    def __post_init__(self) -> None:
        if min(self.max_bytes, self.max_pixels, self.max_side) < 1:
            raise ValueError(f"limits must be at least 1: {self}")
        if self.max_pixels > PILLOW_WARNS_ABOVE:
            raise ValueError(f"max_pixels is {self.max_pixels:,}; the decoder's own limit is {PILLOW_WARNS_ABOVE:,}")

    def check_bytes(self, content: bytes, *, name: str) -> None:
        """Refuse a file that is empty or too large.

        Raises:
            ImageRefused: `empty` or `too-many-bytes`.
        """
        if not content:
            raise ImageRefused(name, "empty", "the file has 0 bytes; export or copy the image again")
        if len(content) > self.max_bytes:
            raise ImageRefused(
                name,
                "too-many-bytes",
                f"{len(content):,} bytes; the limit is {self.max_bytes:,} bytes"
                f" ({self.max_bytes / _MEBIBYTE:g} MiB): save it smaller or as JPEG, or raise the limit",
            )

    def check_size(self, width: int, height: int, *, name: str, reducible: bool = False) -> None:
        """Refuse a width or height that is none, or too long, or too many pixels together.

        Args:
            width: pixels.
            height: pixels.
            name: for the message.
            reducible: whether the picture can be decoded at a fraction of its size.

        Raises:
            ImageRefused: `unreadable`, `side-too-long` or `too-many-pixels`.
        """
        size = f"{width:,} x {height:,} pixels"
        if width < 1 or height < 1:
            raise ImageRefused(name, "unreadable", f"its header says {size}; export the image again")
        times = REDUCIBLE if reducible else 1
        if width * height > self.max_pixels * times:
            scaled = f", {times} times as many where it can be decoded at a fraction of its size" if reducible else ""
            raise ImageRefused(
                name,
                "too-many-pixels",
                f"{size} are {width * height / 1e6:,.1f} megapixels; the limit is {self.max_pixels / 1e6:,.1f}"
                f" megapixels ({self.max_pixels:,} pixels){scaled}: scale it down, or raise the limit",
            )
        if max(width, height) > self.max_side:
            raise ImageRefused(
                name,
                "side-too-long",
                f"{size}; the limit for a side is {self.max_side:,} pixels: scale it down or crop it,"
                " or raise the limit",
            )

    def check_held(self, held: int, pixels: int, *, name: str) -> None:
        """Refuse a picture whose decoder would take more memory than 4 bytes a pixel and 60 MB.

        Args:
            held: bytes that it needs for a picture of `pixels`, whatever is kept of it.
            pixels: width times height.
            name: for the message.

        Raises:
            ImageRefused: `too-many-pixels`.
        """
        most = _BYTES_PER_PIXEL * min(pixels, self.max_pixels) + _SLACK_BYTES
        if held > most:
            raise ImageRefused(
                name,
                "too-many-pixels",
                f"decoding its {pixels / 1e6:,.1f} megapixels takes {held / 1e6:,.0f} MB, as it is stored; the limit is"
                f" {most / 1e6:,.0f} MB: save it smaller, or as a baseline (not progressive) JPEG",
            )


DEFAULT_LIMITS = Limits()
