"""The prediction pipeline: query -> embedding -> nearest neighbours -> re-ranking -> hits."""

from lookalike.retrieval.engine import Readiness, SearchEngine
from lookalike.retrieval.journal import QueryJournal
from lookalike.retrieval.query import Answer, IndexedImage, Picture, Query, Subject, Words
from lookalike.retrieval.query_encoder import DecodedQuery, EmbeddedQuery, EncodedQuery, QueryEncoder
from lookalike.retrieval.rankers import RERANKERS, ExactRanker, IndexRanker, Ranker, stored_keypoints
from lookalike.retrieval.ranking import FROZEN_HITS, MOST_NEIGHBORS, Ranking, with_duplicates
from lookalike.retrieval.view import View

__all__ = [
    "FROZEN_HITS",
    "MOST_NEIGHBORS",
    "RERANKERS",
    "Answer",
    "DecodedQuery",
    "EmbeddedQuery",
    "EncodedQuery",
    "ExactRanker",
    "IndexRanker",
    "IndexedImage",
    "Picture",
    "Query",
    "QueryEncoder",
    "QueryJournal",
    "Ranker",
    "Ranking",
    "Readiness",
    "SearchEngine",
    "Subject",
    "View",
    "Words",
    "stored_keypoints",
    "with_duplicates",
]
