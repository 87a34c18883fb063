"""Problem answers (RFC 9457): every error of the HTTP interface in one form, nothing personal in it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from fraud.errors import Conflict, InputError, RecordError, RingfenceError, ServiceError, StoreUnavailable

__all__ = ["MEDIA_TYPE", "Problem", "ProblemError", "add_handlers", "answer", "problem_of"]

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = "1"

TITLES = {
    "no-key": "No good key",
    "no-scope": "The key may not do this",
    "not-found": "Not there",
    "method": "Method not known here",
    "other-content": "The id stands for other content",
    "too-large": "Body too large",
    "media-type": "Not JSON",
    "other-host": "Another host was meant",
    "refused-record": "The record breaks a rule",
    "bad-parameter": "A parameter breaks a rule",
    "too-many": "Too many requests",
    "fault": "A fault of the service",
    "unavailable": "A part behind the service cannot be reached",
    "too-slow": "Not done in time",
    "other": "The request cannot be answered",
}
"""What each kind of problem is called; the kinds are for good, programs tell problems apart by them."""

KINDS = {
    401: "no-key",
    403: "no-scope",
    404: "not-found",
    405: "method",
    409: "other-content",
    413: "too-large",
    415: "media-type",
    421: "other-host",
    422: "refused-record",
    429: "too-many",
    500: "fault",
    503: "unavailable",
    504: "too-slow",
}
"""The usual kind of a status."""


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """What went wrong, for programs (``type``, ``status``, ``field``) and for people (``title``, ``detail``)."""

    type: str
    title: str
    status: int
    detail: str
    field: str | None = None
    """Of a refused record: the field at fault."""


class ProblemError(Exception):
    """Ends a request with a problem."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        kind: str | None = None,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        kind = kind or KINDS.get(status, "other")
        self.problem = Problem(f"urn:ringfence:problem:{kind}", TITLES[kind], status, detail, field)
        self.headers = dict(headers or {})


def problem_of(error: RingfenceError) -> ProblemError:
    """What an error of ours means to a caller."""
    match error:
        case RecordError():
            return ProblemError(422, str(error), field=error.field)
        case Conflict():
            return ProblemError(409, str(error))
        case InputError():
            return ProblemError(422, str(error))
        case StoreUnavailable() | ServiceError():
            return ProblemError(503, str(error), headers={"Retry-After": RETRY_SECONDS})
        case _:
            return ProblemError(500, str(error))


def answer(error: ProblemError) -> Response:
    """The response of a problem."""
    problem = error.problem
    return Response(msgspec.json.encode(problem), problem.status, error.headers, MEDIA_TYPE)


def add_handlers(app: FastAPI) -> None:
    """Answer every foreseen error of a request with a problem."""

    async def on_problem(request: Request, error: Exception) -> Response:
        return answer(_problem(error))

    for kind in (ProblemError, RingfenceError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, on_problem)


def _problem(error: Exception) -> ProblemError:
    match error:
        case ProblemError():
            return error
        case RingfenceError():
            return problem_of(error)
        case RequestValidationError():
            return _bad_parameters(error)
        case HTTPException():
            return ProblemError(error.status_code, _details(error), headers=error.headers)
        case _:
            return ProblemError(500, "a fault of ours; the log of the service has it")


def _bad_parameters(error: RequestValidationError) -> ProblemError:
    """Names what is wrong, never the value, which may be personal."""
    faults = error.errors()
    told = "; ".join(f"{fault['loc'][-1]}: {fault['msg']}" for fault in faults)
    return ProblemError(422, told, kind="bad-parameter", field=str(faults[0]["loc"][-1]))


def _details(error: HTTPException) -> str:
    match error.status_code:
        case 404:
            return "there is nothing at this address; see docs/api.md"
        case 405:
            return "this address does not know that method"
        case _:
            return str(error.detail)
