"""Two rankings of one query shown as one: team-draft interleaving."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lookalike.catalog import Catalog
from lookalike.reranking import Candidates
from lookalike.retrieval.query import Query
from lookalike.retrieval.query_encoder import EmbeddedQuery, EncodedQuery
from lookalike.retrieval.rankers import Ranker
from lookalike.retrieval.ranking import Ranking
from lookalike.retrieval.scoring import exact_cosines
from lookalike.retrieval.stopwatch import Stopwatch

BOTH, FIRST, SECOND = 0, 1, 2
"""Teams: which ranker put a hit into the list; both where it was the next hit of both."""


def rng_of(*key: str) -> np.random.Generator:
    """A generator that depends on a text only, so that each process draws the same for one query."""
    return np.random.default_rng(int.from_bytes(hashlib.sha256("\0".join(key).encode()).digest()[:16]))


def team_draft(first: Sequence[str], second: Sequence[str], rng: np.random.Generator) -> tuple[list[str], list[int]]:
    """Both rankings in one, and the team of each hit.

    In each round a coin says which ranker begins; each puts its best hit that is not in the list yet. Radlinski et al.
    2008, "How does clickthrough data reflect retrieval quality?". Where both would put the same hit, it belongs to
    both: a click on it says nothing of the difference, and would be noise if a coin gave it to one of them.

    Args:
        first: ids, best first.
        second: likewise.
        rng: throws the coins.
    """
    shown: list[str] = []
    teams: list[int] = []
    chosen: set[str] = set()
    place = {FIRST: 0, SECOND: 0}
    rankings = {FIRST: first, SECOND: second}

    def put(team: int) -> None:
        image_id = _next(rankings[team], place, team, chosen)
        if image_id is not None:
            shown.append(image_id)
            teams.append(team)
            chosen.add(image_id)

    while True:
        ahead = [_next(rankings[team], place, team, chosen) for team in (FIRST, SECOND)]
        if ahead == [None, None]:
            return shown, teams
        if ahead[0] == ahead[1]:
            put(FIRST)
            teams[-1] = BOTH
            continue
        for team in (FIRST, SECOND) if rng.random() < 0.5 else (SECOND, FIRST):  # noqa: PLR2004 - a fair coin
            put(team)


def _next(ranking: Sequence[str], place: dict[int, int], team: int, chosen: set[str]) -> str | None:
    """The best hit of a ranking that is not in the list yet."""
    while place[team] < len(ranking) and ranking[place[team]] in chosen:
        place[team] += 1
    return ranking[place[team]] if place[team] < len(ranking) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Interleaved:
    """A ranking made of two.

    Attributes:
        ranking: what is shown; its cosines are those of the first ranker's model.
        teams: of each candidate, `FIRST`, `SECOND` or `BOTH`.
    """

    ranking: Ranking
    teams: tuple[int, ...]


class InterleavedRanker:
    """Ranks by team-draft interleaving of two rankers.

    The hits of both are described by the first ranker's model, so that cosines, closeness and later pages are what they
    are without it: only the order and the choice of hits change. Images behind a hit of the first ranker stay there.

    Args:
        catalog: holds the vectors of hits that only the second ranker found.
        first: ranks as it is.
        second: challenges it.
        seed: of the coins, with the query's key.
    """

    def __init__(self, catalog: Catalog, first: Ranker, second: Ranker, *, seed: str = "") -> None:
        self._catalog = catalog
        self._first, self._second = first, second
        self._seed = seed

    def rank(
        self,
        query: Query,
        *,
        wanted: int = 0,
        clock: Stopwatch | None = None,
        embedded: EmbeddedQuery | None = None,
    ) -> Ranking:
        """See `Ranker`. The coins depend on the query's vector."""
        ranking = self._first.rank(query, wanted=wanted, clock=clock, embedded=embedded)
        return self.interleave(ranking.query.vector.tobytes().hex(), query, ranking).ranking

    def rank_encoded(self, query: EncodedQuery, *, wanted: int = 0, clock: Stopwatch | None = None) -> Ranking:
        """As the first ranker alone: what comes behind the frozen hits is not part of an experiment."""
        return self._first.rank_encoded(query, wanted=wanted, clock=clock)

    def interleave(self, key: str, query: Query, ranking: Ranking) -> Interleaved:
        """A ranking of the first ranker with the hits of the second one among them.

        Args:
            key: of the query; the same key gives the same list.
            query: what the second ranker is asked.
            ranking: by the first one.
        """
        challenger = self._asked(query, ranking)
        shown, teams = team_draft(ranking.candidates.image_ids, challenger.image_ids, rng_of(self._seed, key))
        return Interleaved(ranking=_ordered(ranking, challenger, shown), teams=tuple(teams))

    def replaced(self, query: Query, ranking: Ranking) -> Ranking:
        """The hits of the second ranker in its order, described as those of the first, which follow."""
        challenger = self._asked(query, ranking)
        shown = dict.fromkeys([*challenger.image_ids, *ranking.candidates.image_ids])
        return _ordered(ranking, challenger, list(shown))

    def _asked(self, query: Query, ranking: Ranking) -> Candidates:
        """As many hits of the second ranker as images were looked at for the first one's."""
        return self._described(ranking, self._second.rank(query).candidates.first(ranking.neighbors))

    def _described(self, ranking: Ranking, challenger: Candidates) -> Candidates:
        """The second ranker's hits in the terms of the first one's model; each is a hit there, or new."""
        known = ranking.candidates
        leads = {other: image_id for image_id, others in known.duplicates.items() for other in others}
        wanted = list(dict.fromkeys(leads.get(image_id, image_id) for image_id in challenger.image_ids))
        places = {image_id: place for place, image_id in enumerate(known.image_ids)}
        new = [image_id for image_id in wanted if image_id not in places]
        both = _joined(known, self._new(ranking, challenger, new))
        at = {image_id: place for place, image_id in enumerate(both.image_ids)}
        taken = {*at, *leads}
        behind = {
            image_id: others
            for image_id in new
            if (others := tuple(one for one in challenger.duplicates.get(image_id, ()) if one not in taken))
        }
        found = both.take([at[image_id] for image_id in wanted if image_id in at])
        return replace(found, duplicates=behind, same_things={})

    def _new(self, ranking: Ranking, challenger: Candidates, image_ids: Sequence[str]) -> Candidates:
        """Hits that only the second ranker found: the nearest region of each that the first model has a vector of."""
        live, query = ranking.live, ranking.query
        rows = self._catalog.vectors.of_regions(live.model.fingerprint, image_ids)
        keys = list(rows)
        vectors = np.array([rows[key] for key in keys], dtype=np.float32).reshape(len(keys), live.model.dimension)
        regions = np.array([region for _, region in keys], dtype=np.int16)
        cosines = exact_cosines(live.view.searched(query.vector, query.crop), live.view.centring.rows(vectors, regions))
        nearest: dict[str, int] = {}
        for place in np.argsort(-cosines, kind="stable").tolist():
            nearest.setdefault(keys[place][0], place)
        at = {image_id: place for place, image_id in enumerate(challenger.image_ids)}
        found = [image_id for image_id in image_ids if image_id in nearest]
        places = [nearest[image_id] for image_id in found]
        return Candidates(
            image_ids=tuple(found),
            cosines=cosines[places],
            vectors=vectors[places],
            columns=challenger.columns[[at[image_id] for image_id in found]],
        )


def _joined(one: Candidates, other: Candidates) -> Candidates:
    return replace(
        one,
        image_ids=(*one.image_ids, *other.image_ids),
        cosines=np.concatenate([one.cosines, other.cosines]),
        vectors=np.concatenate([one.vectors, other.vectors]),
        columns=np.concatenate([one.columns, other.columns]),
    )


def _ordered(ranking: Ranking, challenger: Candidates, shown: Sequence[str]) -> Ranking:
    """That ranking with the hits of both in a new order."""
    known = set(ranking.candidates.image_ids)
    new = [place for place, image_id in enumerate(challenger.image_ids) if image_id not in known]
    both = _joined(ranking.candidates, challenger.take(new))
    behind: Mapping[str, tuple[str, ...]] = {**challenger.duplicates, **ranking.candidates.duplicates}
    at = {image_id: place for place, image_id in enumerate(both.image_ids)}
    return replace(ranking, candidates=replace(both.take([at[image_id] for image_id in shown]), duplicates=behind))
