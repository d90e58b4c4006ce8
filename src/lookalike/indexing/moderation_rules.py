"""The setting `moderation`: what is done with an image, by the scores of its labels."""

from collections.abc import Mapping
from dataclasses import dataclass

from lookalike.catalog import Verdict
from lookalike.errors import CallerError
from lookalike.types import ModerationState

_ACTIONS = {
    "blur": ModerationState.BLURRED,
    "hold": ModerationState.HELD,
    "block": ModerationState.BLOCKED,
}
_STRENGTH = list(ModerationState)
_EXAMPLE = "nudity/explicit:blur=0.3|hold=0.6|block=0.95"

Thresholds = Mapping[ModerationState, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModerationRules:
    """Thresholds of labels.

    Attributes:
        thresholds: by `classifier/label`, from which score on an image gets which state.
        hold_untrusted: what comes from somebody who is not trusted waits for review, whatever its scores are.
    """

    thresholds: Mapping[str, Thresholds]
    hold_untrusted: bool = False

    def __bool__(self) -> bool:
        """Whether anything is moderated."""
        return bool(self.thresholds) or self.hold_untrusted

    @property
    def classifiers(self) -> tuple[str, ...]:
        """The names of the models whose scores are needed."""
        return tuple(dict.fromkeys(label.partition("/")[0] for label in self.thresholds))

    @classmethod
    def parse(cls, text: str, *, hold_untrusted: bool = False) -> "ModerationRules":
        """The rules that a setting names.

        Args:
            text: rules between commas, as in `nudity/explicit:blur=0.3|hold=0.6|block=0.95`: a classifier, one of its
                labels, and the scores from which images are blurred, held for review, or blocked.
            hold_untrusted: as the attribute.

        Raises:
            CallerError: a rule is none, or a label has two.
        """
        thresholds: dict[str, Thresholds] = {}
        for rule in (part.strip() for part in text.split(",") if part.strip()):
            label, colon, actions = rule.partition(":")
            classifier, slash, name = (part.strip() for part in label.partition("/"))
            if not (colon and slash and classifier and name):
                raise CallerError(f"moderation: {rule[:60]!a} is no rule; write one as in {_EXAMPLE}")
            key = f"{classifier}/{name}"
            if key in thresholds:
                raise CallerError(f"moderation: {key[:60]!a} has two rules: put its thresholds into one")
            thresholds[key] = dict(_threshold(part, rule) for part in actions.split("|"))
        return cls(thresholds=thresholds, hold_untrusted=hold_untrusted)

    def verdict(self, scores: Mapping[str, float], *, classifiers: str = "", untrusted: bool = False) -> Verdict:
        """What is to be done with an image: the strongest of all that its scores ask for.

        Args:
            scores: by `classifier/label`.
            classifiers: names what gave them.
            untrusted: the image comes from somebody who is not trusted.
        """
        waits = untrusted and self.hold_untrusted
        state = ModerationState.HELD if waits else ModerationState.SHOWN
        reason = "uploaded without the scope trusted" if waits else ""
        for label, thresholds in self.thresholds.items():
            for reached, least in thresholds.items():
                if scores[label] >= least and _STRENGTH.index(reached) > _STRENGTH.index(state):
                    state, reason = reached, f"{label} {scores[label]:.3g} ({reached.value} from {least:g})"
        return Verdict(state=state, reason=reason, scores=scores, classifiers=classifiers, untrusted=untrusted)

    def covers(self, scores: Mapping[str, float]) -> bool:
        """Whether scores say something about every label that has a rule."""
        return self.thresholds.keys() <= scores.keys()


def _threshold(part: str, rule: str) -> tuple[ModerationState, float]:
    action, _, least = part.partition("=")
    state = _ACTIONS.get(action.strip())
    try:
        number = float(least)
    except ValueError:
        number = -1.0
    if state is None or not 0 < number <= 1:
        raise CallerError(
            f"moderation: {part.strip()[:40]!a} in {rule[:60]!a}: give blur, hold or block a score above 0 and at most"
            f" 1, as in {_EXAMPLE}"
        )
    return state, number
