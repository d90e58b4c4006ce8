"""Converting a checkpoint of a model hub to a model that serves without torch."""

import shlex
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from lookalike.embedding import AvailableModel, Golden, ModelStatus, available_model, is_available
from lookalike.embedding.descriptions import checked_name
from lookalike.embedding.registry import is_packaged
from lookalike.errors import CallerError, DependencyMissing, FetchFailed, ModelRefused, TrainingRefused
from lookalike.progress import Progress
from lookalike.settings import Settings
from lookalike.training.parity import Parity
from lookalike.training.repositories import fetch_repository

Weights: TypeAlias = Literal["float32", "float16", "int8"]
_CHECKPOINTS = ".checkpoints"  # in the models folder, where a leading dot hides it from the list of models


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertRequest:
    """Which checkpoint, and what is to become of it.

    Attributes:
        source: a folder with `config.json` and `model.safetensors`, or with UNICOM's one file; a name of
            `models list --available`; or a repository of the hub, `OWNER/NAME` or `OWNER/NAME@COMMIT`.
        name: of the model; None for that of the source. A name of `models list --available` also says how pictures
            are prepared and under which licence the weights are.
        licence: of the weights; needed where no description says it.
        size: side of the pictures, pixels; None for what the description or the checkpoint says.
        weights: how they are stored.
        files: a folder to keep NAME.onnx and NAME.toml in, to import them on other machines; None keeps none.
    """

    source: str
    name: str | None = None
    licence: str | None = None
    size: int | None = None
    weights: Weights = "float32"
    files: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertResult:
    """A converted model.

    Attributes:
        status: of the model, which can be used at once.
        parity: how close it is to torch on generated pictures.
        files: where NAME.onnx and NAME.toml are; None where they were not to be kept.
    """

    status: ModelStatus
    parity: Parity
    files: Path | None


def convert(settings: Settings, request: ConvertRequest, progress: Progress) -> ConvertResult:
    """Fetch a checkpoint where it is not a folder, write its image tower as ONNX, compare with torch, and install it.

    Raises:
        CallerError: the licence is needed.
        DependencyMissing: torch or transformers is not installed.
        FetchFailed: the checkpoint could not be had; the message says what was tried and what to do.
        ModelRefused: not a name, not a checkpoint that is known, or a graph that does not compute what torch does.
        StorageFailed: the disk is full, read-only or failing.
    """
    folder = Path(request.source).expanduser()
    name = _name_of(request, folder)
    described = _described(request, folder, name)
    licence = request.licence or (described.licence if described else "")
    if not licence:
        raise CallerError(
            f"{request.source}: under which licence are its weights? Add it as its page says it, such as"
            " --licence Apache-2.0"
        )
    with _named_extra(), _checkpoint(request, folder, described, settings.models, progress) as checkpoint:
        progress.stage("converting")
        return _convert(checkpoint, request, described, name=name, licence=licence, models=settings.models)


def _name_of(request: ConvertRequest, folder: Path) -> str:
    given = request.name or (folder.resolve().name if folder.is_dir() else request.source.split("@")[0].split("/")[-1])
    name = checked_name(given if request.name else given.lower())
    if is_packaged(name):
        raise ModelRefused(f"{name!r} is the name of a model included in lookalike; choose another with --name")
    return name


def _described(request: ConvertRequest, folder: Path, name: str) -> AvailableModel | None:
    """The description of that name, where the source is that model: somebody else's may be called the same."""
    if not is_available(name):
        return None
    model = available_model(name)
    said = bool(request.name) if folder.is_dir() else request.source.split("@")[0] in {name, model.repository}
    return model if said else None


@contextmanager
def _named_extra() -> Iterator[None]:
    """Names the extra that has all that is needed, whichever package was missed first."""
    try:
        yield
    except DependencyMissing as missing:
        raise DependencyMissing(
            "converting a checkpoint needs torch and transformers: run `pip install 'lookalike[export]'`; or convert on"
            " another machine with --out and import the files here, for the converted model needs neither"
        ) from missing


@contextmanager
def _checkpoint(
    request: ConvertRequest, folder: Path, described: AvailableModel | None, models: Path, progress: Progress
) -> Iterator[Path]:
    """The folder of the checkpoint. What was fetched is removed once it was converted, and kept if that failed."""
    if folder.is_dir():
        yield folder
        return
    by_name = described is not None and request.source == described.name
    repository = f"{described.repository}@{described.revision}" if described and by_name else request.source
    try:
        kept = fetch_repository(
            repository, models / _CHECKPOINTS, besides=("preprocessor_config.json",), progress=progress
        )
    except TrainingRefused:
        raise ModelRefused(
            f"{request.source!r}: neither a folder, nor a name of `lookalike models list --available`, nor a repository"
            " of the hub, which is written OWNER/NAME or OWNER/NAME@COMMIT"
        ) from None
    except FetchFailed as fault:
        raise _not_fetched(fault, repository.split("@")[0], request, described) from None
    yield kept
    shutil.rmtree(kept, ignore_errors=True)


_DENIED = {401, 403}


def _not_fetched(
    fault: FetchFailed, repository: str, request: ConvertRequest, described: AvailableModel | None
) -> FetchFailed:
    """What was tried, and what to do instead."""
    name = request.name or (described.name if described else None)
    options = ["--name", name] if name else []
    options += ["--licence", request.licence] if request.licence else []
    then = (
        f"download config.json, preprocessor_config.json and model.safetensors of {repository} into a folder, and run"
        f" `{shlex.join(['lookalike', 'models', 'convert', 'FOLDER', *options])}`"
    )
    if fault.answered in _DENIED:
        advice = f"the hub gives it only to people who accepted its licence: sign in there, accept it, {then}"
    elif fault.answered is not None:
        advice = f"check the name and the revision; or {then}"
    else:
        advice = f"without a network here, use a machine that has one: {then} here"
    return FetchFailed(
        f"could not fetch {repository} ({fault.reason}); {advice}", reason=fault.reason, answered=fault.answered
    )


def _convert(
    checkpoint: Path,
    request: ConvertRequest,
    described: AvailableModel | None,
    *,
    name: str,
    licence: str,
    models: Path,
) -> ConvertResult:
    from lookalike.training.network.converting import Conversion, convert_checkpoint  # noqa: PLC0415 - torch is an extra

    conversion = Conversion(
        name=name,
        summary=described.summary if described else f"converted from {request.source}",
        licence=licence,
        preprocessing=described.preprocessing if described else None,
        size=request.size,
        weights=request.weights,
        golden=Golden.load(described.golden) if described and described.golden and not request.size else None,
    )
    with tempfile.TemporaryDirectory(prefix="lookalike-convert-") as scratch:
        files = request.files or Path(scratch)
        exported = convert_checkpoint(checkpoint, conversion, files=files, models=models)
    return ConvertResult(status=exported.status, parity=exported.parity, files=request.files)
