"""The parts of the HTTP interface that bound and let in: rates, the edge, keys and their command."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send

from fraud.__main__ import main
from fraud.errors import InputError
from fraud.record import Record
from fraud.settings import ApiSettings, Settings
from stream.api import mode_of, needs_key
from stream.api_audit import Audit
from stream.api_edge import Edge, Metrics
from stream.api_keys import ApiKeys
from stream.api_keys import Scope as KeyScope
from stream.api_limits import Rates
from stream.api_problems import ProblemError


@pytest.fixture
def record(record_url: str) -> Record:
    return Record.open(record_url)


@given(
    steps=st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 3)), max_size=60), rate=st.floats(0.5, 20)
)
def test_no_caller_gets_more_than_its_rate(steps: list[tuple[str, float]], rate: float) -> None:
    """Over any stretch of time: a second's worth, and what the rate gives; others are not held up."""
    now, granted = 0.0, {"a": 0, "b": 0}
    rates = Rates(rate, lambda: now)
    for caller, pause in steps:
        now += pause
        try:
            rates.take(caller)
        except ProblemError as error:
            now += float(error.headers["Retry-After"])
            rates.take(caller)
        granted[caller] += 1
        assert granted[caller] <= max(1.0, rate) + now * rate + 1e-6


def edge_over(app: object, **settings: float) -> httpx.AsyncClient:
    edge = Edge(app, settings=ApiSettings(**settings), metrics=Metrics(), only_loopback=True)  # type: ignore[arg-type]
    return httpx.AsyncClient(transport=httpx.ASGITransport(edge), base_url="http://localhost")


def test_too_many_at_once_are_told_to_come_again_but_probes_are_answered() -> None:
    gate = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != "/healthz":
            await gate.wait()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    async def go() -> tuple[list[httpx.Response], httpx.Response]:
        async with edge_over(slow, concurrency=2) as client:
            waiting = [asyncio.create_task(client.get("/")) for _ in range(5)]
            await asyncio.sleep(0.05)
            probe = await client.get("/healthz")
            gate.set()
            return [await one for one in waiting], probe

    answers, probe = asyncio.run(go())
    assert sorted(one.status_code for one in answers) == [204, 204, 429, 429, 429]
    assert probe.status_code == 204
    assert all("retry-after" in one.headers for one in answers if one.status_code == 429)


def test_what_takes_too_long_or_fails_is_a_problem() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/slow":
            await asyncio.sleep(10)
        raise TimeoutError("of something within") if scope["path"] == "/inner" else ZeroDivisionError

    async def go() -> list[httpx.Response]:
        async with edge_over(app, request_seconds=0.2, decision_seconds=0.1) as client:
            return [await client.get(path) for path in ("/slow", "/inner", "/fault")]

    answers = asyncio.run(go())
    assert [one.status_code for one in answers] == [504, 500, 500]
    assert {one.headers["content-type"] for one in answers} == {"application/problem+json"}
    assert "ZeroDivision" not in answers[2].text


def test_keys_are_kept_as_hashes_and_end(record: Record) -> None:
    keys = ApiKeys(record.engine)
    secret, key = keys.create("shop", [KeyScope.SCORE], actor="me")
    assert len(secret) == len("rf_") + 12 + 1 + 43
    assert keys.find(secret) == key
    for wrong in (
        "",
        secret[:-1],
        secret[:-1] + ("a" if secret[-1] != "a" else "b"),
        "rf_" + "0" * 12 + secret[15:],
    ):
        assert keys.find(wrong) is None
    with record.engine.connect() as connection:
        row = connection.exec_driver_sql("SELECT * FROM api_keys").one()
    assert secret[16:] not in str(tuple(row))
    keys.revoke(key.prefix, actor="me")
    assert keys.find(secret) is None
    assert ApiKeys(record.engine).find(secret) is None
    assert [one.act for one in Audit(record.engine).entries()] == ["key.revoke", "key.create"]
    keys.revoke(key.prefix, actor="me")
    assert len(Audit(record.engine).entries()) == 2
    record.close()


def test_a_key_ends_with_its_time(record: Record) -> None:
    keys = ApiKeys(record.engine)
    with pytest.raises(InputError, match="past"):
        keys.create("late", [KeyScope.READ], actor="me", expires_at=datetime.now(UTC) - timedelta(seconds=1))
    with pytest.raises(InputError, match="at least one of score"):
        keys.create("idle", [], actor="me")
    _, key = keys.create(
        "brief", [KeyScope.READ], actor="me", expires_at=datetime.now(UTC) + timedelta(hours=1)
    )
    assert key.is_good(datetime.now(UTC))
    assert not key.is_good(datetime.now(UTC) + timedelta(hours=2))
    record.close()


def test_the_command_shows_a_key_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["api-key", "create", "--name", "shop", "--scope", "score", "--scope", "read", "--days", "30"])
        == 0
    )
    secret = capsys.readouterr().out.strip()
    assert main(["api-key", "list"]) == 0
    listed = capsys.readouterr().out
    assert secret not in listed
    assert "good" in listed
    assert "read,score" in listed
    prefix = secret[3:15]
    assert main(["api-key", "revoke", prefix]) == 0
    assert main(["api-key", "list"]) == 0
    assert "revoked" in capsys.readouterr().out
    record = Record.open(Settings.load().database_url.get_secret_value())
    assert ApiKeys(record.engine).find(secret) is None
    assert Audit(record.engine).entries()[0].actor.startswith("command")
    record.close()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["create", "--scope", "read"], "--name"),
        (["create", "--name", "x"], "scope: a key needs"),
        (["revoke"], "say which key"),
        (["revoke", "nobody"], "no key begins with"),
        (["forget"], "forget"),
    ],
)
def test_the_command_names_what_is_wrong(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["api-key", *words]) == 2
    assert said in capsys.readouterr().err


def test_keys_are_asked_for_wherever_others_can_reach_it(tmp_path: Path) -> None:
    local = Settings.load()
    production = Settings.load(environment="production", token_key="k" * 32)
    strict = Settings.load(api={"require_keys": True})
    assert not needs_key(local, "127.0.0.1")
    assert needs_key(local, "0.0.0.0")  # noqa: S104 - it is only asked about
    assert needs_key(strict, "127.0.0.1")
    assert needs_key(production, "127.0.0.1")
    assert (mode_of(local), mode_of(production)) == ("embedded", "broker")
    assert mode_of(Settings.load(api={"mode": "broker"})) == "broker"
