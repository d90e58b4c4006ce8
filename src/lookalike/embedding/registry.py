"""The known models: listing, downloading, and importing your own."""

import logging
import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from lookalike.embedding.available import is_available
from lookalike.embedding.descriptions import (
    FileSource,
    Labels,
    ModelDescription,
    PackagedSource,
    checked_name,
    read_description,
)
from lookalike.embedding.fingerprints import RECIPE_VERSION, conversion_digest, fingerprint
from lookalike.embedding.golden import Golden
from lookalike.embedding.projection import Projection, to_vectors
from lookalike.embedding.runtimes import GraphFile, Session, choose_runtime
from lookalike.embedding.sources import fetch
from lookalike.embedding.storage import (
    DESCRIPTION,
    GOLDEN,
    PROJECTION,
    Record,
    bytes_on_disk,
    file_sha256,
    model_lock,
    new_folder,
    read_record,
    storage_faults,
    write_record,
)
from lookalike.errors import ModelMissing, ModelRefused, UnknownModel
from lookalike.progress import Progress, Silent
from lookalike.types import Batch, Vectors

_log = logging.getLogger(__name__)

PACKAGED = Path(__file__).parent / "models"
"""Descriptions and projections that come with lookalike."""

_FORMATS = {".onnx", ".tflite"}
Complete: TypeAlias = Callable[[Path, str], None]
"""Is given a new model's folder and the fingerprint of its vectors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelStatus:
    """A model that is described, and what of it is here.

    Attributes:
        description: of the model.
        pulled: whether it can be opened.
        bytes_on_disk: of its folder.
        fingerprint: of its vectors; None while it cannot be known.
        path: its folder, which need not exist.
        golden_cosine: least cosine to its golden vectors when it came; None where it was not compared with any.
    """

    description: ModelDescription
    pulled: bool
    bytes_on_disk: int
    fingerprint: str | None
    path: Path
    golden_cosine: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledModel:
    """A model whose graph is on this machine.

    Attributes:
        description: of the model.
        record: of what is here.
        projection: what the raw descriptor passes last, if anything.
        fingerprint: of its vectors.
        earlier_fingerprints: that the same model had with earlier recipes.
        folder: its own.
    """

    description: ModelDescription
    record: Record
    projection: Projection | None
    fingerprint: str
    earlier_fingerprints: frozenset[str]
    folder: Path


def describe_models(models: Path) -> list[ModelStatus]:
    """Every model that comes with lookalike or was imported into `models`, in order of name.

    An imported model whose description cannot be read any more is left out with a warning.
    """
    names = {file.stem for file in PACKAGED.glob("*.toml")} | {file.parent.name for file in _imported(models)}
    statuses = []
    for name in sorted(names):
        try:
            statuses.append(_status(_described(name, models), models))
        except (ModelRefused, UnknownModel) as error:
            _log.warning("model %s is left out: %s", name, error)
    return statuses


def describe_model(name: str, *, models: Path) -> ModelStatus:
    """The model of that name, and what of it is here.

    Raises:
        ModelMissing: it is a model of a hub, which was not converted on this machine.
        UnknownModel: no such model is described.
        ModelRefused: its description cannot be read any more.
    """
    return _status(_described(name, models), models)


def pull(name: str, *, models: Path, progress: Progress | None = None) -> ModelStatus:
    """Fetches a described model, checks it, converts it, runs it once, and puts it in `models` whole or not at all.

    Does nothing when it is there already. Two pulls of one model at once do the work once.

    Args:
        name: of the model.
        models: the folder; made when it is missing.
        progress: told the stages; the steps of a download are bytes.

    Raises:
        UnknownModel: no such model is described.
        FetchFailed: the file could not be had or is another one; the message says what to do.
        StorageFailed: the disk is full, read-only or failing.
    """
    description = _described(name, models)
    with model_lock(models, name):
        status = _status(description, models)
        if not status.pulled:
            file = _description_file(name, models)
            _install(description, file, models=models, progress=progress or Silent())
            status = _status(description, models)
    return status


def import_model(file: Path, *, models: Path, complete: Complete | None = None) -> ModelStatus:
    """Imports an ONNX or TFLite file with the TOML description beside it, or a TOML that says where the file is.

    Args:
        file: `NAME.onnx` or `NAME.tflite` beside `NAME.toml`; or a `.toml` with a `[source]`.
        models: the folder; made when it is missing.
        complete: adds files to the model's folder, such as its card, before anybody can see it.

    Raises:
        ModelRefused: the description or the file is not usable; the message names file and key.
        FetchFailed: as for `pull`, where the TOML has a source.
        StorageFailed: the disk is full, read-only or failing.
    """
    description = _description_beside(file)
    if is_packaged(description.name):
        raise ModelRefused(
            f"{file}: {description.name!r} is the name of a model included in lookalike; choose another name"
        )
    with model_lock(models, description.name):
        _install(description, file.with_suffix(".toml"), models=models, progress=Silent(), complete=complete)
    return _status(_described(description.name, models), models)


def is_packaged(name: str) -> bool:
    """Whether a model of that name comes with lookalike."""
    return (PACKAGED / f"{name}.toml").exists()


def remove_model(name: str, *, models: Path) -> None:
    """Deletes a model's folder; an imported model is then forgotten.

    Raises:
        UnknownModel: no such model is described.
        StorageFailed: the disk is read-only or failing.
    """
    _described(name, models)
    with model_lock(models, name), storage_faults(models):
        if (models / name).exists():
            shutil.rmtree(models / name)


def installed(name: str, *, models: Path) -> InstalledModel:
    """A model that can be opened. One whose weights come with lookalike is made ready when it is first asked for.

    Raises:
        UnknownModel: no such model is described.
        ModelMissing: it is not in `models`; the message says what to run.
        StorageFailed: a model that comes with lookalike cannot be made ready, for `models` cannot be written to.
    """
    description = _described(name, models)
    record = _usable_record(description, models)
    if record is None and isinstance(description.source, PackagedSource):
        pull(name, models=models)
        record = _usable_record(description, models)
    if record is None:
        again = description.source.path if isinstance(description.source, FileSource) else None
        command = f"import {shlex.quote(again)}" if again else f"pull {name}"
        raise ModelMissing(f"the model {name} is not on this machine: run `lookalike models {command}`")
    projection = _projection(description, _description_file(name, models))
    return InstalledModel(
        description=description,
        record=record,
        projection=projection,
        fingerprint=_fingerprint(description, record, projection),
        earlier_fingerprints=frozenset(
            _fingerprint(description, record, projection, recipe=recipe) for recipe in range(1, RECIPE_VERSION)
        ),
        folder=models / name,
    )


# -- descriptions


def _description_file(name: str, models: Path) -> Path:
    """Where the model of that name is described.

    Raises:
        ModelMissing: it is a model of a hub, which was not converted on this machine.
        UnknownModel: nowhere.
    """
    try:
        candidates = [PACKAGED / f"{checked_name(name)}.toml", models / name / DESCRIPTION]
    except ModelRefused:
        candidates = []
    for file in candidates:
        if file.is_file():
            return file
    if is_available(name):
        raise ModelMissing(f"the model {name} is not on this machine: run `lookalike models pull {name}`")
    known = sorted({file.stem for file in PACKAGED.glob("*.toml")} | {file.parent.name for file in _imported(models)})
    raise UnknownModel(
        f"no model is called {name!r}; there are {', '.join(known)}, and those of `lookalike models list --available`"
    )


def _imported(models: Path) -> list[Path]:
    return [file for file in models.glob(f"*/{DESCRIPTION}") if not file.parent.name.startswith(".")]


def _described(name: str, models: Path) -> ModelDescription:
    file = _description_file(name, models)
    record = read_record(models / name)
    source = FileSource(path=record.origin) if record else FileSource(path="")
    sha256 = record.source_sha256 if record else ""
    description = read_description(file, name=name, source=source, sha256=sha256)
    if description.dimension == 0 and record is not None:
        return replace(description, dimension=record.dimension)
    return description


def _description_beside(file: Path) -> ModelDescription:
    if file.suffix == ".toml":
        return read_description(file)
    if file.suffix not in _FORMATS:
        raise ModelRefused(
            f"{file}: only {', '.join(sorted(_FORMATS))} files, or a .toml that refers to one, can be imported"
        )
    if not file.is_file():
        raise ModelRefused(f"{file}: no such file")
    source = FileSource(path=str(file.absolute()))
    description = read_description(file.with_suffix(".toml"), source=source, sha256=file_sha256(file))
    if not isinstance(description.source, FileSource) or description.graph.format != file.suffix[1:]:
        raise ModelRefused(f"{file.with_suffix('.toml')}: graph.format or source: describes another file than {file}")
    return description


# -- what is here


def _status(description: ModelDescription, models: Path) -> ModelStatus:
    folder = models / description.name
    record = _usable_record(description, models)
    return ModelStatus(
        description=description,
        pulled=record is not None,
        bytes_on_disk=bytes_on_disk(folder),
        fingerprint=_known_fingerprint(description, record, models),
        path=folder,
        golden_cosine=record.golden_cosine if record else None,
    )


def _usable_record(description: ModelDescription, models: Path) -> Record | None:
    """The record of the model's graph, when that graph is what this version would make of this description."""
    record = read_record(models / description.name)
    if record is None or (description.sha256 and record.source_sha256 != description.sha256):
        return None
    return record if record.conversion == conversion_digest(description, sha256=record.source_sha256) else None


def _known_fingerprint(description: ModelDescription, record: Record | None, models: Path) -> str | None:
    projection = _projection(description, _description_file(description.name, models))
    if record is not None:
        return _fingerprint(description, record, projection)
    if not description.sha256 or not description.dimension:
        return None
    return fingerprint(description, sha256=description.sha256, dimension=description.dimension, projection=projection)


def _fingerprint(
    description: ModelDescription, record: Record, projection: Projection | None, *, recipe: int = RECIPE_VERSION
) -> str:
    return fingerprint(
        description, sha256=record.source_sha256, dimension=record.dimension, projection=projection, recipe=recipe
    )


def _projection(description: ModelDescription, description_file: Path) -> Projection | None:
    if description.projection is None:
        return None
    return Projection.load(_arrays(description.projection, description_file, kept_as=PROJECTION))


def _golden(description: ModelDescription, description_file: Path) -> Golden | None:
    if description.golden is None:
        return None
    return Golden.load(_arrays(description.golden, description_file, kept_as=GOLDEN))


def _arrays(name: str, description_file: Path, *, kept_as: str) -> Path:
    """A file that a description names: beside it, or under the name that it has in a model's folder."""
    folder = description_file.parent
    return folder / (name if folder == PACKAGED or not (folder / kept_as).exists() else kept_as)


# -- bringing one in


def _install(
    description: ModelDescription,
    description_file: Path,
    *,
    models: Path,
    progress: Progress,
    complete: Complete | None = None,
) -> None:
    """Makes the model's folder: fetched, checked, converted, run once. Call it under the model's lock."""
    with new_folder(models, description.name) as folder:
        scratch = folder.parent / "fetched"
        scratch.mkdir()
        weights = fetch(description, scratch, progress=progress)
        projection, golden = _projection(description, description_file), _golden(description, description_file)
        progress.stage("converting")
        graph = _write_graph(description, weights, folder)
        progress.stage("trying")
        dimension, golden_cosine = _try(description, graph, projection, golden)
        shutil.copyfile(description_file, folder / DESCRIPTION)
        if description_file.parent != PACKAGED:
            _keep_arrays(folder, projection, golden)
        source_sha256 = file_sha256(weights)
        record = Record(
            source_sha256=source_sha256,
            origin=description.source.path if isinstance(description.source, FileSource) else "",
            conversion=conversion_digest(description, sha256=source_sha256),
            graph_file=graph.path.name,
            graph_bytes=graph.path.stat().st_size,
            graph_sha256=file_sha256(graph.path),
            dimension=dimension,
            descriptor=graph.output,
            nhwc=graph.nhwc,
            golden_cosine=golden_cosine,
        )
        write_record(folder, record)
        if complete is not None:
            complete(folder, _fingerprint(description, record, projection))


def _write_graph(description: ModelDescription, weights: Path, folder: Path) -> GraphFile:
    """Writes the canonical graph, or for a TFLite file with operators that ONNX lacks, that file itself."""
    from lookalike.embedding.conversion import (  # noqa: PLC0415 - onnx takes long to import and only this needs it
        DESCRIPTOR,
        UnsupportedOperator,
        convert,
    )

    size = description.preprocessing.size
    try:
        content = convert(weights, description)
    except UnsupportedOperator as error:
        _log.info("%s stays TFLite and runs with OpenVINO alone: %s", description.name, error)
        path = folder / "model.tflite"
        shutil.copyfile(weights, path)
        nhwc = description.graph.layout == "nhwc"
        return GraphFile(path=path, size=size, output=description.graph.output, nhwc=nhwc)
    path = folder / "model.onnx"
    path.write_bytes(content)
    return GraphFile(path=path, size=size, output=DESCRIPTOR)


def _keep_arrays(folder: Path, projection: Projection | None, golden: Golden | None) -> None:
    if projection is not None:
        projection.save(folder / PROJECTION)
    if golden is not None:
        golden.save(folder / GOLDEN)


def _try(
    description: ModelDescription, graph: GraphFile, projection: Projection | None, golden: Golden | None
) -> tuple[int, float | None]:
    """Runs the graph on noise and on golden pictures.

    Returns:
        Dimension of its vectors, and the least cosine to the golden ones, if there are any.

    Raises:
        ModelRefused: the output is not one finite row an image, says nothing about the image, or has another
            dimension than the description or the projection says; or the golden vectors are not reproduced.
    """
    runtime = choose_runtime("openvino" if graph.path.suffix == ".tflite" else "auto")
    session = runtime.open_session(graph, mode="latency", threads=None)
    try:
        dimension = _dimension(description, session, graph.size, projection)
        if golden is None:
            return dimension, None

        def encode(batch: Batch) -> Vectors:
            return to_vectors(session.run(batch), projection)

        return dimension, golden.check(encode, description.preprocessing, name=description.name)
    finally:
        session.close()


def _dimension(description: ModelDescription, session: Session, size: int, projection: Projection | None) -> int:
    """Of the vectors of two images of noise, when they make sense."""
    descriptors = session.run(np.random.default_rng(0).standard_normal((2, 3, size, size), np.float32))
    where = f"{description.name}: graph.output {description.graph.output!r}"
    if not np.isfinite(descriptors).all():
        raise ModelRefused(f"{where}: returns values that are not finite for an image of noise")
    if np.array_equal(descriptors[0], descriptors[1]):
        raise ModelRefused(f"{where}: returns the same values for two different images; choose another tensor")
    width = descriptors.shape[1]
    if description.labels is not None:
        return _labels_that_fit(description.labels, width, where)
    if projection is not None and projection.mean.size != width:
        raise ModelRefused(f"{where}: has {width} values per image, but the projection takes {projection.mean.size}")
    dimension = int(to_vectors(descriptors, projection).shape[1])
    if description.dimension not in {0, dimension}:
        raise ModelRefused(f"{description.name}: dimension: says {description.dimension}, but vectors have {dimension}")
    return dimension


def _labels_that_fit(labels: Labels, width: int, where: str) -> int:
    """How many labels a classifier has.

    Raises:
        ModelRefused: its graph has another number of outputs.
    """
    if len(labels.names) != width:
        raise ModelRefused(f"{where}: has {width} outputs, but classifier.labels names {len(labels.names)}")
    return width
