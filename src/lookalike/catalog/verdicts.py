"""What is known of an image's moderation: what classifiers found, and what people decided."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from lookalike.types import ModerationState, Visibility


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is to be done with an image before anybody has looked at it.

    Attributes:
        state: what is done.
        reason: why, in words.
        scores: from 0 to 1 by `classifier/label`.
        classifiers: names what gave the scores; another one means that they have to be made anew.
        untrusted: it came from somebody who is not trusted, and waits for review whatever its scores are.
    """

    state: ModerationState
    reason: str = ""
    scores: Mapping[str, float] = field(default_factory=dict)
    classifiers: str = ""
    untrusted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Moderated:
    """What is known of an image's moderation.

    Attributes:
        image_id: of the image.
        verdict: what was found, with the state that holds now.
        visibility: of the image where moderation does not hide it.
        since: when that state was reached.
        decided_by: who decided, as in the audit log; None while nobody has.
        decided_at: when.
    """

    image_id: str
    verdict: Verdict
    visibility: Visibility
    since: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None

    @classmethod
    def never(cls, image_id: str) -> "Moderated":
        """Of an image that nobody looked at."""
        shown = Verdict(state=ModerationState.SHOWN)
        return cls(image_id=image_id, verdict=shown, visibility=Visibility.PUBLIC, since=datetime.now(UTC))
