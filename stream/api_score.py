"""Routes that score: one transaction, a batch, and what was decided before."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response

from fraud.decision import Decision
from fraud.door import tokenised
from fraud.errors import Conflict, RecordError, RingfenceError
from fraud.transaction import parse
from stream.api_access import Caller, require
from stream.api_answers import BatchAnswer, BatchResult, Pending, receipt_answer
from stream.api_keys import Scope
from stream.api_limits import read_json
from stream.api_parts import Parts, PartsOf, checked, decision_path, json_answer
from stream.api_problems import ProblemError, problem_of
from stream.api_schema import PAYMENT, TRANSFER, body, problems, result
from stream.decision_port import Answer, Payment

__all__ = ["router", "tokenised"]

LARGEST_BATCH = 1_000
PENDING_HEADERS = {"Retry-After": "1"}

router = APIRouter(prefix="/v1", tags=["decisions"])

MayScore = Annotated[Caller, Depends(require(Scope.SCORE))]
MayRead = Annotated[Caller, Depends(require(Scope.READ))]

_TAKEN_IN: dict[int | str, dict[str, Any]] = {
    202: result("Pending", "Taken in for good, not decided in time; ask where `Location` says")
}


class _Batch(msgspec.Struct):
    transactions: list[msgspec.Raw]


@router.post(
    "/transactions",
    summary="Score a transaction now",
    description="A repeat gets the first decision; other content under a known id is a conflict.",
    response_model=None,
    responses={200: result("Decision", "The decision"), **_TAKEN_IN, **problems(409, 413, 415)},
    openapi_extra=body("Transaction", PAYMENT),
)
async def score(request: Request, parts: PartsOf, caller: MayScore) -> Response:
    """Decide one transaction."""
    record = await read_json(request, parts.settings.api.body_bytes)
    try:
        payment = _payment(parts, record)
    except RecordError:
        _count(parts, "refused")
        raise
    (answer,) = await parts.deciding.decide([payment])
    _count(parts, _word(answer))
    match answer:
        case Decision():
            return json_answer(answer)
        case None:
            transaction_id = payment.own.transaction_id
            where = decision_path(transaction_id)
            return json_answer(Pending(transaction_id, where), 202, {"Location": where, **PENDING_HEADERS})
        case _:
            raise answer


@router.post(
    "/transactions/batch",
    summary="Score up to 1,000 transactions",
    description="One result each, in order. A bad one gets a problem of its own and stops none of the others.",
    response_model=None,
    responses={200: result("BatchAnswer", "One result each"), **problems(413, 415)},
    openapi_extra=body("Batch", {"transactions": [PAYMENT, TRANSFER]}),
)
async def score_batch(request: Request, parts: PartsOf, caller: MayScore) -> Response:
    """Decide a batch."""
    records = _records(await read_json(request, parts.settings.api.body_bytes))
    read = await asyncio.to_thread(lambda: [_read(parts, one) for one in records])
    answers = iter(await parts.deciding.decide([one for one in read if isinstance(one, Payment)]))
    results = [_result(one, next(answers)) if isinstance(one, Payment) else _refusal(one) for one in read]
    for one in results:
        _count(parts, _word_of_result(one))
    return json_answer(BatchAnswer(results))


@router.get(
    "/decisions/{transaction_id:path}",
    summary="What was decided",
    response_model=None,
    responses={200: result("Decision", "The decision"), **problems(404)},
)
async def decision(transaction_id: str, parts: PartsOf, caller: MayRead) -> Response:
    """The decision of a transaction."""
    wanted = checked("transaction_id", transaction_id)
    found = await asyncio.to_thread(parts.record.decision, wanted)
    if found is None:
        raise ProblemError(404, "no decision on record; if the transaction was sent just now, ask again")
    return json_answer(found)


@router.get(
    "/receipts/{transaction_id:path}",
    summary="What it was scored from",
    response_model=None,
    responses={200: result("ReceiptAnswer", "The receipt"), **problems(404)},
)
async def receipt(
    transaction_id: str,
    parts: PartsOf,
    caller: MayRead,
    full: Annotated[bool, Query(description="With the values of all arrays")] = False,
) -> Response:
    """The receipt of a decision, arrays in short or in full."""
    wanted = checked("transaction_id", transaction_id)
    found = await asyncio.to_thread(parts.record.receipt, wanted)
    if found is None:
        raise ProblemError(404, "no receipt on record")
    return json_answer(receipt_answer(found, full=full))


def _payment(parts: Parts, record: bytes | msgspec.Raw) -> Payment:
    raw = parse(bytes(record), currency=parts.settings.currency)
    return Payment(raw, tokenised(raw, parts.tokeniser))


def _read(parts: Parts, record: msgspec.Raw) -> Payment | RecordError:
    try:
        return _payment(parts, record)
    except RecordError as error:
        return error


def _records(content: bytes) -> list[msgspec.Raw]:
    try:
        records = msgspec.json.decode(content, type=_Batch).transactions
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise RecordError(
            "transactions", 'is missing or unreadable; send {"transactions": [{…}, …]} in UTF-8'
        ) from None
    if not 1 <= len(records) <= LARGEST_BATCH:
        raise RecordError("transactions", f"holds {len(records)}; send 1 to {LARGEST_BATCH}")
    return records


def _result(payment: Payment, answer: Answer) -> BatchResult:
    match answer:
        case Decision():
            return BatchResult(200, decision=answer)
        case None:
            transaction_id = payment.own.transaction_id
            return BatchResult(202, pending=Pending(transaction_id, decision_path(transaction_id)))
        case _:
            return _refusal(answer)


def _refusal(error: RingfenceError) -> BatchResult:
    problem = problem_of(error).problem
    return BatchResult(problem.status, problem=problem)


def _word(answer: Answer) -> str:
    match answer:
        case Decision():
            return answer.outcome.value
        case None:
            return "pending"
        case RecordError():
            return "refused"
        case Conflict():
            return "conflict"
        case _:
            return "failed"


def _word_of_result(one: BatchResult) -> str:
    if one.decision is not None:
        return one.decision.outcome.value
    return {202: "pending", 409: "conflict", 422: "refused"}.get(one.status, "failed")


def _count(parts: Parts, word: str) -> None:
    parts.metrics.answers.labels(word).inc()
