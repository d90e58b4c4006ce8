"""A repository of a model hub as a folder of weights; nothing in it is executed."""

import os
import re
import tempfile
from pathlib import Path

from lookalike.embedding import Graph, HubSource, ModelDescription
from lookalike.embedding.descriptions import DEFAULT_HUB
from lookalike.embedding.sources import fetch
from lookalike.embedding.storage import storage_faults
from lookalike.errors import FetchFailed, TrainingRefused
from lookalike.preprocessing import Preprocessing
from lookalike.progress import Silent
from lookalike.training.network.backbones.vision_transformer import CONFIG_FILE

ENDPOINT_VARIABLE = "HF_ENDPOINT"
"""Environment variable: another hub with the same addresses, such as a mirror inside a company."""

_NAME = re.compile(r"([A-Za-z0-9_-][A-Za-z0-9._-]*/[A-Za-z0-9_-][A-Za-z0-9._-]*)(?:@([A-Za-z0-9][A-Za-z0-9._-]*))?")
_SAFETENSORS, _PICKLED = "model.safetensors", "pytorch_model.bin"


def fetch_repository(name: str, folder: Path) -> Path:
    """The folder with `config.json` and the weights of a repository, fetched once.

    Args:
        name: `OWNER/NAME`, or `OWNER/NAME@COMMIT` (also a branch, which moves: it is fetched once all the same).
        folder: in which that of the repository is made, `OWNER--NAME--COMMIT`.

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
            _fetch_all(repository, revision, Path(scratch) / "whole")
            _place(Path(scratch) / "whole", kept)
    return kept


def _fetch_all(repository: str, revision: str, folder: Path) -> None:
    folder.mkdir()
    try:
        _fetch(repository, revision, CONFIG_FILE, folder)
        try:
            _fetch(repository, revision, _SAFETENSORS, folder)
        except FetchFailed:  # older repositories have the other form alone, which is read without executing it
            _fetch(repository, revision, _PICKLED, folder)
    except FetchFailed as fault:
        reason = str(fault).partition(". Without a network")[0]  # which speaks of models to import
        raise FetchFailed(
            f"{repository}: {reason}. Where there is a network, fetch {CONFIG_FILE} and {_SAFETENSORS} of it, bring"
            " them here in a folder, and name that folder as the weights; or start from a packaged model or at random"
        ) from None


def _fetch(repository: str, revision: str, path: str, folder: Path) -> None:
    endpoint = os.environ.get(ENDPOINT_VARIABLE, "").rstrip("/") or DEFAULT_HUB
    wanted = ModelDescription(
        name=path,
        summary="weights to train from",
        licence="",
        source=HubSource(repository=repository, revision=revision, path=path, endpoint=endpoint),
        sha256="",
        preprocessing=Preprocessing(size=224, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
        graph=Graph(format="onnx"),
        projection=None,
        dimension=0,
    )
    fetch(wanted, folder, progress=Silent()).replace(folder / path)


def _place(whole: Path, kept: Path) -> None:
    try:
        whole.rename(kept)
    except OSError:
        if not kept.is_dir():  # another process was quicker
            raise
