"""Opening the classifiers that the setting `moderation` names."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import cast, get_args

from lookalike.embedding import Mode, RuntimeName, open_classifier
from lookalike.errors import CallerError
from lookalike.indexing import ModerationRules, Moderator
from lookalike.preprocessing import Limits, Preparer
from lookalike.settings import Settings


def opened_moderator(
    settings: Settings, *, limits: Limits, decoding: Preparer, mode: Mode
) -> tuple[Moderator | None, Callable[[], None]]:
    """What looks at new images, and how to close it; None where the settings ask for nothing.

    Raises:
        CallerError: the setting `moderation` makes no sense.
        UnknownModel, ModelMissing, ModelRefused: a classifier is not on this machine, or is none.
    """
    rules = ModerationRules.parse(settings.moderation, hold_untrusted=settings.moderation_hold_untrusted == 1)
    if not rules:
        return None, lambda: None
    runtime, threads = runtime_of(settings), settings.threads or None
    with ExitStack() as opening:
        classifiers = []
        for name in rules.classifiers:
            one = open_classifier(name, models=settings.models, runtime=runtime, mode=mode, threads=threads)
            opening.callback(one.close)
            classifiers.append(one)
        return Moderator(rules, classifiers, limits=limits, decoding=decoding), opening.pop_all().close


def runtime_of(settings: Settings) -> RuntimeName:
    """What runs models.

    Raises:
        CallerError: the settings name something else.
    """
    if settings.runtime not in get_args(RuntimeName):
        raise CallerError(f"runtime {settings.runtime!r}: choose one of {', '.join(get_args(RuntimeName))}")
    return cast("RuntimeName", settings.runtime)
