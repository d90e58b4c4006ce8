"""Images that show the very same thing as the query come first, if keypoints say so."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from lookalike.keypoints import Keypoints, Rule, same_thing
from lookalike.reranking.candidate import Candidates, RankingQuery

VERIFIED_HITS = 100
"""How many of the best candidates are compared by keypoints."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifySameThing:
    """Compare the keypoints of the best candidates with those of the query, and move up what is verified.

    Verified candidates come first, those with the most details in common before others; the rest keep their order.
    A query without keypoints changes nothing.

    Attributes:
        keypoints_of: looks up stored keypoints by the ids of images; those that have none are left out.
        depth: how many candidates are compared.
        rule: when two pictures count as showing the same thing.
    """

    keypoints_of: Callable[[Sequence[str]], Mapping[str, Keypoints]]
    depth: int = VERIFIED_HITS
    rule: Rule = field(default_factory=Rule)

    def __call__(self, query: RankingQuery, candidates: Candidates) -> Candidates:
        """Return all candidates, and what says that the first ones show the same thing."""
        if query.keypoints is None:
            return candidates
        stored = self.keypoints_of(candidates.image_ids[: self.depth])
        compared = {image_id: same_thing(query.keypoints, other, self.rule) for image_id, other in stored.items()}
        verified = {image_id: found for image_id, found in compared.items() if found is not None}
        if not verified:
            return candidates
        places = range(len(candidates))
        inliers = [verified[one].inliers if one in verified else 0 for one in candidates.image_ids]
        order = sorted(places, key=lambda place: (-inliers[place], place))
        return replace(candidates.take(order), same_things={**candidates.same_things, **verified})
