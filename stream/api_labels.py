"""The route that takes labels in."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Request, Response

from fraud.door import tokenised
from fraud.label import Label
from fraud.transaction import Transaction
from stream.api_access import Caller, require
from stream.api_answers import LabelAnswer
from stream.api_keys import Scope
from stream.api_limits import read_json
from stream.api_parts import Parts, PartsOf, json_answer
from stream.api_problems import ProblemError
from stream.api_schema import REPORT, body, problems, result
from stream.messages import LabelReport, read_label

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["labels"])

MayLabel = Annotated[Caller, Depends(require(Scope.LABEL))]


@router.post(
    "/labels",
    status_code=202,
    summary="Say what became known of a transaction",
    description=(
        "It counts for transactions that are scored after its `label_time`. The same report again changes nothing; "
        "without a `label_time`, one that repeats what its source said last is the same report."
    ),
    response_model=None,
    responses={202: result("LabelAnswer", "Taken in for good"), **problems(404, 413, 415)},
    openapi_extra=body("Label", REPORT),
)
async def label(request: Request, parts: PartsOf, caller: MayLabel) -> Response:
    """Take a label in."""
    content = await read_json(request, parts.settings.api.body_bytes)
    now = datetime.now(UTC)
    report = read_label(content, now=now)
    known = await asyncio.to_thread(parts.record.labels, [report.label.transaction_id])
    first = _same(
        report.label, known.get(report.label.transaction_id, []), is_dated=report.label.label_time != now
    )
    if first is None:
        about = await _about(parts, report)
        one = report.label
        detail = {"is_fraud": one.is_fraud, "label_time": one.label_time, "source": one.source}
        await asyncio.to_thread(parts.audit.add, caller.name, "label", one.transaction_id, detail)
        await parts.port.report(report, about)
    said = first or report.label
    return json_answer(LabelAnswer(**msgspec.structs.asdict(said), repeated=first is not None), 202)


def _same(label: Label, known: list[Label], *, is_dated: bool) -> Label | None:
    """The report on record that this one repeats."""
    of_source = [one for one in known if one.source == label.source]
    if is_dated:
        return next((one for one in of_source if one.label_time == label.label_time), None)
    return of_source[-1] if of_source and of_source[-1].is_fraud == label.is_fraud else None


async def _about(parts: Parts, report: LabelReport) -> Transaction:
    """The tokenised transaction of a label: the one on record, else the one sent along."""
    found = await asyncio.to_thread(parts.record.transactions, [report.label.transaction_id])
    if found:
        return found[0].transaction()
    if report.transaction is None:
        raise ProblemError(
            404, "no such transaction on record; send the label after it, or the transaction's fields along"
        )
    return tokenised(report.transaction, parts.tokeniser)
