"""What the routes of the HTTP interface work with, and what they share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

import msgspec
from fastapi import Depends, Request, Response

from fraud.channels.twilio_status import TwilioStatus
from fraud.errors import RecordError
from fraud.fields import read_text
from fraud.record_reader import RecordReader
from fraud.settings import Settings
from fraud.tokens import Tokeniser
from stream.api_access import Access
from stream.api_audit import Audit
from stream.api_edge import Metrics
from stream.api_graph_door import GraphDoor
from stream.deciding import Deciding
from stream.decision_port import DecisionPort

__all__ = ["Parts", "PartsOf", "checked", "decision_path", "json_answer"]


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything behind the routes."""

    settings: Settings
    record: RecordReader
    tokeniser: Tokeniser
    port: DecisionPort
    deciding: Deciding
    access: Access
    audit: Audit
    graph: GraphDoor
    metrics: Metrics
    twilio: tuple[TwilioStatus, ...] = ()
    """Whose delivery receipts are taken in."""


def _parts(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


PartsOf = Annotated[Parts, Depends(_parts)]


def checked(field: str, value: str) -> str:
    """An identifier out of an address, by the rules of records. Raises RecordError."""
    text = read_text(field, value)
    if text is None:
        raise RecordError(field, "is missing")
    return text


def decision_path(transaction_id: str) -> str:
    """Where the decision of a transaction is asked for."""
    return f"/v1/decisions/{quote(transaction_id, safe='')}"


def json_answer(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON response."""
    return Response(msgspec.json.encode(value), status, headers, "application/json")
