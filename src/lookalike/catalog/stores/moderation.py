"""What moderation found of images, and what was decided about them."""

from collections.abc import Mapping, Sequence

from lookalike.catalog import audit, moderation, review_queue
from lookalike.catalog.database import Database
from lookalike.catalog.review_queue import ReviewPage
from lookalike.catalog.verdicts import Moderated, Verdict
from lookalike.types import ModerationState


class Moderation:
    """Verdicts of classifiers and decisions of people, by image. Those of new images come with `ImageAddition`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, image_ids: Sequence[str]) -> dict[str, Moderated]:
        """What is known of those that were looked at, by id; they need not be live."""
        with self._database.reading() as connection:
            return moderation.read_moderated(connection, image_ids)

    def judge(self, verdicts: Mapping[str, Verdict]) -> set[str]:
        """Write what was found of live images, in one transaction. What people decided goes on to hold.

        Returns:
            The ids of those whose state is another one now.
        """
        with self._database.changing() as change:
            return moderation.judge(change, verdicts)

    def decide(self, image_ids: Sequence[str], state: ModerationState, *, actor: str, note: str = "") -> None:
        """Decide about live images: all, or none where one is unknown. The audit log says who did.

        Args:
            image_ids: of any images, whether they wait or not.
            state: what is done with them from now on; `held` puts them back into the queue.
            actor: who decides, as the audit log names them.
            note: why, in words.

        Raises:
            UnknownImage: there is no image of one of these ids.
        """
        with self._database.changing() as change:
            before = moderation.decide(change, image_ids, state, actor=actor)
            for image_id, was in before.items():
                audit.write_entry(
                    change.connection,
                    actor=actor,
                    action=f"moderation.{state.value}",
                    subject=image_id,
                    details=f"was {was.value}; {note}".rstrip("; "),
                )

    def page(
        self, state: ModerationState = ModerationState.HELD, *, after: str | None = None, limit: int = 50
    ) -> ReviewPage:
        """Images of a state, those that have had it for longest first.

        Args:
            state: which.
            after: `ReviewPage.next` of the page before.
            limit: how many at most.

        Raises:
            CursorRefused: `after` is damaged.
        """
        with self._database.reading() as connection:
            return review_queue.read_page(connection, state, after=after, limit=limit)

    def counts(self) -> dict[ModerationState, int]:
        """How many live images have each state; those that were never looked at have none."""
        with self._database.reading() as connection:
            return review_queue.read_counts(connection)
