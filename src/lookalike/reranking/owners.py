"""Images of some owners are not shown."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lookalike.reranking.candidate import Candidates, RankingQuery


@dataclass(frozen=True, slots=True, kw_only=True)
class WithoutOwners:
    """Drop candidates that belong to one of some owners.

    Attributes:
        blocked: ids of these owners.
        owners_of: looks up owners by the ids of images; those that nobody owns are left out.
    """

    blocked: frozenset[str]
    owners_of: Callable[[Sequence[str]], Mapping[str, str]]

    def __call__(self, query: RankingQuery, candidates: Candidates) -> Candidates:  # noqa: ARG002
        """Return the others in their order."""
        owners = self.owners_of(candidates.image_ids)
        kept = [place for place, one in enumerate(candidates.image_ids) if owners.get(one) not in self.blocked]
        return candidates if len(kept) == len(candidates) else candidates.take(kept)
