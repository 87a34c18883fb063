"""Routes to what was found: rings and alerts."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from fraud.alert import AlertState
from stream.api_access import Caller, require
from stream.api_answers import AlertList
from stream.api_keys import Scope
from stream.api_parts import PartsOf, checked, json_answer
from stream.api_problems import ProblemError
from stream.api_schema import problems, result
from stream.ring_list import CURSOR, list_rings

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["findings"])

MayRead = Annotated[Caller, Depends(require(Scope.READ))]
Limit = Annotated[int, Query(ge=1, le=1_000)]
WAITING = (AlertState.OPEN, AlertState.IN_REVIEW)


@router.get(
    "/rings",
    summary="Rings, the latest seen first",
    response_model=None,
    responses={200: result("RingList", "A page of rings"), **problems()},
)
async def rings(
    parts: PartsOf,
    caller: MayRead,
    limit: Limit = 100,
    cursor: Annotated[str | None, Query(pattern=CURSOR, description="`next` of the page before")] = None,
) -> Response:
    """A page of rings."""
    return json_answer(await asyncio.to_thread(list_rings, parts.record.engine, limit, cursor))


@router.get(
    "/rings/{ring_id}",
    summary="A ring with its members",
    response_model=None,
    responses={200: result("Ring", "The newest state of the ring"), **problems(404)},
)
async def ring(ring_id: str, parts: PartsOf, caller: MayRead) -> Response:
    """One ring."""
    wanted = checked("ring_id", ring_id)
    found = await asyncio.to_thread(parts.record.ring, wanted)
    if found is None:
        raise ProblemError(404, "no such ring on record")
    return json_answer(found)


@router.get(
    "/alerts",
    summary="Alerts, the most urgent first",
    response_model=None,
    responses={200: result("AlertList", "The alerts in these states"), **problems()},
)
async def alerts(
    parts: PartsOf,
    caller: MayRead,
    limit: Limit = 100,
    state: Annotated[
        list[AlertState] | None, Query(description="May be repeated; open and in review without")
    ] = None,
) -> Response:
    """The queue of alerts."""
    found = await asyncio.to_thread(parts.record.alert_queue, state or WAITING, limit=limit)
    return json_answer(AlertList(found))


@router.get(
    "/alerts/{alert_id}",
    summary="An alert with its reasons and evidence",
    response_model=None,
    responses={200: result("Alert", "The newest state of the alert"), **problems(404)},
)
async def alert(alert_id: str, parts: PartsOf, caller: MayRead) -> Response:
    """One alert."""
    wanted = checked("alert_id", alert_id)
    found = await asyncio.to_thread(parts.record.alert, wanted)
    if found is None:
        raise ProblemError(404, "no such alert on record")
    return json_answer(found)
