"""Only what everybody may see goes on."""

from collections.abc import Sequence

from lookalike.reranking.candidate import Candidate, RankingQuery
from lookalike.types import Visibility


class OnlyVisible:
    """Drop what is not public now, and the query's own image unless it was asked for.

    The search already masks such rows; this looks at the record as it is at this moment, so that an image hidden
    between the two steps does not slip through.
    """

    def __call__(self, query: RankingQuery, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        """Return the public candidates in their order."""
        return [
            candidate
            for candidate in candidates
            if candidate.image.visibility is Visibility.PUBLIC
            and candidate.image.error is None
            and (query.include_self or candidate.image.id != query.image_id)
        ]
