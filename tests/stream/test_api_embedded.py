"""The interface over its own pipeline: the scores of a replay, through repeats, restarts and kills."""

from __future__ import annotations

import asyncio
import json
import signal
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from fraud.door import tokenised
from fraud.errors import ServiceError, StoreError, StoreUnavailable
from fraud.record import Record
from fraud.record_tables import alert_outbox, transactions
from fraud.settings import Settings
from fraud.transaction import parse
from stream.embedded_ledger import EmbeddedLedger
from stream.engine import Engine
from stream.home_lock import HomeLock
from stream.ledger import Entry
from stream.publish import messages_of
from stream.replay import replay
from stream.seed import seed
from stream.snapshots import Snapshots
from tests.stream.api_client import JSON, batch_of, post, send, service, serving, settings_of
from tests.stream.conftest import SINCE, World

EVENTS = 700


@dataclass(frozen=True)
class Known:
    """What comes after ``SINCE``, and what a replay of the whole says of it."""

    messages: list[tuple[bool, bytes]]
    scores: dict[str, float]

    def payments(self) -> list[bytes]:
        return [value for is_label, value in self.messages if not is_label]


@pytest.fixture(scope="module")
def known(world: World) -> Known:
    portions = messages_of(world.raw, since=SINCE)
    messages = [(one.is_label, one.value) for portion in portions for one in portion][:EVENTS]
    said = replay(world.frame, world.scorer(), Settings.load(), since=SINCE).scores
    return Known(messages, dict(zip(said["transaction_id"], said["score"], strict=True)))


@pytest.fixture
def settings(world: World, tmp_path: Path) -> Settings:
    """Of a home that begins with what was known before ``SINCE``."""
    settings = settings_of(world, tmp_path / "home")
    seed(settings, world.frame, until=SINCE)
    return settings


def scores_of(settings: Settings, messages: list[tuple[bool, bytes]], batch: int) -> dict[str, float]:
    async def go() -> dict[str, float]:
        async with serving(settings) as (client, _):
            return await send(client, messages, batch)

    return asyncio.run(go())


@pytest.mark.slow
def test_requests_get_the_scores_of_a_replay_bit_for_bit(known: Known, settings: Settings) -> None:
    """Labels included, and across a stop and a start in between."""
    half = EVENTS // 2
    scores = scores_of(settings, known.messages[:half], 1)
    scores |= scores_of(settings, known.messages[half:], 64)
    assert any(is_label for is_label, _ in known.messages)
    assert scores == {one: known.scores[one] for one in scores}
    assert len(scores) == len(known.payments())


@pytest.mark.slow
def test_snapshots_bound_the_ledger(known: Known, settings: Settings) -> None:
    """With one due every hundred events, the ledger begins where the oldest stands, and all goes on from there."""
    often = settings.model_copy(
        update={"stream": settings.stream.model_copy(update={"snapshot_events": 100})}
    )
    half = EVENTS // 2
    scores = scores_of(often, known.messages[:half], 4) | scores_of(often, known.messages[half:], 4)
    assert scores == {one: known.scores[one] for one in scores}
    made = [one for one in Snapshots(settings.home / "state").positions() if one]
    record = Record.open(settings.database_url.get_secret_value())
    bounds = EmbeddedLedger(record.engine).bounds()
    record.close()
    assert len(made) > 1
    assert bounds == (min(made), max(made) - 1)


def test_a_kill_between_ledger_and_record_loses_nothing(
    known: Known, settings: Settings, world: World
) -> None:
    """What the ledger has and the record lacks is decided at the next start, as it would have been."""
    half = EVENTS // 2
    scores_of(settings, known.messages[:half], 64)
    record = Record.open(settings.database_url.get_secret_value())
    ledger, state = EmbeddedLedger(record.engine), Snapshots(settings.home / "state").newest()
    assert state is not None
    undecided = [value for is_label, value in known.messages[half:] if not is_label][:5]
    first = state.settled["transactions", 0]

    async def as_kept() -> None:
        async with serving(settings) as (_, parts):
            rows = [tokenised(parse(one), parts.tokeniser) for one in undecided]
            stop = first + len(rows)
            entry = Entry("transactions", 0, first, stop, list(range(first, stop)), rows)
        # The process has ended; now the ledger holds one entry more than the record has decisions for.
        ledger.append(state.position, entry)

    asyncio.run(as_kept())
    before = record.count(transactions)

    async def ask() -> list[httpx.Response]:
        async with serving(settings) as (client, _):
            assert record.count(transactions) == before + len(undecided)
            return [await post(client, "/v1/transactions", one) for one in undecided]

    answers = asyncio.run(ask())
    record.close()
    for one in answers:
        assert one.status_code == 200
        assert one.json()["transaction_id"] in known.scores


def test_kill_9_in_the_middle_of_requests(known: Known, settings: Settings) -> None:
    """A real process is killed while it decides; its successor goes on with the scores of a replay."""
    payments = [one for one in known.messages if not one[0]][:200]
    before_labels = next((i for i, one in enumerate(known.messages) if one[0]), EVENTS)
    payments = payments[:before_labels]
    scores: dict[str, float] = {}
    with service(settings) as (process, address), httpx.Client(base_url=address, timeout=60) as client:
        for _, value in payments[: len(payments) // 2]:
            decision = client.post("/v1/transactions", content=value, headers=JSON).json()
            scores[decision["transaction_id"]] = decision["score"]
        process.kill()
    scores |= scores_of(settings, payments[len(scores) :], 16)
    assert scores == {one: known.scores[one] for one in scores}
    assert len(scores) == len(payments)


@pytest.mark.slow
def test_sigterm_ends_it_in_order_and_saves_the_state(known: Known, settings: Settings) -> None:
    payment = known.payments()[0]
    with service(settings) as (process, address):
        assert httpx.post(f"{address}/v1/transactions", content=payment, headers=JSON).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert Snapshots(settings.home / "state").positions()[0] == 1


def test_repeats_at_once_are_one_transaction(known: Known, settings: Settings) -> None:
    """Singly, in batches, and twice within a batch: one decision, the state moved once."""
    payment, other = known.payments()[:2]

    async def go() -> tuple[list[httpx.Response], int]:
        async with serving(settings) as (client, parts):
            single = [post(client, "/v1/transactions", payment) for _ in range(20)]
            batch = post(client, "/v1/transactions/batch", batch_of([other, payment, payment]))
            answers = await asyncio.gather(*single, batch)
            answers.append(await post(client, "/v1/transactions", payment))
            return answers, parts.record.count(transactions)

    answers, count = asyncio.run(go())
    *single, batch, last = answers
    assert count == 2
    assert {one.status_code for one in answers} == {200}
    first = single[0].json()
    assert first["score"] == known.scores[first["transaction_id"]]
    assert all(one.json() == first for one in [*single, last])
    assert [one["decision"] for one in batch.json()["results"][1:]] == [first, first]


def test_other_content_under_a_known_id_is_a_conflict(known: Known, settings: Settings) -> None:
    """Of two that are sent at once, either may be there first."""
    payment = known.payments()[0]
    forged = json.dumps({**json.loads(payment), "amount": 0.01}).encode()

    async def go() -> tuple[set[int], list[httpx.Response]]:
        async with serving(settings) as (client, _):
            together = await asyncio.gather(
                post(client, "/v1/transactions", payment), post(client, "/v1/transactions", forged)
            )
            first, other = (payment, forged) if together[0].status_code == 200 else (forged, payment)
            later = await post(client, "/v1/transactions", other)
            batch = await post(client, "/v1/transactions/batch", batch_of([first, other]))
            return {one.status_code for one in together}, [later, batch]

    together, (later, batch) = asyncio.run(go())
    assert together == {200, 409}
    assert later.status_code == 409
    assert later.headers["content-type"] == "application/problem+json"
    assert later.json()["type"] == "urn:ringfence:problem:other-content"
    assert [one["status"] for one in batch.json()["results"]] == [200, 409]


def test_history_has_no_decisions(world: World, settings: Settings) -> None:
    """A transaction that the seed took in is refused, not scored as if it were new."""
    before = next(iter(messages_of(world.raw)))[0].value

    async def go() -> httpx.Response:
        async with serving(settings) as (client, _):
            return await post(client, "/v1/transactions", before)

    answer = asyncio.run(go())
    assert (answer.status_code, answer.json()["field"]) == (422, "transaction_id")
    assert "history" in answer.json()["detail"]


def test_a_label_that_comes_again_changes_nothing(known: Known, settings: Settings) -> None:
    payment = known.payments()[0]
    report = json.dumps({"transaction_id": json.loads(payment)["transaction_id"], "is_fraud": True}).encode()

    async def go() -> list[httpx.Response]:
        async with serving(settings) as (client, _):
            unknown = await post(client, "/v1/labels", report)
            await post(client, "/v1/transactions", payment)
            return [unknown, *[await post(client, "/v1/labels", report) for _ in range(2)]]

    unknown, first, second = asyncio.run(go())
    assert unknown.status_code == 404
    assert (first.json()["repeated"], second.json()["repeated"]) == (False, True)
    assert second.json()["label_time"] == first.json()["label_time"]


def test_a_record_that_takes_nothing_loses_nothing(
    known: Known, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 while it is down; the same request again gets its decision, and the state moved once."""
    payment = known.payments()[0]
    write_batch = Record.write_batch

    def refuse(*_: object, **__: object) -> None:
        raise StoreUnavailable("record: cannot write now (disk full); check the database and its disk")

    async def go() -> list[httpx.Response]:
        async with serving(settings) as (client, _):
            monkeypatch.setattr(Record, "write_batch", refuse)
            down = [await post(client, "/v1/transactions", payment) for _ in range(2)]
            monkeypatch.setattr(Record, "write_batch", write_batch)
            return [*down, await post(client, "/v1/transactions", payment)]

    *down, up = asyncio.run(go())
    assert [one.status_code for one in down] == [503, 503]
    assert down[0].headers["retry-after"] == "1"
    assert up.status_code == 200
    assert up.json()["score"] == known.scores[up.json()["transaction_id"]]


def test_a_pipeline_that_fails_says_so_and_a_new_start_decides(
    known: Known, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment, other = known.payments()[:2]

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    async def go() -> list[int]:
        async with serving(settings) as (client, _):
            with monkeypatch.context() as patch:
                patch.setattr(Engine, "take", fail)
                first = await post(client, "/v1/transactions", payment)
            asked = [await post(client, "/v1/transactions", other), await client.get("/readyz")]
            return [one.status_code for one in (first, *asked)]

    assert asyncio.run(go()) == [503, 503, 503]
    assert scores_of(settings, [(False, payment), (False, other)], 1) == {
        json.loads(one)["transaction_id"]: known.scores[json.loads(one)["transaction_id"]]
        for one in (payment, other)
    }


def test_alerts_are_handed_over_once(known: Known, settings: Settings) -> None:
    """Beside the decisions; what an end cut off is handed over by the next start."""
    scores_of(settings, known.messages, 64)
    record = Record.open(settings.database_url.get_secret_value())

    async def go() -> None:
        async with serving(settings), asyncio.timeout(60):
            while record.unsent_alerts():
                await asyncio.sleep(0.05)

    asyncio.run(go())
    assert len(list(settings.alert_outbox.iterdir())) == record.count(alert_outbox) > 0
    record.close()


def test_a_home_has_one_keeper_of_state(tmp_path: Path) -> None:
    worker, other_worker = HomeLock(tmp_path, "workers"), HomeLock(tmp_path, "workers")
    with pytest.raises(ServiceError, match="in use by another process"):
        HomeLock(tmp_path, "embedded", patience=0.1)
    worker.release()
    other_worker.release()
    with pytest.raises(ServiceError, match="belongs to `python -m fraud worker`"):
        HomeLock(tmp_path, "embedded")
    alone = HomeLock(tmp_path / "mine", "embedded")
    with pytest.raises(ServiceError, match="in use by another process"):
        HomeLock(tmp_path / "mine", "workers", patience=0.1)
    alone.release()


def test_two_writers_of_one_ledger_are_found_out(tmp_path: Path) -> None:
    record = Record.open(f"sqlite:///{tmp_path}/record.sqlite3")
    mine, theirs = EmbeddedLedger(record.engine), EmbeddedLedger(record.engine)
    mine.append(0, Entry("transactions", 0, 0, 0, [], []))
    with pytest.raises(StoreError, match="another process writes"):
        theirs.append(0, Entry("transactions", 0, 0, 0, [], []))
    record.close()
