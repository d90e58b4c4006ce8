"""Feature extractors: a frozen model, and how a head on top of it becomes a new model."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from lookalike.embedding import Encoder, ModelStatus, Projection, derive_model
from lookalike.embedding.registry import installed
from lookalike.embedding.runtimes import Descriptors
from lookalike.errors import InternalFault
from lookalike.preprocessing import Preprocessing
from lookalike.training.card import CardMaker, card_keeper
from lookalike.training.parity import Parity
from lookalike.training.whitening import fit_whitening, least_images
from lookalike.types import Batch

PICTURES = 64
"""Of a library, to check by that an exported model gives what was trained."""

START_SHRINKAGE = 1.0  # of the whitening that a head starts from: labels then say which axes are noise


@dataclass(frozen=True, slots=True, kw_only=True)
class NewModel:
    """A model that came of training; how close it serves to what was trained, where that could differ."""

    status: ModelStatus
    parity: Parity | None = None


class FeatureExtractor(Protocol):
    """A model that describes, and whose head is to be replaced.

    Attributes:
        base: name of the model it is, or that it is made from.
        licence: of its weights.
        encoder: describes images.
        preprocessing: what it wants its pixels to be.
    """

    base: str
    licence: str
    encoder: Encoder
    preprocessing: Preprocessing

    def least_images(self, dimension: int | None) -> int:
        """Images of the part that is trained on that `learn` needs.

        Args:
            dimension: as for `learn`.
        """
        ...

    def learn(self, described: Descriptors, dimension: int | None) -> None:
        """Take from descriptors of the part that is trained on what the head starts from; they have no labels.

        Args:
            described: [images, d] float32.
            dimension: of the vectors; None for the base's.

        Raises:
            TrainingRefused: there are too few images for so many.
        """
        ...

    def inputs(self, described: Descriptors) -> Descriptors:
        """What the projection takes, of what the encoder gives."""
        ...

    @property
    def start(self) -> Projection:
        """The initial projection."""
        ...

    def become(
        self, name: str, projection: Projection, *, summary: str, pictures: Batch, files: Path, card: CardMaker
    ) -> NewModel:
        """The model with another projection, brought into the models folder."""
        ...


@dataclass
class EncoderFeatures:
    """Any model that is on this machine: its descriptors are the head's inputs, its projection the start.

    Args:
        encoder: of the model.
        models: the models folder.
    """

    encoder: Encoder
    models: Path

    def __post_init__(self) -> None:
        found = installed(self.encoder.name, models=self.models)
        self.base, self.licence = self.encoder.name, found.description.licence
        self.preprocessing = self.encoder.preprocessing
        self.projection = self._start = found.projection

    def least_images(self, dimension: int | None) -> int:
        """None, where the model's own projection is kept."""
        return 0 if dimension in {None, self.encoder.dimension} else least_images(dimension or 0)

    def learn(self, described: Descriptors, dimension: int | None = None) -> None:
        """Another dimension starts from a whitening; a model without a projection from its descriptors as they are."""
        if dimension is not None and dimension != self.encoder.dimension:
            self._start = fit_whitening(described, dimension, START_SHRINKAGE)
        elif self._start is None:
            self._start = as_they_are(described.shape[1])

    def inputs(self, described: Descriptors) -> Descriptors:
        """The same."""
        return described

    @property
    def start(self) -> Projection:
        """The model's own projection."""
        return learnt_start(self._start)

    def become(
        self,
        name: str,
        projection: Projection,
        *,
        summary: str,
        pictures: Batch,  # noqa: ARG002 - nothing but the projection is new: there is nothing to compare on pictures
        files: Path,  # noqa: ARG002 - and nothing to export
        card: CardMaker,
    ) -> NewModel:
        """The same graph with another projection."""
        complete = card_keeper(card, None)
        status = derive_model(self.base, name, projection, summary=summary, models=self.models, complete=complete)
        return NewModel(status=status)


def as_they_are(width: int) -> Projection:
    """The projection that changes no descriptor.

    Args:
        width: of the descriptors.
    """
    return Projection(
        mean=np.zeros(width, np.float32),
        matrix=np.eye(width, dtype=np.float32),
        reference_cosines=np.empty(0, np.float32),
    )


def learnt_start(projection: Projection | None) -> Projection:
    """The projection that `learn` found.

    Raises:
        InternalFault: `learn` was not called.
    """
    if projection is None:
        raise InternalFault("a head's start was asked for before it was learnt")
    return projection
