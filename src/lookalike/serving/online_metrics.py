"""`GET /v1/metrics/online`: what people saw and did."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from fastapi import FastAPI, Query
from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from lookalike.feedback.online_metrics import OnlineMetrics
from lookalike.library.events import zone_of
from lookalike.library.metrics import MetricsRequest, library_metrics
from lookalike.serving.problems import documented
from lookalike.serving.state import State

_USUAL_DAYS = 28
_JSON = TypeAdapter(OnlineMetrics)


class OnlineMetricsRoutes:
    """Online metrics, for those who may change the library."""

    def __init__(self, state: State) -> None:
        self._state = state

    def add_to(self, app: FastAPI) -> None:
        """Make the app tell them."""
        app.get(
            "/v1/metrics/online",
            tags=["events"],
            operation_id="get_online_metrics",
            summary="Click-through rate, time spent on suggested images, searches without a click",
            response_model=OnlineMetrics,
            responses=documented("bad-request", "unauthorized", "invalid-request", "busy"),
        )(self.metrics)

    async def metrics(
        self,
        request: Request,
        since: Annotated[date | None, Query(description="First day; 28 days before the last one if left out.")] = None,
        until: Annotated[date | None, Query(description="Last day, which counts; today if left out.")] = None,
        time_zone: Annotated[str, Query(max_length=64, description="Days begin at midnight there.")] = "UTC",
        simulated: Annotated[bool, Query(description="Of simulated users instead of people.")] = False,  # noqa: FBT002
    ) -> Response:
        """For those who may change the library. Images are counted, whatever their visibility, and never named."""
        self._state.admin.require_for_changes(request)
        last = until or datetime.now(UTC).astimezone(zone_of(time_zone)).date()
        wanted = MetricsRequest(
            since=since or last - timedelta(days=min(_USUAL_DAYS, last.toordinal()) - 1),
            until=last,
            time_zone=time_zone,
            simulated=simulated,
        )
        found = await self._state.gates.reading.enter_and_run(library_metrics, self._state.services.catalog, wanted)
        return Response(_JSON.dump_json(found), media_type="application/json")
