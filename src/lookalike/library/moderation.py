"""Moderation: the images that wait for review, decisions about them, and looking at images anew."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lookalike.catalog import Moderated, ReviewPage, Verdict
from lookalike.distributed import ThreadRunner
from lookalike.errors import CallerError, ImageRefused, UnknownImage
from lookalike.indexing import Moderator
from lookalike.library.keys import command_actor
from lookalike.library.parts import LibraryParts
from lookalike.progress import Progress
from lookalike.types import Image, ModerationState

MOST_DECISIONS = 1000
"""Images in one decision."""

_AT_ONCE = 200


@dataclass(frozen=True, kw_only=True)
class QueueRequest:
    """Which images to list: those of a state, at most so many, after a cursor."""

    state: ModerationState = ModerationState.HELD
    limit: int = 50
    after: str | None = None


@dataclass(frozen=True, kw_only=True)
class Queue:
    """Images of one state.

    Attributes:
        page: those that have had it for longest first.
        counts: how many live images have each state.
    """

    page: ReviewPage
    counts: Mapping[ModerationState, int]


def read_queue(library: LibraryParts, request: QueueRequest) -> Queue:
    """Images by what moderation does with them.

    Raises:
        CursorRefused: the cursor is damaged.
    """
    page = library.catalog.moderation.page(request.state, after=request.after, limit=request.limit)
    return Queue(page=page, counts=library.catalog.moderation.counts())


@dataclass(frozen=True, kw_only=True)
class DecideRequest:
    """A decision about images.

    Attributes:
        image_ids: of the images.
        state: what is done with them from now on.
        note: why, in words.
    """

    image_ids: Sequence[str]
    state: ModerationState
    note: str = ""


def decide(library: LibraryParts, request: DecideRequest) -> Mapping[str, Moderated]:
    """Decide about images; the audit log says who did.

    Returns:
        What holds for each now.

    Raises:
        CallerError: too many images.
        UnknownImage: one of them is not in the library; nothing was changed.
    """
    if len(request.image_ids) > MOST_DECISIONS:
        raise CallerError(f"{len(request.image_ids):,} images: decide about at most {MOST_DECISIONS:,} at a time")
    moderation = library.catalog.moderation
    moderation.decide(request.image_ids, request.state, actor=command_actor(), note=request.note)
    return moderation.get(request.image_ids)


@dataclass(frozen=True, kw_only=True)
class RescanRequest:
    """Which images to look at: those without scores of the present classifiers, or all."""

    everything: bool = False


@dataclass(frozen=True, kw_only=True)
class RescanResult:
    """What a rescan did.

    Attributes:
        images: readable images that were looked at.
        classified: those of them that the classifiers ran on; the others had scores of them already.
        changed: those of them whose state is another one now.
        counts: how many live images have each state now.
    """

    images: int
    classified: int
    changed: int
    counts: Mapping[ModerationState, int]


def rescan(library: LibraryParts, request: RescanRequest, progress: Progress) -> RescanResult:
    """Apply the setting `moderation` to the images that are in the library already.

    Scores that the same classifiers gave are used again. An image that cannot be read or classified is held. What
    people decided stays. It can be stopped at any time: the next rescan goes on.

    Raises:
        CallerError: nothing is set up.
    """
    moderator = library.moderator
    if moderator is None:
        raise CallerError(
            "nothing is moderated: the setting moderation is empty; docs/moderation.md says how to set it"
        )
    progress.stage("Looking at images", library.catalog.counts().readable)
    images = classified = changed = 0
    for page in _pages(library):
        known = library.catalog.moderation.get([image.id for image in page])
        stored = {} if request.everything else _stored_scores(moderator, known)
        looking = _Looking(library=library, moderator=moderator, known=known, stored=stored)
        verdicts = dict(ThreadRunner(moderator.concurrency + 1).map(looking.at, page))
        found = {image_id: verdict for image_id, verdict in verdicts.items() if verdict is not None}
        changed += len(library.catalog.moderation.judge(found))
        images += len(page)
        classified += len(page) - len(stored)
        progress.advance(len(page))
    counts = library.catalog.moderation.counts()
    return RescanResult(images=images, classified=classified, changed=changed, counts=counts)


@dataclass(frozen=True, kw_only=True)
class _Looking:
    """Looks at one image after the other; from many threads."""

    library: LibraryParts
    moderator: Moderator
    known: Mapping[str, Moderated]
    stored: Mapping[str, Mapping[str, float]]

    def at(self, image: Image) -> tuple[str, Verdict | None]:
        """What is to be done with an image; None where it was deleted meanwhile."""
        untrusted = image.id in self.known and self.known[image.id].verdict.untrusted
        if image.id in self.stored:
            rules, classifiers = self.moderator.rules, self.moderator.classifiers
            return image.id, rules.verdict(self.stored[image.id], classifiers=classifiers, untrusted=untrusted)
        try:
            content = self.library.catalog.images.content(image.id)
        except UnknownImage:
            return image.id, None
        except ImageRefused as gone:
            reason = f"could not be classified: {gone.message}"
            return image.id, Verdict(state=ModerationState.HELD, reason=reason, untrusted=untrusted)
        name = image.source or image.upload_name or image.id
        return image.id, self.moderator.verdict(content, name=name, untrusted=untrusted)


def _stored_scores(moderator: Moderator, known: Mapping[str, Moderated]) -> dict[str, Mapping[str, float]]:
    """Scores that the present classifiers gave before, of all labels that have rules."""
    return {
        image_id: about.verdict.scores
        for image_id, about in known.items()
        if about.verdict.classifiers == moderator.classifiers and moderator.rules.covers(about.verdict.scores)
    }


def _pages(library: LibraryParts) -> Iterator[tuple[Image, ...]]:
    after: str | None = None
    while True:
        page = library.catalog.images.browse(after=after, limit=_AT_ONCE, visibility=None)
        if page.images:
            yield page.images
        after = page.next
        if after is None:
            return
