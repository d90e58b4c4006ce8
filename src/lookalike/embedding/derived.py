"""A model that is another one with a projection of its own: fitted on a library, or trained on what people did."""

import shutil
import tempfile
from pathlib import Path

from lookalike.embedding.descriptions import ModelDescription, checked_name
from lookalike.embedding.projection import Projection
from lookalike.embedding.registry import InstalledModel, ModelStatus, import_model, installed
from lookalike.embedding.storage import check_graph, storage_faults
from lookalike.errors import ModelRefused


def derive_model(base: str, name: str, projection: Projection, *, summary: str, models: Path) -> ModelStatus:
    """Make a model of a base's graph and another projection.

    Args:
        base: a model on this machine.
        name: of the new one; one of that name that was derived or imported before is replaced.
        projection: of the base's descriptors.
        summary: one line for people: what it was fitted on.
        models: the models folder.

    Raises:
        ModelMissing: the base is not on this machine.
        ModelRefused: the name is the base's or a packaged model's, or the projection does not fit the base.
        StorageFailed: the disk is full, read-only or failing.
    """
    if checked_name(name) == base:
        raise ModelRefused(f"{name!r} is the model it is made from; choose another name")
    found = installed(base, models=models)
    graph = check_graph(found.folder, found.record)
    with storage_faults(models), tempfile.TemporaryDirectory(prefix=f".{name}+", dir=models) as folder:
        copy = Path(folder) / f"{name}{graph.suffix}"
        shutil.copyfile(graph, copy)
        projection.save(copy.with_suffix(".npz"))
        copy.with_suffix(".toml").write_text(_toml(found, name, summary), encoding="utf-8")
        return import_model(copy, models=models)


def _toml(base: InstalledModel, name: str, summary: str) -> str:
    about: ModelDescription = base.description
    seen = about.preprocessing
    return f"""name = {_text(name)}
summary = {_text(summary)}
licence = {_text(about.licence)}
projection = {_text(f"{name}.npz")}

[preprocessing]
size = {seen.size}
fit = {_text(seen.fit)}
interpolation = {_text(seen.interpolation)}
mean = {list(seen.mean)}
std = {list(seen.std)}

[graph]
format = {_text(Path(base.record.graph_file).suffix[1:])}
output = {_text(base.record.descriptor)}
layout = {_text("nhwc" if base.record.nhwc else "nchw")}
"""


def _text(value: str) -> str:
    """A TOML basic string."""
    escaped = "".join(c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08X}" for c in value)
    return f'"{escaped}"'
