"""Sizes and times as people write them."""

import math
import re

from lookalike.errors import CallerError

_WRITTEN = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-zA-Zµμ]*)\s*")
_BYTES = {
    "": 1, "b": 1, "k": 10**3, "kb": 10**3, "m": 10**6, "mb": 10**6, "g": 10**9, "gb": 10**9, "t": 10**12, "tb": 10**12,
    "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
}  # fmt: skip
_SECONDS = {"us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_THOUSAND, _HUNDRED, _TEN = 1_000, 100, 10
_MILLISECOND = 1e-3


def parsed_bytes(text: str, *, name: str) -> int:
    """`2GB` is 2,000,000,000 and `2GiB` is 2,147,483,648; a bare number is bytes.

    Args:
        text: as written.
        name: of the option, for the message.

    Raises:
        CallerError: it is not a size above 0.
    """
    value = _parsed(text, _BYTES)
    if value is None or value < 1:
        raise CallerError(f"{name} {text!r}: give a size such as 500MB, 2GB or 1.5GiB")
    return int(value)


def parsed_seconds(text: str, *, name: str) -> float:
    """`1ms` is 0.001; a bare number is refused, since nobody knows whether it was meant as seconds or milliseconds.

    Raises:
        CallerError: it is not a time above 0 with its unit.
    """
    value = _parsed(text, _SECONDS)
    if value is None or value <= 0:
        raise CallerError(f"{name} {text!r}: give a time with its unit, such as 500us, 1ms, 30s or 5min")
    return value


def spoken_bytes(count: float) -> str:
    """`117 MB`: three digits and a unit."""
    unit = "B"
    for unit in ("B", "kB", "MB", "GB"):  # noqa: B007 - the last one reached is the answer
        if count < _THOUSAND:
            break
        count /= _THOUSAND
    else:
        unit = "TB"
    return f"{count:.0f} B" if unit == "B" else f"{_three_digits(count)} {unit}"


def spoken_seconds(seconds: float) -> str:
    """`87 µs`, `1.4 ms`, `2.0 s`."""
    if seconds < _MILLISECOND:
        return f"{_three_digits(seconds * 1e6)} µs"
    return f"{_three_digits(seconds * 1e3)} ms" if seconds < 1 else f"{_three_digits(seconds)} s"


def _parsed(text: str, units: dict[str, float] | dict[str, int]) -> float | None:
    written = _WRITTEN.fullmatch(text)
    unit = units.get(written[2].lower()) if written else None
    value = float(written[1]) * unit if written and unit is not None else None
    return value if value is not None and math.isfinite(value) else None


def _three_digits(value: float) -> str:
    if value == 0 or value >= _HUNDRED:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= _TEN else f"{value:.2f}"
