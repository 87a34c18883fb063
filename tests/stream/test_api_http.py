"""What the HTTP interface answers: problems, bounds, keys, findings, neighbourhoods; over real stores."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from fraud.record import Record
from fraud.settings import Settings
from stream.api import create_app, open_parts
from stream.api_keys import ApiKeys, Scope
from stream.api_schema import PAYMENT, TRANSFER
from tests.fraud.payments import alert, ring
from tests.stream.api_client import JSON, batch_of, post, serving, settings_of
from tests.stream.conftest import World

PROBLEM = "application/problem+json"
NOWHERE = {"uri": "bolt://127.0.0.1:9", "password": "x", "patience_seconds": 0.2}
PURCHASE = json.dumps(PAYMENT).encode()

Questions = Callable[[httpx.AsyncClient], Awaitable[Any]]


@pytest.fixture
def settings(world: World, tmp_path: Path) -> Settings:
    return settings_of(world, tmp_path / "home", graph=NOWHERE)


def ask(settings: Settings, questions: Questions, *, needs_key: bool = False) -> Any:
    async def go() -> Any:
        async with serving(settings, needs_key=needs_key) as (client, _):
            return await questions(client)

    return asyncio.run(go())


def with_api(settings: Settings, **changes: Any) -> Settings:
    return settings.model_copy(update={"api": settings.api.model_copy(update=changes)})


async def check_problems(client: httpx.AsyncClient) -> None:
    refused = {**PAYMENT, "account_id": "private-account-77", "amount": -1}
    cases: list[tuple[str, str, bytes | None, dict[str, str], int, str]] = [
        ("GET", "/nowhere", None, {}, 404, "not-found"),
        ("GET", "/v1/decisions/none", None, {}, 404, "not-found"),
        ("GET", "/v1/receipts/none", None, {}, 404, "not-found"),
        ("GET", "/v1/rings/none", None, {}, 404, "not-found"),
        ("GET", "/v1/alerts/none", None, {}, 404, "not-found"),
        ("GET", "/v1/transactions/none/neighbourhood", None, {}, 404, "not-found"),
        ("PUT", "/v1/transactions", b"{}", JSON, 405, "method"),
        ("POST", "/v1/transactions", b"{", JSON, 422, "refused-record"),
        ("POST", "/v1/transactions", b"[]", JSON, 422, "refused-record"),
        ("POST", "/v1/transactions", b'{"a": "\xff"}', JSON, 422, "refused-record"),
        ("POST", "/v1/transactions", b"[" * 100_000, JSON, 422, "refused-record"),
        ("POST", "/v1/transactions", json.dumps(refused).encode(), JSON, 422, "refused-record"),
        ("POST", "/v1/transactions/batch", b'{"transactions": []}', JSON, 422, "refused-record"),
        ("POST", "/v1/transactions/batch", batch_of([b"1"] * 1_001), JSON, 422, "refused-record"),
        ("POST", "/v1/labels", b'{"transaction_id": "none", "is_fraud": true}', JSON, 404, "not-found"),
        ("POST", "/v1/labels", b'{"transaction_id": "none"}', JSON, 422, "refused-record"),
        ("POST", "/v1/transactions", PURCHASE, {"Content-Type": "text/plain"}, 415, "media-type"),
        ("POST", "/v1/transactions", b" " * 3_000_000, JSON, 413, "too-large"),
        ("GET", "/v1/alerts?limit=many", None, {}, 422, "bad-parameter"),
        ("GET", "/v1/alerts?state=lost", None, {}, 422, "bad-parameter"),
        ("GET", "/v1/rings?cursor=7", None, {}, 422, "bad-parameter"),
        ("GET", "/v1/decisions/%00", None, {}, 422, "refused-record"),
        ("GET", "/v1/accounts/acc-1/neighbourhood", None, {}, 503, "unavailable"),
        ("GET", "/v1/alerts", None, {"Authorization": "Bearer rf_guess"}, 401, "no-key"),
    ]
    for method, path, content, headers, status, kind in cases:
        answer = await client.request(method, path, content=content, headers=headers)
        said = answer.json()
        assert (answer.status_code, said["status"]) == (status, status), (path, answer.text)
        assert said["type"] == f"urn:ringfence:problem:{kind}"
        assert answer.headers["content-type"] == PROBLEM
        assert said["title"]
        assert said["detail"]
        assert "private-account" not in answer.text
        assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"


def test_every_fault_is_a_problem_that_names_it(settings: Settings) -> None:
    ask(settings, check_problems)


def test_a_batch_goes_on_past_bad_records(settings: Settings) -> None:
    bad = json.dumps({**PAYMENT, "transaction_id": "bad", "latitude": 12}).encode()
    batch = batch_of([PURCHASE, bad, b'"text"', json.dumps(TRANSFER).encode()])
    results = ask(settings, lambda client: post(client, "/v1/transactions/batch", batch)).json()["results"]
    assert [one["status"] for one in results] == [200, 422, 422, 200]
    assert results[1]["problem"]["field"] == "longitude"


def test_decision_and_receipt_can_be_asked_for(settings: Settings, world: World) -> None:
    """Also of an id that an address has to quote; and the receipt scores again to the same bits."""
    odd = {**PAYMENT, "transaction_id": "a/b c?ü"}

    async def questions(client: httpx.AsyncClient) -> list[httpx.Response]:
        first = await post(client, "/v1/transactions", json.dumps(odd).encode())
        name = "a%2Fb%20c%3F%C3%BC"
        paths = (f"/v1/decisions/{name}", f"/v1/receipts/{name}", f"/v1/receipts/{name}?full=true")
        return [first, *[await client.get(path) for path in paths]]

    first, decision, short, full = ask(settings, questions)
    assert first.json() == decision.json()
    assert short.json()["score"] == full.json()["score"] == first.json()["score"]
    features = full.json()["arrays"]["features"]
    assert features["shape"] == [len(features["names"])] == [len(features["values"])]
    assert "values" not in short.json()["arrays"]["features"]
    assert short.json()["model_version"] == world.scorer().version


def test_rings_and_alerts_page_by_page(settings: Settings) -> None:
    record = Record.open(settings.database_url.get_secret_value())
    rings = [ring(f"r{i}", version=1 + i % 3) for i in range(7)]
    record.write_batch([], [], rings=rings, alerts=[alert(one) for one in rings])
    record.close()

    async def questions(client: httpx.AsyncClient) -> tuple[list[Any], Any, Any, Any]:
        pages, cursor = [], ""
        while True:
            page = (await client.get(f"/v1/rings?limit=3{cursor}")).json()
            pages.append(page["rings"])
            if page["next"] is None:
                break
            cursor = f"&cursor={page['next']}"
        alerts = (await client.get("/v1/alerts")).json()["alerts"]
        closed = (await client.get("/v1/alerts?state=closed")).json()["alerts"]
        one = (await client.get(f"/v1/alerts/{alerts[0]['alert_id']}")).json()
        return pages, alerts, closed, (one, (await client.get("/v1/rings/r3")).json())

    pages, alerts, closed, (one, third) = ask(settings, questions)
    listed = [one["ring_id"] for page in pages for one in page]
    assert [len(page) for page in pages] == [3, 3, 1]
    assert listed == sorted(
        (r.ring_id for r in rings), key=lambda r: (rings[int(r[1:])].last_seen, r), reverse=True
    )
    assert pages[0][0]["members"] == 4
    assert (len(alerts), closed) == (7, [])
    assert one["members"]
    assert len(third["members"]) == 4


def test_neighbourhoods_come_from_the_graph_store(world: World, tmp_path: Path) -> None:
    """In local mode the store runs on this machine and follows the record; raw ids and tokens find the same."""
    settings = settings_of(world, tmp_path / "home")

    async def questions(client: httpx.AsyncClient) -> list[Any]:
        await post(client, "/v1/transactions/batch", batch_of([PURCHASE, json.dumps(TRANSFER).encode()]))
        by_id = "/v1/accounts/acc-1001/neighbourhood"
        async with asyncio.timeout(90):
            while (await client.get(by_id)).status_code != 200:
                await asyncio.sleep(0.5)
        account = (await client.get(by_id)).json()
        token = next(one["id"] for one in account["nodes"] if one["transactions"] == 2)
        return [
            account,
            (await client.get(f"/v1/accounts/{token}/neighbourhood")).json(),
            (await client.get(f"/v1/transactions/{PAYMENT['transaction_id']}/neighbourhood")).json(),
        ]

    account, by_token, transaction = ask(settings, questions)
    assert account == by_token
    assert {one["kind"] for one in account["nodes"]} == {"account", "merchant", "device", "ip"}
    assert len(transaction["edges"]) >= 4
    assert "acc-1001" not in json.dumps([account, transaction])
    assert "203.0.113.9" not in json.dumps([account, transaction])


def test_scopes_keys_and_audit(settings: Settings) -> None:
    record = Record.open(settings.database_url.get_secret_value())
    keys = ApiKeys(record.engine)
    made = {scope: keys.create(f"only {scope}", [scope], actor="test") for scope in Scope}
    paths: dict[Scope, tuple[str, str, bytes | None]] = {
        Scope.SCORE: ("POST", "/v1/transactions", PURCHASE),
        Scope.LABEL: ("POST", "/v1/labels", b'{"transaction_id": "pay-20260301-0001", "is_fraud": true}'),
        Scope.READ: ("GET", "/v1/decisions/pay-20260301-0001", None),
        Scope.METRICS: ("GET", "/metrics", None),
    }

    async def go() -> None:
        async with serving(settings, needs_key=True) as (client, parts):
            for method, path, content in paths.values():
                answer = await client.request(method, path, content=content, headers=JSON)
                assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
            for wanted, (method, path, content) in paths.items():
                for scope, (secret, _) in made.items():
                    headers = {**JSON, "Authorization": f"Bearer {secret}"}
                    answer = await client.request(method, path, content=content, headers=headers)
                    assert answer.is_success if scope is wanted else answer.status_code == 403
            for probe in ("/healthz", "/readyz"):
                assert (await client.get(probe)).status_code == 200
            newest = parts.audit.entries(1)[0]
            key = made[Scope.LABEL][1]
            assert (newest.act, newest.subject) == ("label", "pay-20260301-0001")
            assert newest.actor == f"{key.prefix} {key.name}"
            secret, key = made[Scope.READ]
            parts.access._keys.revoke(key.prefix, actor="test")
            answer = await client.get("/v1/alerts", headers={"Authorization": f"Bearer {secret}"})
            assert answer.status_code == 401

    asyncio.run(go())
    record.close()


def test_rates_sizes_and_numbers_at_once_are_bounded(settings: Settings) -> None:
    tight = with_api(settings, requests_per_second=3.0, body_bytes=1_024)

    async def questions(client: httpx.AsyncClient) -> tuple[list[httpx.Response], httpx.Response]:
        async def endless() -> Any:
            while True:
                yield b" " * 500

        streamed = await client.post("/v1/transactions", content=endless(), headers=JSON)
        return [await client.get("/v1/alerts") for _ in range(4)], streamed

    answers, streamed = ask(tight, questions)
    assert streamed.status_code == 413
    assert [one.status_code for one in answers] == [200, 200, 429, 429]
    assert answers[-1].headers["retry-after"] == "1"


def test_an_open_service_answers_to_this_machine_alone(settings: Settings) -> None:
    """A foreign page that points its own name here is refused, whatever it asks."""

    async def questions(client: httpx.AsyncClient) -> list[httpx.Response]:
        names = ("evil.example", "127.0.0.1.evil.example", "[", "", "127.0.0.1:8060", "[::1]:8060")
        return [await client.get("/healthz", headers={"Host": name}) for name in names]

    assert [one.status_code for one in ask(settings, questions)] == [421, 421, 421, 421, 200, 200]


def test_nothing_personal_is_logged_or_kept(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    names = ("private-account", "private-device", "198.51.100.77", "private-payee")
    private = dict(zip(("account_id", "device_id", "ip", "counterparty_id"), names, strict=True))
    sent = json.dumps({**PAYMENT, "merchant_id": None, **private}).encode()

    async def questions(client: httpx.AsyncClient) -> list[str]:
        answers = [
            await post(client, "/v1/transactions", sent),
            await post(client, "/v1/transactions", sent.replace(b"129.9", b"-1")),
            await post(client, "/v1/transactions", sent.replace(b'"private-payee"', b'"private-account"')),
            await client.get("/v1/accounts/private-account/neighbourhood?limit=7"),
            await client.get("/v1/decisions/pay-20260301-0001"),
        ]
        return [one.text for one in answers]

    with caplog.at_level(logging.DEBUG):
        texts = ask(settings, questions)
    kept = b"".join(path.read_bytes() for path in settings.home.rglob("*") if path.is_file())
    ours = [one for one in caplog.records if not one.name.startswith("httpx")]
    told = "\n".join([*texts, *(f"{one.getMessage()} {vars(one)}" for one in ours)])
    for name in names:
        assert name not in told
        assert name.encode() not in kept
    routes = [vars(one)["route"] for one in ours if one.getMessage() == "request"]
    assert "/v1/accounts/{account:path}/neighbourhood" in routes


def test_metrics_count_what_was_answered(settings: Settings) -> None:
    async def questions(client: httpx.AsyncClient) -> str:
        for content in (PURCHASE, PURCHASE, PURCHASE.replace(b"129.9", b"1"), b"{}"):
            await post(client, "/v1/transactions", content)
        await client.get("/nowhere")
        return (await client.get("/metrics")).text

    told = ask(settings, questions)
    assert 'ringfence_api_answers_total{answer="conflict"} 1.0' in told
    assert 'ringfence_api_answers_total{answer="refused"} 1.0' in told
    assert 'method="POST",route="/v1/transactions",status="200"} 2.0' in told
    assert 'route="unmatched",status="404"} 1.0' in told


def test_the_description_is_served_where_it_is_asked_for(settings: Settings) -> None:
    async def status(settings: Settings) -> int:
        async with open_parts(settings, needs_key=False) as parts:
            transport = httpx.ASGITransport(create_app(parts, only_loopback=True))
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                return (await client.get("/openapi.json")).status_code

    production = settings.model_copy(
        update={"environment": "production", "api": settings.api.model_copy(update={"mode": "embedded"})}
    )
    assert asyncio.run(status(settings)) == 200
    assert asyncio.run(status(production)) == 404
    assert asyncio.run(status(with_api(production, docs=True))) == 200
