"""Delivery receipts of Twilio through the route of the HTTP interface."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from fastapi import FastAPI
from twilio.request_validator import RequestValidator

from fraud.alert_intake import Intake
from fraud.channels.twilio_sms import status_address
from fraud.channels.twilio_status import open_statuses
from fraud.deliveries import Deliveries
from fraud.delivery_claims import Claims
from fraud.record import Record
from fraud.settings import Settings
from stream.api_problems import add_handlers
from stream.api_twilio import router
from tests.fraud.alert_world import NOW, alert, config

CALLBACK = "https://api.example.com/v1/alert-receipts/twilio"
TOKEN = "0123456789abcdef"
FILE = f"""
[channels.sms]
kind = "twilio"
account_sid_env = "ALERTS_SID"
auth_token_env = "ALERTS_TOKEN"
sender = "+15005550006"
status_callback = "{CALLBACK}"
[contacts.asha]
phone = "+15005550001"
[[routes]]
name = "all"
channels = ["sms"]
"""


class Caller:
    """Twilio on the telephone."""

    def __init__(self, app: FastAPI, message_id: str) -> None:
        self.app = app
        self.address = status_address(CALLBACK, message_id)

    def tell(self, status: str, token: str = TOKEN, **more: str) -> int:
        form = {"MessageSid": "SM1", "MessageStatus": status, **more}
        signature = RequestValidator(token).compute_signature(self.address, form)
        return self.post(
            content=urlencode(form),
            headers={
                "X-Twilio-Signature": signature,
                "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
            },
        )

    def post(self, **request: Any) -> int:
        address = self.address.replace("https://api.example.com", "http://behind-a-proxy")

        async def call() -> int:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app)) as client:
                return (await client.post(address, **request)).status_code

        return asyncio.run(call())


@pytest.fixture
def record(tmp_path: Path) -> Record:
    record = Record.open(f"sqlite:///{tmp_path}/record.sqlite3")
    record.write_batch([], [], alerts=[alert()])
    Intake(record.engine, config(routes=[{"name": "all", "channels": ["sms"]}])).take(NOW)
    return record


@pytest.fixture
def twilio(
    record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Caller, Claims]]:
    monkeypatch.setenv("ALERTS_TOKEN", TOKEN)
    (tmp_path / "alerts.toml").write_text(FILE)
    settings = Settings.load(alerts={"file": tmp_path / "alerts.toml"})
    app = FastAPI()
    app.include_router(router)
    add_handlers(app)
    statuses = tuple(open_statuses(settings, record.engine))
    app.state.parts = SimpleNamespace(settings=settings, record=record, twilio=statuses)
    claims = Claims(record.engine, "sms", "one", lease=timedelta(minutes=1))
    claim = claims.next(NOW)
    assert claim is not None
    yield Caller(app, claim.message_id), claims
    record.close()


def state(record: Record) -> tuple[str, str | None, str | None]:
    (one,) = Deliveries(record.engine).newest()
    return one.state.value, one.provider_id, one.error


def test_a_receipt_settles_what_a_dead_dispatcher_left_open(
    record: Record, twilio: tuple[Caller, Claims]
) -> None:
    caller, claims = twilio
    assert state(record)[0] == "sending"
    assert caller.tell("queued") == 204
    assert state(record)[0] == "sending"
    assert caller.tell("sent") == 204
    assert state(record) == ("sent", "SM1", None)
    assert caller.tell("delivered") == 204
    assert caller.tell("sent") == 204
    assert state(record) == ("delivered", "SM1", None)
    # Its claim has run out, and nobody sends it again.
    assert claims.next(NOW + timedelta(hours=1)) is None


def test_a_message_that_did_not_arrive_is_told_with_the_code(
    record: Record, twilio: tuple[Caller, Claims]
) -> None:
    assert twilio[0].tell("undelivered", ErrorCode="30003") == 204
    assert state(record) == ("failed", "SM1", "twilio: undelivered, code 30003")


def test_nobody_else_is_listened_to(record: Record, twilio: tuple[Caller, Claims]) -> None:
    caller, _ = twilio
    assert caller.tell("delivered", token="of another account") == 403
    caller.address = status_address(CALLBACK, "msg_of_another")
    assert caller.tell("delivered") == 204
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert caller.post(content="MessageStatus=delivered", headers=kind) == 403
    assert caller.post(content=b"\xff=", headers=kind) == 422
    assert caller.post(json={}) == 415
    assert state(record)[0] == "sending"


def test_without_such_a_channel_there_is_no_route(record: Record, twilio: tuple[Caller, Claims]) -> None:
    caller, _ = twilio
    caller.app.state.parts.twilio = ()
    assert caller.tell("delivered") == 404
    assert open_statuses(Settings.load(), record.engine) == []
