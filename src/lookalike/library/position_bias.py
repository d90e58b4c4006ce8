"""How likely each rank, or each cell of the grid, is looked at in a library, by what people clicked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookalike.catalog import QueryRecord
from lookalike.durable import replace_file
from lookalike.errors import CallerError
from lookalike.feedback.bots import bots
from lookalike.feedback.position_bias import ClickTable, PositionBias, corrected_click_rate, estimate_position_bias
from lookalike.library.parts import LibraryParts
from lookalike.progress import Progress
from lookalike.types import WHOLE_IMAGE, Interaction, InteractionKind

FEW_CLICKS = 30
"""Places with fewer clicks are named in a warning: their intervals say how little is known."""


@dataclass(frozen=True, kw_only=True)
class PositionBiasRequest:
    """What to estimate.

    Attributes:
        out: a file for `lookalike train --position-bias`: one propensity per line, from rank 1, and with trust bias the
            offset after it; None for none.
        method: `auto`, `harvesting`, `regression` or `trust`.
        columns: of the grid that hits are shown in; 1 for a list. It only says how places are named.
        places: ranks to estimate.
        include_simulated: use simulated clicks, too.
        since: only searches from then on.
        resamples: for the intervals.
        seed: of the resampling.
    """

    out: Path | None = None
    method: str = "auto"
    columns: int = 1
    places: int = 50
    include_simulated: bool = False
    since: datetime | None = None
    resamples: int = 200
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class PositionBiasResult:
    """The curve, and what it was made from.

    Attributes:
        curve: by place.
        searches: whose hits were seen.
        click_rate: clicks / impressions.
        corrected_click_rate: the click rate that the same hits would have at the place that is looked at most.
        simulated: simulated clicks were used.
        columns: of the grid.
        warnings: what to mind.
    """

    curve: PositionBias
    searches: int
    click_rate: float
    corrected_click_rate: float
    simulated: bool
    columns: int
    warnings: tuple[str, ...] = ()


def position_bias(library: LibraryParts, request: PositionBiasRequest, progress: Progress) -> PositionBiasResult:
    """Estimate how likely each place is looked at, and write it down for training.

    Impressions of bots are left out. Searches with a picture that is not in the library are left out, too: no two of
    them are known to be the same.

    Raises:
        CallerError: there are no impressions with clicks, or the method cannot be used with them.
        StorageFailed: the file cannot be written.
    """
    progress.stage("Reading interactions", None)
    seen = _seen(library, request)
    if not seen.impressions:
        hint = "" if request.include_simulated else "; simulated ones count with --include-simulated"
        raise CallerError(f"there are no impressions of indexed images searched for in this library{hint}")
    progress.stage("Estimating", None)
    places = np.array([event.position - 1 for event in seen.impressions])
    table = ClickTable.of(
        queries=[seen.names[event.query_id] for event in seen.impressions],
        images=[event.image_id for event in seen.impressions],
        places=places,
        clicked=np.array([(event.query_id, event.image_id) in seen.clicked for event in seen.impressions]),
        scores=_scores(library, seen) if request.method in {"auto", "regression"} else None,
        seconds=np.array([seen.seconds.get((event.query_id, event.image_id), np.nan) for event in seen.impressions]),
        most_places=request.places,
    )
    curve = estimate_position_bias(table, method=request.method, resamples=request.resamples, seed=request.seed)
    if request.out is not None:
        replace_file(request.out, _lines(curve).encode())
    return PositionBiasResult(
        curve=curve,
        searches=len({event.query_id for event in seen.impressions}),
        click_rate=float(table.clicks.sum() / table.impressions.sum()),
        corrected_click_rate=corrected_click_rate(curve.clicks, curve.impressions, curve.propensities),
        simulated=any(event.simulated for event in seen.impressions),
        columns=request.columns,
        warnings=tuple(_warnings(curve)),
    )


def _lines(curve: PositionBias) -> str:
    """A line for each rank: its propensity, and with trust bias its offset."""
    propensities, offsets = curve.by_rank(), curve.offsets_by_rank()
    if not offsets:
        return "".join(f"{one:.6f}\n" for one in propensities)
    return "".join(f"{one:.6f} {offset:.6f}\n" for one, offset in zip(propensities, offsets, strict=True))


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """What was shown for indexed images.

    Attributes:
        impressions: each hit of a search once.
        clicked: (query id, image id) of hits that were clicked.
        seconds: the longest dwell on each of them, where it is known.
        names: of the query image and its crop, by query id: searches of one name are the same question.
        records: by query id.
    """

    impressions: Sequence[Interaction]
    clicked: set[tuple[str, str]]
    seconds: Mapping[tuple[str, str], float]
    names: Mapping[str, str]
    records: Mapping[str, QueryRecord]


def _seen(library: LibraryParts, request: PositionBiasRequest) -> _Seen:
    since = request.since or datetime.min.replace(tzinfo=UTC)
    records = {one.id: one for one in library.catalog.queries.followed() if one.image_id and one.at >= since}
    events = [
        event
        for event in library.catalog.interactions.read()
        if event.query_id in records and (request.include_simulated or not event.simulated)
    ]
    programs = bots(events)
    events = [event for event in events if event.user_id not in programs]
    shown: dict[tuple[str, str], Interaction] = {}
    clicked: set[tuple[str, str]] = set()
    seconds: dict[tuple[str, str], float] = {}
    for event in events:
        hit = event.query_id, event.image_id
        if event.kind is InteractionKind.CLICK:
            clicked.add(hit)
        if event.kind is InteractionKind.DWELL and event.dwell_seconds is not None:
            seconds[hit] = max(event.dwell_seconds, seconds.get(hit, 0.0))
        if event.kind in {InteractionKind.CLICK, InteractionKind.IMPRESSION}:
            shown.setdefault(hit, event)  # whatever was clicked was seen
    names = {one.id: f"{one.image_id} {one.crop.fragment if one.crop else ''}" for one in records.values()}
    known = {hit: length for hit, length in seconds.items() if hit in clicked}
    return _Seen(impressions=list(shown.values()), clicked=clicked, seconds=known, names=names, records=records)


def _scores(library: LibraryParts, seen: _Seen) -> NDArray[np.float64] | None:
    """What the live model says of each impression: the cosine of both images, NaN where one has no vector."""
    live = library.catalog.models.live()
    if live is None:
        return None
    pairs = [(seen.records[event.query_id].image_id or "", event.image_id) for event in seen.impressions]
    wanted = sorted({one for pair in pairs for one in pair})
    vectors = {
        image_id: vector
        for (image_id, region), vector in library.catalog.vectors.of_regions(live.fingerprint, wanted).items()
        if region == WHOLE_IMAGE
    }
    return np.array(
        [float(vectors[one] @ vectors[other]) if {one, other} <= vectors.keys() else np.nan for one, other in pairs]
    )


def _warnings(curve: PositionBias) -> list[str]:
    found = []
    unknown = np.flatnonzero(~np.isfinite(curve.propensities)) + 1
    if len(unknown):
        found.append(
            f"{len(unknown)} places (such as {unknown[0]}) share no image with the others, so nothing is known of them;"
            " the file has the values of the places beside them"
        )
    few = np.flatnonzero(curve.clicks < FEW_CLICKS) + 1
    if len(few):
        found.append(f"{len(few)} places (such as {few[0]}) have fewer than {FEW_CLICKS} clicks: see their intervals")
    if curve.method == "regression":
        found.append(
            "no image was shown at several places, so the curve depends on how well the model's cosine explains"
            " relevance; another model, an experiment or swaps give a curve that does not"
        )
    return found
