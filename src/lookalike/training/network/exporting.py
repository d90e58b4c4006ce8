"""Export of a trained network to a model that serves without torch, after a comparison of both on pictures.

The network is written as ONNX by torch's tracing exporter, which needs no further package, folds batch normalisation
into convolutions, and writes one file; it is then brought in like any model of one's own (`import_model`), run by the
runtime that will serve it, and compared with torch on the vectors that people would search by.
"""

import contextlib
import copy
import io
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lookalike.durable import replace_file
from lookalike.embedding import Golden, Graph, ModelStatus, Projection, import_model, open_encoder
from lookalike.embedding.projection import to_vectors
from lookalike.embedding.storage import storage_faults
from lookalike.embedding.writing import description_toml
from lookalike.errors import ModelRefused, TrainingRefused
from lookalike.preprocessing import Preprocessing
from lookalike.training.card import CardMaker, card_keeper
from lookalike.training.network.weight_only import WeightPrecision, store_weights
from lookalike.training.parity import Parity
from lookalike.types import Batch, Vectors

_OPSET = 17  # ONNX of 2022: layer normalisation is one operator, and every runtime of today reads it
_MOST_BYTES = 2**31 - 1  # of one protobuf file
_NEIGHBORS = 10
_TIE = 1e-5  # cosines nearer than this are the same closeness
_AT_ONCE = 8
_INPUT, _OUTPUT = "pixels_in", "trained_descriptor"

Descriptors: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedAs:
    """What the model is called and how pictures reach it.

    Attributes:
        name: of the model; one of that name that was imported, derived or exported before is replaced.
        summary: one line for people.
        licence: of the weights, which is the base's where there is one.
        preprocessing: how pixels become the network's input.
        projection: of the network's descriptors to vectors; None when they only need to be scaled to unit length.
        weights: `float32`; or `float16` (half the file) or `int8` (a quarter), computed in float32 all the same.
        golden: vectors that the model must reproduce wherever it is imported; None for none.
    """

    name: str
    summary: str
    licence: str
    preprocessing: Preprocessing
    projection: Projection | None = None
    weights: WeightPrecision = "float32"
    golden: Golden | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParityLimits:
    """What an exported model must keep to; see `Parity`."""

    most_error: float
    least_cosine: float
    recall: float


LIMITS: Mapping[WeightPrecision, ParityLimits] = MappingProxyType(
    {
        "float32": ParityLimits(most_error=0.005, least_cosine=0.9995, recall=0.98),
        "float16": ParityLimits(most_error=0.01, least_cosine=0.999, recall=0.97),
        "int8": ParityLimits(most_error=0.1, least_cosine=0.98, recall=0.85),
    }
)
"""By how weights are stored: what rounding leaves, with room for networks that amplify it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """An exported model and how close it is to the trained one."""

    status: ModelStatus
    parity: Parity


def export_model(
    network: nn.Module,
    exported: ExportedAs,
    pictures: Batch,
    *,
    files: Path,
    models: Path,
    limits: ParityLimits | None = None,
    card: CardMaker | None = None,
) -> Exported:
    """Bring a trained network into the models folder, when it serves what was trained.

    Nothing is changed where it is refused: a model that had the name before stays.

    Args:
        network: [b, 3, size, size] normalised pixels to [b, d] descriptors, which need no unit length; not changed.
        exported: name, preprocessing, projection and the like.
        pictures: [n, 3, size, size] float32, normalised, at least 2 and better 100 or more: on these the two are
            compared. Real pictures of the library: noise hides what quantisation does.
        files: where NAME.onnx, NAME.toml and perhaps NAME.npz stay, such as the run's folder; `lookalike models
            import NAME.onnx` brings them in on another machine. Made when it is missing.
        models: the models folder; made when it is missing.
        limits: what must be kept to; None for `LIMITS` of the precision.
        card: makes the card that is in the model's folder when it becomes visible.

    Raises:
        TrainingRefused: fewer than two pictures, or of another size than the preprocessing says.
        ModelRefused: the network cannot be written as ONNX, does not fit its projection, or what serves is further
            from it than the limits allow; the message says by how much.
        StorageFailed: the disk is full, read-only or failing.
    """
    size = exported.preprocessing.size
    if pictures.shape[1:] != (3, size, size) or len(pictures) < 2:  # noqa: PLR2004 - ranking needs two
        raise TrainingRefused(f"pictures are {pictures.shape}; an export compares at least 2 of [3, {size}, {size}]")
    frozen = copy.deepcopy(network).cpu().float().eval()
    descriptors = descriptors_of(frozen, pictures)
    takes = exported.projection.mean.size if exported.projection else descriptors.shape[1]
    if takes != descriptors.shape[1]:
        raise ModelRefused(f"the projection takes {takes} numbers; the network gives {descriptors.shape[1]}")
    trained = to_vectors(descriptors, exported.projection)
    with tempfile.TemporaryDirectory(prefix="lookalike-export-") as folder:
        scratch = Path(folder)
        file = _write(frozen, exported, scratch)
        import_model(file, models=scratch / "models")
        with open_encoder(exported.name, models=scratch / "models") as encoder:
            served = encoder.encode(pictures)
        parity = compare(trained, served)
        _require(parity, limits or LIMITS[exported.weights], exported.name)
        complete = card_keeper(card, parity)
        status = import_model(_kept(file, files), models=models, complete=complete)
    return Exported(status=status, parity=parity)


def descriptors_of(network: nn.Module, pictures: Batch) -> Descriptors:
    """What a network in evaluation mode makes of pictures: [n, d] float32."""
    with torch.no_grad():
        parts = [network(torch.from_numpy(pictures[at : at + _AT_ONCE])) for at in range(0, len(pictures), _AT_ONCE)]
    found: Descriptors = torch.cat(parts).float().numpy()
    return found


def compare(trained: Vectors, served: Vectors) -> Parity:
    """How far two sets of unit vectors of the same pictures, [n, dimension], are apart."""
    return Parity(
        pictures=len(trained),
        most_error=float(np.abs(trained - served).max()),
        least_cosine=float(np.einsum("nd,nd->n", trained, served, dtype=np.float64).min()),
        recall=_ranking_agreement(trained, served),
    )


def _ranking_agreement(trained: Vectors, served: Vectors) -> float:
    wanted, got = (_cosines_of_others(vectors) for vectors in (trained, served))
    count = min(_NEIGHBORS, len(trained) - 1)
    last_wanted = -np.partition(-wanted, count - 1, axis=1)[:, count - 1]
    found = np.argpartition(-got, count - 1, axis=1)[:, :count]
    return float(np.mean(np.take_along_axis(wanted, found, axis=1) >= last_wanted[:, None] - _TIE))


def _cosines_of_others(vectors: Vectors) -> NDArray[np.float32]:
    cosines: NDArray[np.float32] = vectors @ vectors.T
    np.fill_diagonal(cosines, -np.inf)
    return cosines


def _require(parity: Parity, limits: ParityLimits, name: str) -> None:
    kept = (
        parity.most_error <= limits.most_error
        and parity.least_cosine >= limits.least_cosine
        and parity.recall >= limits.recall
    )
    if not kept:
        raise ModelRefused(
            f"{name}: the exported model differs too much from the trained one: largest error"
            f" {parity.most_error:.2g} (limit {limits.most_error:g}), least cosine {parity.least_cosine:.5f}"
            f" (limit {limits.least_cosine:g}),"
            f" neighbours kept {parity.recall:.1%} (limit {limits.recall:.0%}) on {parity.pictures} pictures;"
            " store weights in a finer precision, or give pictures like those that will be searched"
        )


def _write(network: nn.Module, exported: ExportedAs, folder: Path) -> Path:
    """NAME.onnx, NAME.toml and perhaps NAME.npz and NAME.golden.npz in a folder; the path of the first."""
    file = folder / f"{exported.name}.onnx"
    text = description_toml(
        name=exported.name,
        summary=exported.summary,
        licence=exported.licence,
        preprocessing=exported.preprocessing,
        graph=Graph(format="onnx", input=_INPUT, output=_OUTPUT),
        projection=f"{exported.name}.npz" if exported.projection else None,
        golden=f"{exported.name}.golden.npz" if exported.golden else None,
    )
    content = to_onnx(network, size=exported.preprocessing.size, weights=exported.weights)
    file.write_bytes(content)
    file.with_suffix(".toml").write_text(text, encoding="utf-8")
    if exported.projection:
        exported.projection.save(file.with_suffix(".npz"))
    if exported.golden:
        exported.golden.save(file.with_suffix(".golden.npz"))
    return file


def _kept(file: Path, folder: Path) -> Path:
    """The file and those beside it of its name, copied into a folder."""
    with storage_faults(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for each in sorted(file.parent.glob(f"{file.stem}.*")):
        replace_file(folder / each.name, each.read_bytes())
    return folder / file.name


def to_onnx(network: nn.Module, *, size: int, weights: WeightPrecision = "float32") -> bytes:
    """A network in evaluation mode as one ONNX file for any number of pictures of one size.

    Raises:
        ModelRefused: it has an operator that ONNX has not, or does not fit into one file.
    """
    held = sum(tensor.nbytes for tensor in network.state_dict().values())
    if held > _MOST_BYTES:
        raise ModelRefused(f"the network has {held / 1e9:.1f} GB of weights; one ONNX file holds less than 2.1 GB")
    written = io.BytesIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        # the tracing exporter is called old, warns wherever a shape becomes a constant, which is what we want, and
        # prints the whole graph where it fails
        warnings.simplefilter("ignore")
        try:
            torch.onnx.export(
                network,
                (torch.zeros(2, 3, size, size),),
                written,  # type: ignore[arg-type] # a stream is taken too, when dynamo is not used
                dynamo=False,
                opset_version=_OPSET,
                input_names=[_INPUT],
                output_names=[_OUTPUT],
                dynamic_axes={_INPUT: {0: "images"}, _OUTPUT: {0: "images"}},
            )
        except (torch.onnx.OnnxExporterError, RuntimeError) as fault:
            raise ModelRefused(f"the network cannot be written as ONNX: {fault}") from fault
    return store_weights(written.getvalue(), weights)
