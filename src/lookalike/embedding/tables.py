"""TOML tables, read strictly: each key once, of one type, and none that is not known."""

import math
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast, get_args

from lookalike.errors import ModelRefused

_SHA256 = re.compile(r"[0-9a-f]{64}")


class Table:
    """One TOML table, read key by key; what was not asked for is refused at the end.

    Every method that reads a key raises `ModelRefused` where it is missing or has another type or value.
    """

    def __init__(self, content: Mapping[str, Any], *, file: Path, path: str = "") -> None:
        self._content = dict(content)
        self._file = file
        self._path = path

    def beside(self, name: str) -> Path:
        """The path of a file beside this one."""
        return self._file.parent / name

    def refuse(self, key: str, problem: str) -> ModelRefused:
        """An error that names the file and the key."""
        return ModelRefused(f"{self._file}: {self._path}{key}: {problem}")

    def _take(self, key: str, kind: type, words: str, default: Any) -> Any:
        if key not in self._content:
            if default is None:
                raise self.refuse(key, "is missing")
            return default
        value = self._content.pop(key)
        if kind is float and type(value) is int:  # TOML writers leave out ".0"
            value = float(value)
        if type(value) is not kind:  # not isinstance: a TOML true is not the number 1
            raise self.refuse(key, f"must be {words}, not {value!r}")
        return value

    def has(self, key: str) -> bool:
        """Whether a key is there and was not read yet."""
        return key in self._content

    def text(self, key: str, default: str | None = None) -> str:
        """A text; without a default it must be there."""
        return cast("str", self._take(key, str, "a text", default))

    def choice(self, key: str, choices: Any, default: str | None = None) -> Any:
        """One of the texts of a `Literal`."""
        value = self.text(key, default)
        if value not in get_args(choices):
            raise self.refuse(key, f"must be one of {', '.join(get_args(choices))}, not {value!r}")
        return value

    def sha256(self, key: str, default: str | None = None) -> str:
        """A checksum, or an empty text."""
        value = self.text(key, default)
        if value and not _SHA256.fullmatch(value):
            raise self.refuse(key, f"must be 64 lower-case hexadecimal digits, not {value!r}")
        return value

    def integer(self, key: str, *, low: int, high: int, default: int | None = None) -> int:
        """A whole number from `low` to `high`."""
        value = cast("int", self._take(key, int, "a whole number", default))
        if not low <= value <= high and value != default:
            raise self.refuse(key, f"must be between {low} and {high}, not {value}")
        return value

    def number(self, key: str) -> float:
        """A finite number."""
        value = cast("float", self._take(key, float, "a number", None))
        if not math.isfinite(value):
            raise self.refuse(key, f"must be a finite number, not {value}")
        return value

    def three(self, key: str, *, above_zero: bool = False) -> tuple[float, float, float]:
        """Three finite numbers: red, green, blue."""
        values = self._take(key, list, "a list of three numbers", None)
        numbers = all(type(value) in {int, float} and math.isfinite(value) for value in values)
        if len(values) != 3 or not numbers:  # noqa: PLR2004 - red, green, blue
            raise self.refuse(key, f"must be a list of three finite numbers, not {values!r}")
        if above_zero and min(values) <= 0:
            raise self.refuse(key, f"must be above 0, not {values!r}")
        return float(values[0]), float(values[1]), float(values[2])

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; empty where there is none."""
        values = self._take(key, list, "a list of texts", [])
        if not all(isinstance(value, str) for value in values):
            raise self.refuse(key, f"must be a list of texts, not {values!r}")
        return tuple(values)

    def table(self, key: str) -> "Table":
        """A table in this one."""
        content = self._take(key, dict, "a table", None)
        return Table(content, file=self._file, path=f"{self._path}{key}.")

    def flag(self, key: str, *, default: bool) -> bool:
        """True or false."""
        return cast("bool", self._take(key, bool, "true or false", default))

    def numbers(self) -> dict[str, float]:
        """All that is left, which must be finite numbers, by key."""
        return {key: self.number(key) for key in list(self._content)}

    def finish(self) -> None:
        """Refuse whatever was not read: it is most likely misspelt."""
        if self._content:
            key = min(self._content)
            raise self.refuse(key, "is not a key of a model description; is it misspelt?")


def read_table(file: Path) -> Table:
    """The keys of a TOML file, to be read one by one.

    Raises:
        ModelRefused: not TOML.
    """
    return Table(content_of(file), file=file)


def content_of(file: Path) -> dict[str, Any]:
    """A TOML file's top-level table.

    Raises:
        ModelRefused: missing, unreadable or not TOML.
    """
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ModelRefused(f"{file}: no such file; docs/models.md shows what a description looks like") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ModelRefused(f"{file}: not a readable TOML file: {error}") from None
