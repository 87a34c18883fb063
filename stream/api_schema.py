"""The OpenAPI description: answers as our own types say them, requests as the rules of records take them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from fraud.alert import Alert
from fraud.decision import Decision, Outcome, Reason
from fraud.fields import LONGEST_TEXT
from fraud.record_rows import AlertSummary
from fraud.ring import Ring
from fraud.transaction import LARGEST_AMOUNT
from stream.api_answers import (
    AlertList,
    BatchAnswer,
    Health,
    LabelAnswer,
    Neighbourhood,
    Pending,
    Readiness,
    ReceiptAnswer,
    RingList,
)
from stream.api_problems import MEDIA_TYPE, Problem

__all__ = ["body", "describe", "problems", "result"]

REFERENCE = "#/components/schemas/{name}"
ANSWERS = (
    Alert, AlertList, AlertSummary, BatchAnswer, Decision, Health, LabelAnswer, Neighbourhood, Pending, Problem,
    Readiness, ReceiptAnswer, Ring, RingList,
)  # fmt: skip

_TEXT = {"type": ["string", "integer"], "minLength": 1, "maxLength": LONGEST_TEXT}
_OPTIONAL = {"type": ["string", "integer", "null"], "maxLength": LONGEST_TEXT}
_VERSION = {"enum": [1, "1", None]}
_TIME = {"type": "string", "format": "date-time"}
_DEGREES = {"type": ["number", "string", "null"]}

TRANSACTION: dict[str, Any] = {
    "type": "object",
    "title": "Transaction",
    "description": (
        "One payment as the sender knows it. Texts hold printable characters; whole numbers count as text and decimal "
        "texts as numbers. `event_time` lies between 1990 and a day from now, UTC where it names no zone. A transfer "
        "names another account than the payer's. Place is latitude and longitude, or neither. Fields that are not "
        "listed are passed over. Account, counterparty, device and address become tokens before anything is kept."
    ),
    "required": ["transaction_id", "event_time", "account_id", "amount"],
    "anyOf": [
        {"required": ["merchant_id"], "properties": {"merchant_id": _TEXT}},
        {"required": ["counterparty_id"], "properties": {"counterparty_id": _TEXT}},
    ],
    "properties": {
        "schema_version": _VERSION,
        "transaction_id": {**_TEXT, "description": "Stands for this content for good."},
        "event_time": _TIME,
        "account_id": {**_TEXT, "description": "The payer."},
        "amount": {"type": ["number", "string"], "exclusiveMinimum": 0, "maximum": LARGEST_AMOUNT},
        "merchant_id": _OPTIONAL,
        "counterparty_id": _OPTIONAL,
        "currency": {"type": ["string", "null"], "pattern": "^[A-Z]{3}$"},
        "device_id": _OPTIONAL,
        "ip": _OPTIONAL,
        "channel": _OPTIONAL,
        "mcc": _OPTIONAL,
        "latitude": {**_DEGREES, "minimum": -90, "maximum": 90},
        "longitude": {**_DEGREES, "minimum": -180, "maximum": 180},
    },
}

PAYMENT = {
    "transaction_id": "pay-20260301-0001",
    "event_time": "2026-03-01T12:00:00Z",
    "account_id": "acc-1001",
    "amount": 129.9,
    "currency": "EUR",
    "merchant_id": "shop-77",
    "device_id": "phone-5",
    "ip": "203.0.113.9",
    "channel": "online",
    "mcc": "5732",
}
TRANSFER = {
    "transaction_id": "pay-20260301-0002",
    "event_time": "2026-03-01T12:00:05Z",
    "account_id": "acc-1001",
    "amount": 800,
    "counterparty_id": "acc-2002",
}

LABEL: dict[str, Any] = {
    "type": "object",
    "title": "Label",
    "description": (
        "What became known of a transaction. Without `label_time` it counts from now on. `transaction` need only be "
        "sent where the transaction was decided elsewhere, before this record began."
    ),
    "required": ["transaction_id", "is_fraud"],
    "properties": {
        "schema_version": _VERSION,
        "transaction_id": _TEXT,
        "is_fraud": {"enum": [True, False, 0, 1]},
        "label_time": {"oneOf": [_TIME, {"type": "null"}, {"const": ""}]},
        "source": {**_OPTIONAL, "description": "Who reports it, such as chargeback or investigator."},
        "transaction": {"oneOf": [{"type": "null"}, {"$ref": REFERENCE.format(name="Transaction")}]},
    },
}
REPORT = {"transaction_id": "pay-20260301-0001", "is_fraud": True, "source": "chargeback"}

BATCH: dict[str, Any] = {
    "type": "object",
    "title": "Batch",
    "required": ["transactions"],
    "properties": {
        "transactions": {
            "type": "array",
            "minItems": 1,
            "maxItems": 1000,
            "items": {
                "description": "A Transaction each. One that is none gets a problem of its own, the others go on.",
            },
        }
    },
}

_AT = datetime.fromisoformat("2026-03-01T12:00:00+00:00")
_EXAMPLES: Mapping[str, object] = {
    "Decision": Decision(
        "pay-20260301-0001",
        _AT,
        0.9312,
        Outcome.BLOCK,
        "3f9c1a2b7d4e",
        (Reason("device_accounts_1d", "5 accounts paid from this device within a day", 5.0, 1.7),),
    ),
    "Pending": Pending("pay-20260301-0001", "/v1/decisions/pay-20260301-0001"),
    "Problem": Problem(
        "urn:ringfence:problem:refused-record",
        "The record breaks a rule",
        422,
        "amount: 0 lies outside 0 (exclusive) to 1e+12",
        "amount",
    ),
}


def body(name: str, example: object) -> dict[str, Any]:
    """Describes the JSON body of a request."""
    content = {"schema": {"$ref": REFERENCE.format(name=name)}, "example": example}
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


def result(name: str, description: str) -> dict[str, Any]:
    """Describes a JSON answer of one of our types."""
    content: dict[str, Any] = {"schema": {"$ref": REFERENCE.format(name=name)}}
    if name in _EXAMPLES:
        content["example"] = msgspec.to_builtins(_EXAMPLES[name])
    return {"description": description, "content": {"application/json": content}}


_PROBLEMS = {
    401: "No key, or one that is unknown, expired or revoked",
    403: "The key lacks the scope",
    404: "Not on record",
    409: "The id stands for other content",
    413: "The body is too large",
    415: "The body is not said to be JSON",
    421: "Without keys the service answers to localhost only",
    422: "The record, or a parameter, breaks a rule",
    429: "Too many requests; see Retry-After",
    500: "A fault of ours",
    503: "A part behind the service cannot be reached now; see Retry-After",
    504: "Not done in time",
}
_ALWAYS = (401, 403, 421, 422, 429, 500, 503, 504)


def problems(*statuses: int, always: tuple[int, ...] = _ALWAYS) -> dict[int | str, dict[str, Any]]:
    """Describes the problems that an operation may answer with, those that any may answer with included."""
    content = {MEDIA_TYPE: {"schema": {"$ref": REFERENCE.format(name="Problem")}}}
    return {
        status: {"description": _PROBLEMS[status], "content": content}
        for status in sorted({*statuses, *always})
    }


def describe(app: FastAPI) -> None:
    """Make the app's description hold our types."""
    app.openapi = partial(_openapi, app)  # type: ignore[method-assign]


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        _, answers = msgspec.json.schema_components(ANSWERS, ref_template=REFERENCE)
        for answer in answers.values():
            answer["description"] = inspect.cleandoc(answer.get("description", ""))
        components = schema.setdefault("components", {})
        components["schemas"] = {**answers, "Transaction": TRANSACTION, "Label": LABEL, "Batch": BATCH}
        app.openapi_schema = schema
    return app.openapi_schema
