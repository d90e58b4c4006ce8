"""Re-ranking: each re-ranker takes a query and its candidates, and returns the candidates to keep, in order."""

from lookalike.reranking.candidate import Candidates, RankingQuery, ReRanker, rerank
from lookalike.reranking.duplicates import CollapseDuplicates
from lookalike.reranking.limit import Limit
from lookalike.reranking.same_thing import VERIFIED_HITS, VerifySameThing
from lookalike.reranking.visibility import NotItself, visible

__all__ = [
    "VERIFIED_HITS",
    "Candidates",
    "CollapseDuplicates",
    "Limit",
    "NotItself",
    "RankingQuery",
    "ReRanker",
    "VerifySameThing",
    "rerank",
    "visible",
]
