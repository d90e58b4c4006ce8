"""A repository of a model hub as a folder of weights; nothing in it is executed."""

import os
import re
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lookalike.embedding import Graph, HubSource, ModelDescription
from lookalike.embedding.descriptions import DEFAULT_HUB
from lookalike.embedding.sources import fetch
from lookalike.embedding.storage import storage_faults
from lookalike.errors import FetchFailed, TrainingRefused
from lookalike.preprocessing import Preprocessing
from lookalike.progress import Progress, Silent

CONFIG_FILE = "config.json"
ENDPOINT_VARIABLE = "HF_ENDPOINT"
"""Environment variable: another hub with the same addresses, such as a mirror inside a company."""

_NAME = re.compile(r"([A-Za-z0-9_-][A-Za-z0-9._-]*/[A-Za-z0-9_-][A-Za-z0-9._-]*)(?:@([A-Za-z0-9][A-Za-z0-9._-]*))?")
_SAFETENSORS, _PICKLED = "model.safetensors", "pytorch_model.bin"
_MOST_BYTES = 16 * 1024**3  # both towers of the largest models that one file holds, with room


def fetch_repository(
    name: str, folder: Path, *, besides: tuple[str, ...] = (), progress: Progress | None = None
) -> Path:
    """The folder with `config.json` and the weights of a repository, fetched once.

    Args:
        name: `OWNER/NAME`, or `OWNER/NAME@COMMIT` (also a branch, which moves: it is fetched once all the same).
        folder: in which that of the repository is made, `OWNER--NAME--COMMIT`.
        besides: further files to fetch where the repository has them.
        progress: told the bytes of each file.

    Raises:
        TrainingRefused: it is no name of a repository.
        FetchFailed: it could not be had; the message says what to do without a network.
        StorageFailed: the disk is full, read-only or failing.
    """
    found = _NAME.fullmatch(name)
    if not found:
        raise TrainingRefused(f"{name!r}: neither a folder nor a repository, which is written OWNER/NAME@COMMIT")
    repository, revision = found[1], found[2] or "main"
    kept = folder / f"{repository.replace('/', '--')}--{revision}"
    if kept.is_dir():
        return kept
    with storage_faults(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".unfinished-") as scratch:
            wanted = _Wanted(repository, revision, Path(scratch) / "whole", progress or Silent())
            _fetch_all(wanted, besides)
            _place(wanted.folder, kept)
    return kept


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A repository to fetch, and where to."""

    repository: str
    revision: str
    folder: Path
    progress: Progress


def _fetch_all(wanted: _Wanted, besides: tuple[str, ...]) -> None:
    wanted.folder.mkdir()
    try:
        _fetch(wanted, CONFIG_FILE)
        for path in besides:
            with suppress(FetchFailed):  # not every repository has it
                _fetch(wanted, path)
        try:
            _fetch(wanted, _SAFETENSORS)
        except FetchFailed:  # older repositories have the other form alone, which is read without executing it
            _fetch(wanted, _PICKLED)
    except FetchFailed as fault:
        raise FetchFailed(
            f"{wanted.repository}: {fault.reason}. Where there is a network, fetch {CONFIG_FILE} and {_SAFETENSORS} of"
            " it, bring them here in a folder, and name that folder as the weights; or start from a packaged model or"
            " at random",
            reason=fault.reason,
            answered=fault.answered,
        ) from None


def _fetch(wanted: _Wanted, path: str) -> None:
    endpoint = os.environ.get(ENDPOINT_VARIABLE, "").rstrip("/") or DEFAULT_HUB
    described = ModelDescription(
        name=path,
        summary="weights to train from",
        licence="",
        source=HubSource(
            repository=wanted.repository,
            revision=wanted.revision,
            path=path,
            endpoint=endpoint,
            max_bytes=_MOST_BYTES,
        ),
        sha256="",
        preprocessing=Preprocessing(size=224, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
        graph=Graph(format="onnx"),
        projection=None,
        dimension=0,
    )
    fetch(described, wanted.folder, progress=wanted.progress).replace(wanted.folder / path)


def _place(whole: Path, kept: Path) -> None:
    try:
        whole.rename(kept)
    except OSError:
        if not kept.is_dir():  # another process was quicker
            raise
