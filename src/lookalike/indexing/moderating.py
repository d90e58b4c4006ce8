"""Classifying images as they come in, and what follows for each."""

import logging
from collections.abc import Sequence
from dataclasses import replace

from lookalike.catalog import ImageAddition, Verdict
from lookalike.embedding import Classifier
from lookalike.errors import CallerError
from lookalike.indexing.moderation_rules import ModerationRules
from lookalike.preprocessing import Limits, Preparer, prepare
from lookalike.types import ModerationState

_log = logging.getLogger(__name__)
_MOST_LABELS = 64  # of a classifier that tells more apart, only labels with rules are kept


class Moderator:
    """Says what is to be done with images. Thread-safe.

    Args:
        rules: what follows from scores.
        classifiers: those that the rules name, opened.
        limits: for images.
        decoding: what prepares them.

    Raises:
        CallerError: a rule names a label that its classifier does not have.
    """

    def __init__(
        self,
        rules: ModerationRules,
        classifiers: Sequence[Classifier],
        *,
        limits: Limits | None = None,
        decoding: Preparer = prepare,
    ) -> None:
        self.rules = rules
        self._classifiers = tuple(classifiers)
        self._limits = limits or Limits()
        self._decoding = decoding
        self._kept = {one.name: _kept_labels(one, rules) for one in self._classifiers}

    @property
    def classifiers(self) -> str:
        """Names what gives the scores: with another one they have to be made anew."""
        return ",".join(one.fingerprint for one in self._classifiers)

    @property
    def concurrency(self) -> int:
        """How many images can be classified at once."""
        return min((one.concurrency for one in self._classifiers), default=1)

    def verdict(self, content: bytes, *, name: str, untrusted: bool = False) -> Verdict:
        """What is to be done with an image. One that cannot be classified is held.

        Args:
            content: the file.
            name: what the caller calls it, for messages.
            untrusted: it comes from somebody who is not trusted.
        """
        try:
            scores = self._scores(content, name)
        except Exception as fault:  # noqa: BLE001 - whatever happened, nobody knows what the image shows
            _log.warning("%s could not be classified, and waits for review: %s", name, fault)
            reason = f"could not be classified: {fault}"
            return Verdict(state=ModerationState.HELD, reason=reason, untrusted=untrusted)
        return self.rules.verdict(scores, classifiers=self.classifiers, untrusted=untrusted)

    def _scores(self, content: bytes, name: str) -> dict[str, float]:
        scores: dict[str, float] = {}
        for classifier in self._classifiers:
            prepared = self._decoding(content, classifier.preprocessing, name=name, limits=self._limits, crop=None)
            found = classifier.scores(prepared.rows)
            scores |= {f"{classifier.name}/{label}": found[label] for label in self._kept[classifier.name]}
        return scores


def moderated(
    moderator: Moderator | None, addition: ImageAddition, content: bytes, *, name: str, untrusted: bool = False
) -> ImageAddition:
    """The same image with what is to be done with it, where images are moderated."""
    if moderator is None:
        return addition
    return replace(addition, verdict=moderator.verdict(content, name=name, untrusted=untrusted))


def _kept_labels(classifier: Classifier, rules: ModerationRules) -> tuple[str, ...]:
    named = [label.partition("/")[2] for label in rules.thresholds if label.startswith(f"{classifier.name}/")]
    for label in named:
        if label not in classifier.labels:
            known = ", ".join(classifier.labels[:20])
            raise CallerError(f"moderation: {classifier.name} has no label {label[:60]!a}; it has {known}")
    return classifier.labels if len(classifier.labels) <= _MOST_LABELS else tuple(named)
