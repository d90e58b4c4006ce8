"""The prediction pipeline: query -> embedding -> nearest neighbours -> re-ranking -> hits."""

from lookalike.retrieval.engine import RERANKERS, Readiness, SearchEngine
from lookalike.retrieval.journal import QueryJournal
from lookalike.retrieval.query import Answer, Query
from lookalike.retrieval.ranking import FROZEN_HITS, MOST_NEIGHBORS, Ranking, ranked, with_duplicates
from lookalike.retrieval.scoring import stored_precision
from lookalike.retrieval.view import View

__all__ = [
    "FROZEN_HITS",
    "MOST_NEIGHBORS",
    "RERANKERS",
    "Answer",
    "Query",
    "QueryJournal",
    "Ranking",
    "Readiness",
    "SearchEngine",
    "View",
    "ranked",
    "stored_precision",
    "with_duplicates",
]
