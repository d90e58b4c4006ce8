"""Re-ranking: each re-ranker takes a query and its candidates, and returns the candidates to keep, in order."""

from lookalike.reranking.best import REORDERED_HITS
from lookalike.reranking.blocklist import BlockedPictures, FollowedBlockList, WithoutBlocked
from lookalike.reranking.boosts import BoostTags
from lookalike.reranking.candidate import Candidates, RankingQuery, ReRanker, rerank
from lookalike.reranking.diversity import Diversify
from lookalike.reranking.duplicates import CollapseDuplicates
from lookalike.reranking.limit import Limit
from lookalike.reranking.moderation import ModerationThreshold
from lookalike.reranking.owners import WithoutOwners
from lookalike.reranking.pins import PinAndBury
from lookalike.reranking.same_thing import VERIFIED_HITS, VerifySameThing
from lookalike.reranking.visibility import NotItself, visible

__all__ = [
    "REORDERED_HITS",
    "VERIFIED_HITS",
    "BlockedPictures",
    "BoostTags",
    "Candidates",
    "CollapseDuplicates",
    "Diversify",
    "FollowedBlockList",
    "Limit",
    "ModerationThreshold",
    "NotItself",
    "PinAndBury",
    "RankingQuery",
    "ReRanker",
    "VerifySameThing",
    "WithoutBlocked",
    "WithoutOwners",
    "rerank",
    "visible",
]
