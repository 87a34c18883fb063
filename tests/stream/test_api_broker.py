"""The interface before real workers on a real Kafka: it waits for their decisions and keeps no state."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from fraud.dead_letter import DeadLetter
from fraud.errors import ServiceError
from fraud.record_tables import transactions
from fraud.services.kafka import KafkaService
from fraud.settings import Settings
from stream.broker import Topics, new_producer
from stream.messages import dead_letter_message
from stream.publish import messages_of
from stream.replay import replay
from stream.seed import seed
from tests.stream.api_client import batch_of, post, serving, settings_of
from tests.stream.conftest import KEY, SINCE, World

PAYMENTS = 40


@pytest.fixture
def settings(world: World, tmp_path: Path, kafka: KafkaService, request: pytest.FixtureRequest) -> Settings:
    prefix = f"api-{request.node.name.replace('_', '-')[:40]}-{time.monotonic_ns()}."
    stream = {"broker": kafka.address, "prefix": prefix, "group": f"{prefix}group", "partitions": 1}
    api = {"mode": "broker", "decision_seconds": 60, "request_seconds": 90}
    settings = settings_of(world, tmp_path / "home", stream=stream, api=api)
    seed(settings, world.frame, until=SINCE)
    return settings


@pytest.fixture(scope="module")
def payments(world: World) -> list[bytes]:
    portion = next(iter(messages_of(world.raw, since=SINCE, labels=False)))
    return [one.value for one in portion[:PAYMENTS]]


@contextmanager
def worker(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """``python -m fraud worker`` in the same home."""
    environment = {
        "RINGFENCE_HOME": str(settings.home),
        "RINGFENCE_TOKEN_KEY": KEY.decode(),
        "RINGFENCE_STREAM__MODEL": str(settings.stream.model),
        "RINGFENCE_STREAM__BROKER": settings.stream.broker,
        "RINGFENCE_STREAM__PREFIX": settings.stream.prefix,
        "RINGFENCE_STREAM__GROUP": settings.stream.group,
        "RINGFENCE_STREAM__PARTITIONS": "1",
        "RINGFENCE_STREAM__SEEN_IDS": str(settings.stream.seen_ids),
    }
    with (settings.home / "worker.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "fraud", "worker"], env=os.environ | environment, stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_decisions_of_a_worker_come_back(world: World, settings: Settings, payments: list[bytes]) -> None:
    """The scores of a replay, one decision for repeats at once, a conflict for other content, a label taken in."""
    expected = replay(world.frame, world.scorer(), Settings.load(), since=SINCE).scores
    want = dict(zip(expected["transaction_id"], expected["score"], strict=True))
    first_id = json.loads(payments[0])["transaction_id"]
    forged = json.dumps({**json.loads(payments[0]), "amount": 0.01}).encode()

    async def go() -> None:
        async with serving(settings) as (client, parts):
            repeats = await asyncio.gather(*(post(client, "/v1/transactions", payments[0]) for _ in range(8)))
            assert {one.status_code for one in repeats} == {200}, repeats[0].text
            assert all(one.json() == repeats[0].json() for one in repeats)
            batch = await post(client, "/v1/transactions/batch", batch_of(payments))
            decisions = [one["decision"] for one in batch.json()["results"]]
            assert {one["transaction_id"]: one["score"] for one in decisions} == {
                one["transaction_id"]: want[one["transaction_id"]] for one in decisions
            }
            assert decisions[0] == repeats[0].json()
            assert (await post(client, "/v1/transactions", forged)).status_code == 409
            assert parts.record.count(transactions) == len(payments)
            bad = await post(client, "/v1/transactions", b'{"transaction_id": "x"}')
            assert (bad.status_code, bad.json()["field"]) == (422, "event_time")
            ready = (await client.get("/readyz")).json()
            assert ready["port"] == {"broker": "ok", "lag": 0}
            report = json.dumps(
                {"transaction_id": first_id, "is_fraud": True, "source": "chargeback"}
            ).encode()
            assert (await post(client, "/v1/labels", report)).status_code == 202
            async with asyncio.timeout(30):
                while not parts.record.labels([first_id]):
                    await asyncio.sleep(0.1)

    with worker(settings):
        asyncio.run(go())


@pytest.mark.slow
def test_two_interfaces_agree_on_one_content(settings: Settings, payments: list[bytes]) -> None:
    """The same id with other content through another process at the same moment: one is decided, one refused."""
    forged = json.dumps({**json.loads(payments[0]), "amount": 0.01}).encode()

    async def go() -> list[int]:
        async with serving(settings) as (one, _), serving(settings) as (other, _):
            answers = await asyncio.gather(
                post(one, "/v1/transactions", payments[0]), post(other, "/v1/transactions", forged)
            )
            return sorted(answer.status_code for answer in answers)

    with worker(settings):
        assert asyncio.run(go()) == [200, 409]


@pytest.mark.slow
def test_a_killed_worker_keeps_a_request_waiting_and_its_successor_answers(
    settings: Settings, payments: list[bytes]
) -> None:
    async def go() -> httpx.Response:
        async with serving(settings) as (client, _):
            with worker(settings) as first:
                await post(client, "/v1/transactions", payments[0])
                first.kill()
                waiting = asyncio.create_task(post(client, "/v1/transactions", payments[1]))
                await asyncio.sleep(1)
                assert not waiting.done()
            with worker(settings):
                return await waiting

    answer = asyncio.run(go())
    assert answer.status_code == 200, answer.text


@pytest.mark.slow
def test_without_a_worker_the_answer_says_where_to_ask(settings: Settings, payments: list[bytes]) -> None:
    """It was taken in for good: a worker that comes later decides it."""
    impatient = settings.model_copy(update={"api": settings.api.model_copy(update={"decision_seconds": 0.5})})

    async def go() -> None:
        async with serving(impatient) as (client, parts):
            answer = await post(client, "/v1/transactions", payments[0])
            where = answer.headers["location"]
            assert (answer.status_code, answer.headers["retry-after"]) == (202, "1")
            assert answer.json()["decision"] == where
            assert (await client.get(where)).status_code == 404
            with worker(settings):
                async with asyncio.timeout(60):
                    while (decision := await client.get(where)).status_code == 404:
                        await asyncio.sleep(0.2)
            again = await post(client, "/v1/transactions", payments[0])
            assert (again.status_code, again.json()) == (200, decision.json())
            assert parts.record.count(transactions) == 1

    asyncio.run(go())


def test_a_dead_letter_is_told_to_who_waits(settings: Settings, payments: list[bytes]) -> None:
    """A worker may know better than the interface, one of a newer release say."""

    async def go() -> httpx.Response:
        topics = Topics.named(settings.stream.prefix)
        async with serving(settings) as (client, _):
            waiting = asyncio.create_task(post(client, "/v1/transactions", payments[0]))
            await asyncio.sleep(0.5)
            producer = new_producer(settings)
            await producer.start()
            letter = DeadLetter(f"{topics.transactions}-0", 0, "mcc", "is not known")
            await producer.send_and_wait(topics.dead_letters, dead_letter_message(letter))
            await producer.stop()
            return await waiting

    answer = asyncio.run(go())
    assert (answer.status_code, answer.json()["field"]) == (422, "mcc")
    assert answer.json()["detail"] == "mcc: is not known"


@pytest.mark.slow
def test_a_broker_that_goes_away_is_told_and_nothing_is_forgotten(
    world: World, tmp_path: Path, own_kafka: KafkaService, payments: list[bytes]
) -> None:
    stream = {"broker": own_kafka.address, "partitions": 1}
    api = {"mode": "broker", "decision_seconds": 2, "request_seconds": 60}
    settings = settings_of(world, tmp_path / "home", stream=stream, api=api)

    async def go() -> None:
        async with serving(settings) as (client, _):
            assert (await client.get("/readyz")).status_code == 200
            own_kafka.kill()
            assert (await client.get("/readyz")).status_code == 503
            answer = await post(client, "/v1/transactions", payments[0])
            assert answer.status_code == 503
            assert "sending the same again is safe" in answer.json()["detail"]
            assert (await client.get("/healthz")).status_code == 200
            await asyncio.to_thread(own_kafka.restart)
            async with asyncio.timeout(60):
                while (await client.get("/readyz")).status_code != 200:
                    await asyncio.sleep(0.5)
            assert (await post(client, "/v1/transactions", payments[1])).status_code == 202

    asyncio.run(go())


def test_it_does_not_start_without_a_broker(world: World, tmp_path: Path) -> None:
    stream = {"broker": "127.0.0.1:9", "partitions": 1}
    settings = settings_of(world, tmp_path / "home", stream=stream, api={"mode": "broker"})

    async def go() -> None:
        async with serving(settings):
            pass

    with pytest.raises(ServiceError, match="does not answer"):
        asyncio.run(go())
