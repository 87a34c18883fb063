"""Routes for whoever watches over the service."""

from __future__ import annotations

import asyncio
from typing import Annotated

import prometheus_client as prometheus
from fastapi import APIRouter, Depends, Response

from fraud.errors import RingfenceError
from stream.api_access import Caller, require
from stream.api_answers import Health, Readiness
from stream.api_keys import Scope
from stream.api_parts import PartsOf, json_answer
from stream.api_problems import ProblemError
from stream.api_schema import problems, result

__all__ = ["router"]

router = APIRouter(tags=["health"])

PROBLEMS_OF_PROBES = (421, 500, 503, 504)


@router.get(
    "/healthz",
    summary="Is the process alive",
    response_model=None,
    responses={200: result("Health", "It is"), **problems(always=PROBLEMS_OF_PROBES)},
)
async def healthz() -> Response:
    """Says so."""
    return json_answer(Health("ok"))


@router.get(
    "/readyz",
    summary="Can it do its work",
    response_model=None,
    responses={200: result("Readiness", "It can"), **problems(always=PROBLEMS_OF_PROBES)},
)
async def readyz(parts: PartsOf) -> Response:
    """Asks the record and the way to decisions."""
    try:
        await asyncio.to_thread(parts.record.runs, 1)
        condition = await parts.port.condition()
    except RingfenceError as error:
        raise ProblemError(503, str(error), headers={"Retry-After": "1"}) from error
    return json_answer(Readiness("ready", "ok", dict(condition)))


@router.get(
    "/metrics",
    summary="What Prometheus asks for",
    response_class=Response,
    responses={
        200: {"description": "Metrics", "content": {"text/plain": {"schema": {"type": "string"}}}},
        **problems(),
    },
)
async def metrics(parts: PartsOf, caller: Annotated[Caller, Depends(require(Scope.METRICS))]) -> Response:
    """The counters of this process."""
    parts.metrics.waiting.set(parts.deciding.waiting)
    content = prometheus.generate_latest(parts.metrics.registry)
    return Response(content, media_type=prometheus.CONTENT_TYPE_PLAIN_0_0_4)
