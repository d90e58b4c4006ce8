"""Which queries to show in pictures, and what to show of each."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lookalike.evaluation.judgements import Judgements, Run
from lookalike.evaluation.measures import Measure
from lookalike.evaluation.report.contents import QueryDescription, QueryStrip, StripHit
from lookalike.evaluation.scoring import Evaluation
from lookalike.types import Box

SHOWN_QUERIES = 10
SHOWN_HITS = 10
SHOWN_MISSED = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Extremes:
    """The ends of a list of queries sorted by value; no query is in both.

    Attributes:
        best: highest first.
        worst: lowest first.
    """

    best: tuple[str, ...]
    worst: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class StripMaker:
    """Makes strips from what was returned and judged.

    Attributes:
        run: what is served.
        judgements: grades.
        values: query -> value of the measure that queries are sorted by.
        picture: image id of the run -> thumbnail, or None where there is none.
        name: image id of the run -> its name for people.
    """

    run: Run
    judgements: Judgements
    values: Mapping[str, float]
    picture: Callable[[str], bytes | None]
    name: Callable[[str], str] = str

    def strip(
        self,
        query: str,
        *,
        picture: bytes | None,
        crop: Box | None = None,
        description: QueryDescription | None = None,
    ) -> QueryStrip:
        """The strip of one query.

        Args:
            query: its name in the judgements.
            picture: thumbnail of the whole query image.
            crop: the part that is the query.
            description: kind and tags.
        """
        ranking = self.run.rankings.get(query, ())
        ranks = {image: rank for rank, image in enumerate(ranking, start=1)}
        shown = ranking[:SHOWN_HITS]
        judged = self.judgements.grades.get(query, {})
        missed = sorted(
            (image for image, grade in judged.items() if grade > 0 and ranks.get(image, math.inf) > SHOWN_HITS),
            key=lambda image: (-judged[image], ranks.get(image, math.inf), image),
        )
        return QueryStrip(
            query=query,
            value=self.values[query],
            picture=picture,
            crop=crop,
            description=description or QueryDescription(),
            hits=tuple(self._hit(query, image, ranks) for image in shown),
            missed=tuple(self._hit(query, image, ranks) for image in missed[:SHOWN_MISSED]),
        )

    def _hit(self, query: str, image: str, ranks: Mapping[str, int]) -> StripHit:
        rank = ranks.get(image)
        scores = self.run.scores[query] if self.run.scores and rank else None
        unlisted = 0 if image in self.judgements.collection else None
        return StripHit(
            image=self.name(image),
            rank=rank,
            grade=self.judgements.grades.get(query, {}).get(image, unlisted),
            cosine=scores[rank - 1] if scores and rank else None,
            picture=self.picture(image),
        )


def extremes(evaluation: Evaluation, measure: Measure, *, count: int = SHOWN_QUERIES) -> Extremes:
    """The queries with the highest and the lowest values; undefined ones are in neither.

    Of fewer than 2 x `count` queries the upper half is best and the lower half worst. Equal values keep the order of
    the judgements.

    Args:
        evaluation: of what is served.
        measure: to sort by.
        count: of queries at each end.
    """
    valued = [
        (value, query)
        for query, value in zip(evaluation.queries, evaluation.of(measure).tolist(), strict=True)
        if not math.isnan(value)
    ]
    downwards = [query for _, query in sorted(valued, key=lambda pair: -pair[0])]
    best = tuple(downwards[: min(count, math.ceil(len(downwards) / 2))])
    taken = set(best)
    upwards = [query for _, query in sorted(valued, key=lambda pair: pair[0]) if query not in taken]
    return Extremes(best=best, worst=tuple(upwards[:count]))
