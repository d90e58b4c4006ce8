"""The prediction pipeline: query -> embedding -> nearest neighbours -> re-ranking -> hits."""

from lookalike.retrieval.engine import Readiness, SearchEngine
from lookalike.retrieval.facets import Facets
from lookalike.retrieval.filters import COLOUR_DISTANCE, MOST_TAGS, NO_FILTERS, Filters, Orientation
from lookalike.retrieval.interleaving import Interleaved, InterleavedRanker, team_draft
from lookalike.retrieval.journal import QueryJournal
from lookalike.retrieval.policies import DEFAULT_POLICIES, policies_of
from lookalike.retrieval.query import Answer, IndexedImage, Picture, Query, Subject, Words
from lookalike.retrieval.query_encoder import DecodedQuery, EmbeddedQuery, EncodedQuery, QueryEncoder
from lookalike.retrieval.rankers import RERANKERS, ExactRanker, IndexRanker, Ranker, stored_keypoints
from lookalike.retrieval.ranking import FIRST_HITS, MANY_HITS, MOST_NEIGHBORS, Ranking, with_duplicates
from lookalike.retrieval.view import View

__all__ = [
    "COLOUR_DISTANCE",
    "DEFAULT_POLICIES",
    "FIRST_HITS",
    "MANY_HITS",
    "MOST_NEIGHBORS",
    "MOST_TAGS",
    "NO_FILTERS",
    "RERANKERS",
    "Answer",
    "DecodedQuery",
    "EmbeddedQuery",
    "EncodedQuery",
    "ExactRanker",
    "Facets",
    "Filters",
    "IndexRanker",
    "IndexedImage",
    "Interleaved",
    "InterleavedRanker",
    "Orientation",
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
    "policies_of",
    "stored_keypoints",
    "team_draft",
    "with_duplicates",
]
