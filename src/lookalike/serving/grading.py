"""`/v1/grading`: the pairs that wait for a grade, for people who grade them."""

from typing import Annotated

from fastapi import FastAPI, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from lookalike.library.grading import (
    GradingRequest,
    disputed_pairs,
    give_grade,
    grader_agreement,
    grading_queues,
    next_pairs,
)
from lookalike.serving.answers import json_answer
from lookalike.serving.bodies import media_type, read_json, unsupported
from lookalike.serving.documentation import body_of
from lookalike.serving.pairs import (
    MOST_PAIRS,
    AgreementRecord,
    GradeGiven,
    Grader,
    GradingPage,
    PairRecord,
    QueueList,
    QueueRecord,
)
from lookalike.serving.problems import documented, refused
from lookalike.serving.proxies import address
from lookalike.serving.state import State

_USUAL_LIMIT = 20
_SET = Path(max_length=128, description="Name of the judgement set.")


class GradingRoutes:
    """Queues of pairs, for those who may change the library. Pairs of images that are not public are never shown."""

    def __init__(self, state: State) -> None:
        self._state = state

    def add_to(self, app: FastAPI) -> None:
        """Make the app show and take grades."""
        app.get(
            "/v1/grading",
            tags=["grading"],
            operation_id="list_grading_queues",
            summary="What waits for grades, by judgement set",
            response_model=QueueList,
            responses=documented("unauthorized", "invalid-request", "busy"),
        )(self.queues)
        app.get(
            "/v1/grading/{judgement_set}",
            tags=["grading"],
            operation_id="get_pairs_to_grade",
            summary="The pairs that a grader sees next, or those that graders disagree on",
            response_model=GradingPage,
            responses=documented("bad-request", "unauthorized", "invalid-request", "busy"),
        )(self.pairs)
        app.post(
            "/v1/grading/{judgement_set}",
            tags=["grading"],
            operation_id="give_grade",
            summary="Grade a pair, or take a grade back",
            response_model=QueueRecord,
            responses=documented(
                "malformed-request", "bad-request", "unauthorized", "cross-site-request", "forbidden",
                "unsupported-media-type", "body-too-large", "invalid-request", "busy", "storage-failed",
            ),
            openapi_extra=body_of({"application/json": GradeGiven}),
        )(self.give)  # fmt: skip

    async def queues(
        self, request: Request, grader: Annotated[Grader | None, Query(description="Whose progress.")] = None
    ) -> Response:
        """`lookalike label SET` fills them."""
        self._state.admin.require_for_changes(request)
        found = await self._state.gates.reading.enter_and_run(
            grading_queues, self._state.services.catalog, grader or ""
        )
        return json_answer(QueueList(queues=tuple(map(QueueRecord.of, found))))

    async def pairs(
        self,
        request: Request,
        judgement_set: Annotated[str, _SET],
        grader: Annotated[Grader, Query(description="Who grades.")],
        limit: Annotated[int, Query(ge=1, le=MOST_PAIRS)] = _USUAL_LIMIT,
        unshared: Annotated[bool, Query(description="Leave out pairs that anybody has graded.")] = False,  # noqa: FBT002
        disputed: Annotated[bool, Query(description="Pairs to adjudicate, with who said what.")] = False,  # noqa: FBT002
    ) -> Response:
        """Nobody sees what others said of a pair before having graded it."""
        self._state.admin.require_for_changes(request)
        wanted = GradingRequest(judgement_set=judgement_set, grader=grader, unshared=unshared, limit=limit)
        page = await self._state.gates.reading.enter_and_run(self._page, address(request, ""), wanted, disputed)
        return json_answer(page)

    async def give(self, request: Request, judgement_set: Annotated[str, _SET]) -> Response:
        """Only pairs that were queued can be graded. A grader's new grade takes the place of the old one."""
        self._state.admin.require_for_changes(request)
        if self._state.admin.owner_of(request) is not None:
            raise refused("forbidden", "a key that acts for an owner cannot grade: grades are the library's")
        if media_type(request) != "application/json":
            raise unsupported(request, "application/json")
        given = await read_json(request, GradeGiven, most_bytes=self._state.settings.max_json_bytes)
        return json_answer(await self._state.gates.writing.enter_and_run(self._give, judgement_set, given))

    def _page(self, below: str, wanted: GradingRequest, disputed: bool) -> GradingPage:  # noqa: FBT001
        catalog = self._state.services.catalog
        if disputed:
            pairs = disputed_pairs(catalog, wanted.judgement_set, limit=wanted.limit)
        else:
            pairs = next_pairs(catalog, wanted)
        return GradingPage(
            pairs=tuple(PairRecord.of(pair, below) for pair in pairs),
            progress=self._progress(wanted.judgement_set, wanted.grader),
            agreement=AgreementRecord.of(grader_agreement(catalog, wanted.judgement_set)),
        )

    def _give(self, judgement_set: str, given: GradeGiven) -> QueueRecord:
        give_grade(self._state.services.catalog, given.of_set(judgement_set))
        progress = self._progress(judgement_set, given.grader)
        if progress is None:
            raise refused("bad-request", "this pair does not wait for a grade any more")
        return progress

    def _progress(self, judgement_set: str, grader: str) -> QueueRecord | None:
        found = {one.judgement_set: one for one in grading_queues(self._state.services.catalog, grader)}
        return QueueRecord.of(found[judgement_set]) if judgement_set in found else None
