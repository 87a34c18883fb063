"""The route that Twilio calls with what became of a text message."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response

from stream.api_limits import read_body
from stream.api_parts import PartsOf
from stream.api_problems import ProblemError

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["alerts"])

MOST_BYTES = 16_384


@router.post("/alert-receipts/twilio", include_in_schema=False)
async def twilio_status(request: Request, parts: PartsOf) -> Response:
    """Take a delivery receipt in. Instead of a key it has Twilio's signature."""
    if not parts.twilio:
        raise ProblemError(404, "no Twilio channel of the alerts file asks for receipts")
    body = await read_body(request, MOST_BYTES, "application/x-www-form-urlencoded")
    try:
        form = dict(parse_qsl(body.decode(), keep_blank_values=True))
    except UnicodeDecodeError:
        raise ProblemError(422, "the form is not UTF-8") from None
    signature = request.headers.get("x-twilio-signature")
    for one in parts.twilio:
        status = await asyncio.to_thread(one.take, request.url.query, form, signature, datetime.now(UTC))
        if status is not HTTPStatus.FORBIDDEN:
            return Response(status_code=status)
    raise ProblemError(403, "not signed by Twilio for this account and address")
