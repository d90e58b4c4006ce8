"""Visibility: which candidates may be shown."""

from collections.abc import Iterable

from lookalike.reranking.candidate import Candidates, RankingQuery
from lookalike.types import Image, Visibility


def visible(images: Iterable[Image]) -> dict[str, Image]:
    """The public candidates, by id.

    Searching already passes over what the catalog hides; this looks at the records that are about to be shown, as
    they are at this moment, so that an image hidden between the two steps does not slip through.
    """
    return {image.id: image for image in images if image.visibility is Visibility.PUBLIC and image.error is None}


class NotItself:
    """Drop the query's own image unless it was asked for."""

    def __call__(self, query: RankingQuery, candidates: Candidates) -> Candidates:
        """Return the candidates in their order."""
        if query.include_self or query.image_id not in candidates.image_ids:
            return candidates
        return candidates.without(candidates.image_ids.index(query.image_id))
