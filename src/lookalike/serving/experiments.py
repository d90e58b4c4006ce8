"""`/v1/experiments`: trying another model on live queries."""

from typing import Annotated

from fastapi import FastAPI, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from lookalike.library.experiment import StatusRequest, experiment_status, stop_experiment
from lookalike.serving.answers import json_answer
from lookalike.serving.bodies import media_type, read_json, unsupported
from lookalike.serving.documentation import body_of
from lookalike.serving.problems import documented
from lookalike.serving.state import State
from lookalike.serving.verdicts import (
    ExperimentFindings,
    ExperimentList,
    ExperimentRecord,
    ExperimentStart,
    ExperimentStop,
)

_NAME = Path(max_length=100, description="Name of the experiment.")
_CHANGES = (
    "malformed-request", "bad-request", "unauthorized", "cross-site-request", "unsupported-media-type",
    "body-too-large", "invalid-request", "busy", "environment", "storage-failed",
)  # fmt: skip


class ExperimentRoutes:
    """Experiments, for those who may change the library."""

    def __init__(self, state: State) -> None:
        self._state = state

    def add_to(self, app: FastAPI) -> None:
        """Make the app list, start and stop experiments."""
        app.get(
            "/v1/experiments",
            tags=["experiments"],
            operation_id="list_experiments",
            summary="Every experiment, and the models that can be tried",
            response_model=ExperimentList,
            responses=documented("unauthorized", "busy"),
        )(self.list)
        app.get(
            "/v1/experiments/{name}",
            tags=["experiments"],
            operation_id="get_experiment",
            summary="What an experiment has found so far",
            response_model=ExperimentFindings,
            responses=documented("bad-request", "unauthorized", "invalid-request", "busy"),
        )(self.read)
        app.post(
            "/v1/experiments",
            tags=["experiments"],
            operation_id="start_experiment",
            summary="Start an experiment",
            status_code=202,
            response_model=ExperimentList,
            responses=documented(*_CHANGES),
            openapi_extra=body_of({"application/json": ExperimentStart}),
        )(self.start)
        app.post(
            "/v1/experiments/{name}/stop",
            tags=["experiments"],
            operation_id="stop_experiment",
            summary="Stop the running experiment",
            response_model=ExperimentRecord,
            responses=documented(*_CHANGES),
            openapi_extra=body_of({"application/json": ExperimentStop}),
        )(self.stop)

    async def list(self, request: Request) -> Response:
        """`lookalike experiment` shows the same in a terminal."""
        self._state.admin.require_for_changes(request)
        return json_answer(await self._state.gates.reading.enter_and_run(self._list))

    async def read(
        self,
        request: Request,
        name: Annotated[str, _NAME],
        simulated: Annotated[bool, Query(description="Count simulated searches, too.")] = False,  # noqa: FBT002
    ) -> Response:
        """Looking often does no harm: the intervals hold at all times at once."""
        self._state.admin.require_for_changes(request)
        wanted = StatusRequest(name=name, include_simulated=simulated)
        found = await self._state.gates.reading.enter_and_run(experiment_status, self._state.services.catalog, wanted)
        return json_answer(ExperimentFindings.of(found))

    async def start(self, request: Request) -> Response:
        """The challenger gets a vector of every image first; `preparing` names the experiment until it runs."""
        self._state.admin.require_for_changes(request)
        if media_type(request) != "application/json":
            raise unsupported(request, "application/json")
        wanted = await read_json(request, ExperimentStart, most_bytes=self._state.settings.max_json_bytes)

        def start() -> ExperimentList:
            self._state.experiments.start(wanted.request())
            self._state.admin.written_down(request, "experiment.start", wanted.name, wanted.challenger)
            return self._list()

        return json_answer(await self._state.gates.writing.enter_and_run(start), status=202)

    async def stop(self, request: Request, name: Annotated[str, _NAME]) -> Response:
        """The live model answers all queries again; what was found stays."""
        self._state.admin.require_for_changes(request)
        if media_type(request) != "application/json":
            raise unsupported(request, "application/json")
        given = await read_json(request, ExperimentStop, most_bytes=self._state.settings.max_json_bytes)
        catalog = self._state.services.catalog

        def stop() -> ExperimentRecord:
            stop_experiment(catalog, name, reason=given.reason)
            self._state.admin.written_down(request, "experiment.stop", name, given.reason)
            return next(ExperimentRecord.of(one) for one in catalog.experiments.all() if one.name == name)

        return json_answer(await self._state.gates.writing.enter_and_run(stop))

    def _list(self) -> ExperimentList:
        starting, found = self._state.experiments, self._state.services.catalog.experiments.all()
        return ExperimentList(
            experiments=tuple(map(ExperimentRecord.of, found)),
            running=next((one.name for one in found if one.stopped_at is None), None),
            preparing=starting.preparing,
            fault=starting.fault,
            models=tuple(starting.experiments.models()) if starting.experiments is not None else (),
        )
