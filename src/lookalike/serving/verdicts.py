"""What `/v1/experiments` takes and gives."""

import math
from datetime import datetime
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from lookalike.catalog import Experiment, ExperimentKind, Plan
from lookalike.feedback.experiments import AnytimeInterval
from lookalike.library.experiment import ExperimentStatus, StartRequest
from lookalike.serving.wire import Wire

ExperimentName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f/]+$")
]

_USUAL = Plan()


class IntervalRecord(Wire):
    """An estimate with an interval that holds at all times at once; null while there are too few queries."""

    mean: float | None
    low: float | None
    high: float | None
    confidence: float
    queries: int

    @classmethod
    def of(cls, found: AnytimeInterval) -> Self:
        """Without numbers that JSON does not know."""
        mean, low, high = (value if math.isfinite(value) else None for value in (found.mean, found.low, found.high))
        return cls(mean=mean, low=low, high=high, confidence=found.confidence, queries=found.count)


class GuardRecord(Wire):
    """A metric that must not fall."""

    name: str
    difference: IntervalRecord = Field(description="Challenger less control.")
    limit: float = Field(description="How low it may be.")
    broken: bool = Field(description="Whether the whole interval lies below the limit.")


class ExperimentRecord(Wire):
    """An experiment on live queries."""

    name: str
    kind: ExperimentKind
    challenger: str = Field(description="The model that is tried; empty for swaps.")
    control: str
    share: float = Field(description="Of the queries that take part.")
    started_at: datetime
    stopped_at: datetime | None
    reason: str = Field(description="Why it was stopped.")

    @classmethod
    def of(cls, found: Experiment) -> Self:
        """As the catalog has it."""
        return cls(**{name: getattr(found, name) for name in cls.model_fields})


class ExperimentList(Wire):
    """Every experiment, the latest first."""

    experiments: tuple[ExperimentRecord, ...]
    running: str | None = Field(description="The one that runs now.")
    preparing: str | None = Field(description="The one that this server is about to start.")
    fault: str | None = Field(description="Why this server did not start the last one.")
    models: tuple[str, ...] = Field(description="Models on this machine that could be tried.")


class ExperimentFindings(Wire):
    """What an experiment has found so far."""

    experiment: ExperimentRecord
    decision: str = Field(description="`running`, `better`, `worse`, `undecided` or `harmful`.")
    because: str
    queries: int = Field(description="That took part and were seen by somebody.")
    needed: int | None = Field(description="About how many detect the least effect that matters.")
    effect: IntervalRecord | None = Field(
        description="Interleaved: mean preference of a query, -1 control to 1 challenger. Split: difference of the"
        " shares of searches with a click. null for swaps."
    )
    wins: int | None = Field(description="Queries that prefer the challenger; null unless interleaved.")
    losses: int | None
    ties: int | None
    click_rates: dict[str, float] = Field(description="Share of searches with a click, by arm.")
    guards: tuple[GuardRecord, ...]
    left_out: int = Field(description="Queries of programs, or simulated ones that were not to be counted.")
    simulated: bool = Field(description="Whether simulated searches were counted.")

    @classmethod
    def of(cls, found: ExperimentStatus) -> Self:
        """As it was analysed."""
        verdict, preferences = found.verdict, found.verdict.credits
        return cls(
            experiment=ExperimentRecord.of(found.experiment),
            decision=verdict.decision,
            because=verdict.reason,
            queries=verdict.queries,
            needed=found.needed,
            effect=IntervalRecord.of(verdict.effect) if verdict.effect else None,
            wins=preferences.wins if preferences else None,
            losses=preferences.losses if preferences else None,
            ties=preferences.ties if preferences else None,
            click_rates=verdict.rates,
            guards=tuple(
                GuardRecord(
                    name=one.name, difference=IntervalRecord.of(one.difference), limit=one.limit, broken=one.is_broken
                )
                for one in verdict.guards
            ),
            left_out=found.left_out,
            simulated=found.simulated,
        )


class ExperimentStart(Wire):
    """What to try."""

    name: ExperimentName
    kind: ExperimentKind = Field(default=ExperimentKind.INTERLEAVE, strict=False)
    challenger: str = Field(default="", max_length=200, description="A model on this machine; none for swaps.")
    share: float = Field(default=1.0, gt=0, le=1, description="Of the queries that take part.")
    confidence: float = Field(default=_USUAL.confidence, gt=0, lt=1)
    least_effect: float = Field(default=_USUAL.least_effect, gt=0, le=1)
    most_queries: int = Field(default=_USUAL.most_queries, ge=1)
    worst_guard: float = Field(default=_USUAL.worst_guard, ge=0, le=1)

    @model_validator(mode="after")
    def _has_a_challenger(self) -> Self:
        if (self.kind is ExperimentKind.SWAP) == bool(self.challenger):
            raise ValueError("give a challenger, except for swaps")
        return self

    def request(self) -> StartRequest:
        """As the use case takes it."""
        plan = Plan(
            confidence=self.confidence,
            least_effect=self.least_effect,
            most_queries=self.most_queries,
            worst_guard=self.worst_guard,
        )
        return StartRequest(name=self.name, challenger=self.challenger, kind=self.kind, share=self.share, plan=plan)


class ExperimentStop(Wire):
    """Why an experiment is stopped."""

    reason: str = Field(default="", max_length=500)
