"""What was shown where and how often it was clicked: the input of every estimator."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import CallerError
from lookalike.feedback.dwell_sums import DwellSums

Counts = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ClickTable:
    """Impressions and clicks, summed over all searches.

    A document is an image shown for a query image: how well it answers does not depend on where it is shown.

    Attributes:
        impressions: [documents, places], how often each document was shown at each place.
        clicks: [documents, places], how often it was clicked there.
        queries: [documents] int64, the query image of each document, from 0: what is resampled together.
        scores: [documents], what the model said of each document, such as its cosine; NaN where that is not known.
        dwells: of the documents; None where no dwell was recorded.
    """

    impressions: Counts
    clicks: Counts
    queries: NDArray[np.int64]
    scores: Counts
    dwells: DwellSums | None = None

    @classmethod
    def of(
        cls,
        *,
        queries: Sequence[object] | NDArray[np.int64],
        images: Sequence[object] | NDArray[np.int64],
        places: NDArray[np.int64],
        clicked: NDArray[np.bool_],
        scores: Counts | None = None,
        seconds: Counts | None = None,
        most_places: int = 50,
    ) -> "ClickTable":
        """From one row for each impression.

        Args:
            queries: [impressions], the query image.
            images: [impressions], the image that was shown.
            places: [impressions], from 0: the rank less 1, or the number of a cell.
            clicked: [impressions].
            scores: [impressions], of the model; None where they are not known.
            seconds: [impressions], how long a clicked image was looked at; NaN where that is not known.
            most_places: impressions at later places are left out.

        Raises:
            CallerError: there is no impression, or no click.
        """
        kept = np.asarray(places) < most_places
        if not kept.any() or not np.asarray(clicked)[kept].any():
            raise CallerError("position bias cannot be estimated: there are no impressions with a click")
        query = np.unique(np.asarray(queries)[kept], return_inverse=True)[1].ravel()
        image = np.unique(np.asarray(images)[kept], return_inverse=True)[1].ravel()
        place, was_clicked = np.asarray(places)[kept], np.asarray(clicked)[kept]
        keys, document = np.unique(query * (int(image.max()) + 1) + image, return_inverse=True)
        shape = (len(keys), int(place.max()) + 1)
        impressions, clicks = np.zeros(shape), np.zeros(shape)
        np.add.at(impressions, (document, place), 1.0)
        np.add.at(clicks, (document, place), was_clicked.astype(np.float64))
        of_document = np.full(len(keys), np.nan)
        if scores is not None:
            of_document[document] = np.asarray(scores)[kept]
        return cls(
            impressions=impressions,
            clicks=clicks,
            queries=(keys // (int(image.max()) + 1)).astype(np.int64),
            scores=of_document,
            dwells=_dwells(document.ravel(), seconds, kept, len(keys)),
        )

    @property
    def places(self) -> int:
        """How many places there are."""
        return int(self.impressions.shape[1])

    def only(self, documents: NDArray[np.bool_]) -> "ClickTable":
        """The same with some documents."""
        return ClickTable(
            impressions=self.impressions[documents],
            clicks=self.clicks[documents],
            queries=self.queries[documents],
            scores=self.scores[documents],
            dwells=None if self.dwells is None else self.dwells.only(documents),
        )

    def moved(self) -> NDArray[np.bool_]:
        """[documents], those that were shown at more than one place and clicked at one of them."""
        several: NDArray[np.bool_] = ((self.impressions > 0).sum(axis=1) > 1) & (self.clicks.sum(axis=1) > 0)
        return several


def _dwells(
    documents: NDArray[np.int64], seconds: Counts | None, kept: NDArray[np.bool_], number: int
) -> DwellSums | None:
    if seconds is None or not np.isfinite(seconds[kept]).any():
        return None
    return DwellSums.of(documents, seconds[kept], number)
