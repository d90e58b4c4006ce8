"""What `/v1/duplicates` takes and gives."""

from collections.abc import Collection, Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lookalike.duplicates import CopyGroup, CopyPair, Reason, Sureness
from lookalike.serving.wire import ImageRecord, Wire

MOST_GROUPS = 100
_MOST_CHANGED = 1_000

_Id = Annotated[str, Field(max_length=64)]


class CopyRecord(Wire):
    """A copy, and why it is believed to be one."""

    image: ImageRecord
    reason: Reason = Field(description="The rule that says so; docs/duplicates.md explains each.")
    sure: Sureness
    turn: str | None = Field(description="How it is turned or mirrored, where that is the reason.")
    inliers: int | None = Field(description="How many details match, where those are the reason.")
    cosine: float = Field(description="Of the vectors of the copy and of the image that is kept.")

    @classmethod
    def of(cls, image: ImageRecord, pair: CopyPair) -> Self:
        """The copy that a pair is about."""
        return cls(
            image=image,
            reason=pair.reason,
            sure=pair.sure,
            turn=pair.turn or None,
            inliers=pair.inliers or None,
            cosine=pair.cosine,
        )


class CopyGroupRecord(Wire):
    """An image, and its copies. Each was compared with the image that is kept."""

    keep: ImageRecord
    copies: tuple[CopyRecord, ...]


class CopySearchRecord(Wire):
    """How far the search for copies is."""

    running: bool = Field(description="Whether this server is looking for copies now.")
    compared: int = Field(description="Public images that were compared with all others.")
    images: int = Field(description="Public images.")
    fault: str | None = Field(description="Why the last search of this server ended early.")
    notes: tuple[str, ...]


class DuplicatesPage(Wire):
    """Some groups of copies, the largest first."""

    groups: tuple[CopyGroupRecord, ...]
    total: int = Field(description="Number of groups on all pages.")
    copies: int = Field(description="Number of copies on all pages, without the images that are kept.")
    next_cursor: str | None
    search: CopySearchRecord


class ChosenGroup(Wire):
    """Copies that something is to be done with, and the image that stays."""

    keep: _Id
    copies: tuple[_Id, ...] = Field(min_length=1, max_length=_MOST_CHANGED)


class DuplicatesChange(Wire):
    """What to do with copies."""

    action: Literal["hide", "delete"]
    groups: tuple[ChosenGroup, ...] = Field(min_length=1, max_length=MOST_GROUPS)
    dry_run: bool = Field(default=False, description="Change nothing, and answer what would be changed.")

    @model_validator(mode="after")
    def _is_not_too_much(self) -> Self:
        if sum(len(group.copies) for group in self.groups) > _MOST_CHANGED:
            raise ValueError(f"at most {_MOST_CHANGED:,} copies can be changed at once")
        return self


class DuplicatesChanged(Wire):
    """What was done with copies."""

    action: Literal["hide", "delete"]
    dry_run: bool
    changed: tuple[str, ...] = Field(description="Ids of the images that were hidden or deleted, or would be.")
    skipped: tuple[str, ...] = Field(
        description="Ids that stay as they are: not found to be copies of the image that stays, or not public any more."
    )


def copies_to_change(
    chosen: DuplicatesChange, public: Collection[str], copies_of: Mapping[str, set[str]]
) -> DuplicatesChanged:
    """Which of the chosen images are copies of the image that stays beside them, or of one image with it.

    Args:
        chosen: by the client.
        public: ids of the images that can be changed, and stay.
        copies_of: by id, the ids of an image's copies.
    """
    kept = {group.keep for group in chosen.groups}
    asked = dict.fromkeys((group.keep, one) for group in chosen.groups for one in group.copies)
    changed = dict.fromkeys(
        one
        for keep, one in asked
        if keep in public and one in public and one not in kept and _are_copies(copies_of, keep, one)
    )
    skipped = dict.fromkeys(one for _, one in asked if one not in changed)
    return DuplicatesChanged(
        action=chosen.action, dry_run=chosen.dry_run, changed=tuple(changed), skipped=tuple(skipped)
    )


def _are_copies(copies_of: Mapping[str, set[str]], one: str, other: str) -> bool:
    """Of each other, or of a third: somebody may keep another image of a group than the one that was compared."""
    ours = copies_of.get(one, set())
    return other in ours or bool(ours & copies_of.get(other, set()))


def group_record(group: CopyGroup, record_of: dict[str, ImageRecord]) -> CopyGroupRecord:
    """A group, by the records of its images."""
    copies = tuple(CopyRecord.of(record_of[one], pair) for one, pair in group.copies.items())
    return CopyGroupRecord(keep=record_of[group.kept], copies=copies)
