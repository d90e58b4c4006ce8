"""Pictures that must not be shown, and whatever looks the same as one of them."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np

from lookalike.catalog import Catalog
from lookalike.columns import IMAGE_ROW, ImageRows
from lookalike.reranking.candidate import Candidates, RankingQuery
from lookalike.reranking.duplicates import CollapseDuplicates
from lookalike.types import Mask


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BlockedPictures:
    """Pictures by id, and what is kept of each.

    Attributes:
        image_ids: of their bytes.
        rows: [n], in that order.
    """

    image_ids: tuple[str, ...]
    rows: ImageRows

    def __len__(self) -> int:
        return len(self.image_ids)

    @classmethod
    def listed_in(cls, catalog: Catalog) -> "BlockedPictures":
        """The block list of a library as it is now."""
        listed = catalog.blocks.list()
        rows = np.array([one.row for one in listed], IMAGE_ROW)
        return cls(image_ids=tuple(one.image_id for one in listed), rows=rows)

    def only(self, image_id: str) -> "BlockedPictures":
        """The picture of that id, if it is one of them."""
        places = [place for place, one in enumerate(self.image_ids) if one == image_id]
        return BlockedPictures(image_ids=tuple(self.image_ids[place] for place in places), rows=self.rows[places])

    def among(self, image_ids: Sequence[str], rows: ImageRows, rule: CollapseDuplicates) -> Mask:
        """[m], which images have the bytes of a blocked picture, or its shape and colours.

        The vectors, which `rule` compares for hits, are left out: copies of thumbnails move far, and a blocked picture
        should rather hide too much than too little.

        Args:
            image_ids: m of them.
            rows: [m], what is kept of each.
            rule: how much shape and colours may differ.
        """
        known = set(self.image_ids)
        blocked = np.array([one in known for one in image_ids], bool)
        hashes, signatures = rows["difference_hash"], rows["colour_signature"]
        shaped = (hashes != 0) & rule.has_contrast(signatures) if len(rows) else np.zeros(0, bool)
        for row in self.rows:
            if row["difference_hash"] == 0 or not rule.has_contrast(row["colour_signature"][None])[0]:
                continue
            near = np.bitwise_count(hashes ^ row["difference_hash"]) <= rule.most_bits
            places = np.flatnonzero(near & shaped)
            ours = np.repeat(row["colour_signature"][None], len(places), axis=0)
            blocked[places[rule.colours_agree(ours, signatures[places])]] = True
        return blocked


class FollowedBlockList:
    """The block list of a library, which is read again only where it has changed. Thread-safe.

    Args:
        catalog: holds it.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._known: tuple[Hashable, BlockedPictures] | None = None

    def __call__(self) -> BlockedPictures:
        """The list as it is now."""
        version = self._catalog.blocks.version()  # first, so that what is changed meanwhile is looked at again
        known = self._known
        if known is None or known[0] != version:
            known = self._known = (version, BlockedPictures.listed_in(self._catalog))
        return known[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class WithoutBlocked:
    """Drop candidates that have the bytes of a blocked picture, or look the same.

    Attributes:
        blocked: the pictures as they are now.
        rule: when two pictures look the same.
    """

    blocked: Callable[[], BlockedPictures]
    rule: CollapseDuplicates = field(default_factory=CollapseDuplicates)

    def __call__(self, query: RankingQuery, candidates: Candidates) -> Candidates:  # noqa: ARG002
        """Return the others in their order."""
        pictures = self.blocked()
        if not len(pictures) or not len(candidates):
            return candidates
        hidden = pictures.among(candidates.image_ids, candidates.columns, self.rule)
        return candidates if not hidden.any() else candidates.take(np.flatnonzero(~hidden).tolist())
