"""Bringing models to this machine, and removing those that no library needs."""

from lookalike.embedding import ModelStatus, describe_model, is_available, pull, remove_model
from lookalike.errors import ModelMissing, ModelRefused
from lookalike.library.convert import ConvertRequest, convert
from lookalike.library.opening import open_library
from lookalike.library.places import library_exists
from lookalike.progress import Progress
from lookalike.settings import Settings


def obtain_model(settings: Settings, name: str, progress: Progress) -> ModelStatus:
    """Bring a described model to this machine; one of a hub (`models list --available`) is converted here.

    Does nothing when it is here already.

    Raises:
        UnknownModel: no model is called so.
        DependencyMissing: a model of a hub is converted with torch and transformers, which are not installed.
        FetchFailed: it could not be had; the message says what was tried and what to do.
        ModelRefused: what came is not what the description says.
        StorageFailed: the disk is full, read-only or failing.
    """
    if not is_available(name):
        return pull(name, models=settings.models, progress=progress)
    try:
        return describe_model(name, models=settings.models)
    except ModelMissing:
        return convert(settings, ConvertRequest(source=name), progress).status


def remove_unused_model(settings: Settings, name: str, *, force: bool = False) -> None:
    """Delete a model's files from this machine.

    Args:
        settings: of the library that may use it.
        name: of the model.
        force: also one that the library answers with, or could go back to.

    Raises:
        ModelRefused: the library needs it, and `force` is not set.
        UnknownModel: no model is called so.
    """
    if not force:
        _require_unused(settings, name)
    remove_model(name, models=settings.models)


def _require_unused(settings: Settings, name: str) -> None:
    """Keep what searches, or a rollback, need.

    Raises:
        ModelRefused: the library's live model, or one of its history.
    """
    if not library_exists(settings):
        return
    with open_library(settings) as opened:
        live, history = opened.catalog.models.live(), opened.catalog.models.history()
    if live is not None and live.name == name:
        raise ModelRefused(
            f"{name} answers the searches of the library {settings.library}; without it nothing can be searched or"
            " indexed there. Promote another model first, or add --force."
        )
    if any(step.model.name == name for step in history):
        raise ModelRefused(
            f"{name} answered in the library {settings.library} before, and `lookalike models rollback` may need it."
            " Add --force to remove it all the same."
        )
