"""A model derived from another by a new projection: fitted on a library, or trained on grades and clicks."""

import shutil
import tempfile
from pathlib import Path

from lookalike.embedding.descriptions import Graph, checked_name
from lookalike.embedding.projection import Projection
from lookalike.embedding.registry import Complete, InstalledModel, ModelStatus, import_model, installed, is_packaged
from lookalike.embedding.storage import check_graph, storage_faults
from lookalike.embedding.writing import description_toml
from lookalike.errors import ModelRefused


def require_new_name(name: str, base: str) -> None:
    """Refuse a name that a model made from another one cannot have.

    Raises:
        ModelRefused: it is no name, the base's, or that of a model that comes with lookalike.
    """
    if checked_name(name) == base:
        raise ModelRefused(f"{name!r} is the name of its base model; choose another name")
    if is_packaged(name):
        raise ModelRefused(f"{name!r} is the name of a model included in lookalike; choose another name")


def derive_model(
    base: str, name: str, projection: Projection, *, summary: str, models: Path, complete: Complete | None = None
) -> ModelStatus:
    """Make a model of a base's graph and another projection.

    Args:
        base: a model on this machine.
        name: of the new one; one of that name that was derived or imported before is replaced.
        projection: of the base's descriptors.
        summary: one line for people: what it was fitted on.
        models: the models folder.
        complete: as for `import_model`.

    Raises:
        ModelMissing: the base is not on this machine.
        ModelRefused: the name is the base's or a packaged model's, or the projection does not fit the base.
        StorageFailed: the disk is full, read-only or failing.
    """
    require_new_name(name, base)
    found = installed(base, models=models)
    graph = check_graph(found.folder, found.record)
    with storage_faults(models), tempfile.TemporaryDirectory(prefix=f".{name}+", dir=models) as folder:
        copy = Path(folder) / f"{name}{graph.suffix}"
        shutil.copyfile(graph, copy)
        projection.save(copy.with_suffix(".npz"))
        copy.with_suffix(".toml").write_text(_toml(found, name, summary), encoding="utf-8")
        return import_model(copy, models=models, complete=complete)


def _toml(base: InstalledModel, name: str, summary: str) -> str:
    record = base.record
    return description_toml(
        name=name,
        summary=summary,
        licence=base.description.licence,
        preprocessing=base.description.preprocessing,
        graph=Graph(
            format="onnx" if Path(record.graph_file).suffix == ".onnx" else "tflite",
            output=record.descriptor,
            layout="nhwc" if record.nhwc else "nchw",
        ),
        projection=f"{name}.npz",
    )
