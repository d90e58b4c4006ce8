"""A turn of the loop, as it is kept on disk after each of its steps."""

from dataclasses import dataclass

from lookalike.training.card import HeldOutMeasure

STEPS = ("collect", "position bias", "train", "propose")
"""Of a turn, in their order."""


@dataclass(frozen=True, kw_only=True)
class Turn:
    """A turn of the loop, as it is kept on disk after each step.

    Attributes:
        number: from 1.
        started_at: ISO 8601.
        model: name of the new model.
        base: the model that answered.
        done: steps that are done.
        searches: with an interaction.
        clicks: of people, or simulated ones if they are learnt from.
        simulated: clicks were simulated.
        position_bias: how it was estimated; empty where it was not.
        propensities: by rank, from 1.
        measures: the new model against the one that answered, by grades and by held-out clicks.
        proposed: neither falls surely, and one rises surely.
        promoted: it answers now.
        because: of the decision, in words.
        notes: what was left out, and what to mind.
    """

    number: int
    started_at: str
    model: str
    base: str
    done: tuple[str, ...] = ()
    searches: int = 0
    clicks: int = 0
    simulated: bool = False
    position_bias: str = ""
    propensities: tuple[float, ...] = ()
    measures: tuple[HeldOutMeasure, ...] = ()
    proposed: bool = False
    promoted: bool = False
    because: str = ""
    notes: tuple[str, ...] = ()

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do."""
        return self.done == STEPS
