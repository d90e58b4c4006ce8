"""The prediction pipeline: query -> embedding -> nearest neighbours -> re-ranking -> hits."""

from lookalike.retrieval.engine import Readiness, SearchEngine
from lookalike.retrieval.journal import QueryJournal
from lookalike.retrieval.query import Answer, Query
from lookalike.retrieval.view import View

__all__ = ["Answer", "Query", "QueryJournal", "Readiness", "SearchEngine", "View"]
