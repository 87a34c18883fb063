"""The interface over its own pipeline: the scores of a replay, through requests, restarts and kills."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from data.timeline import Timeline
from fraud.errors import ServiceError, StoreUnavailable
from fraud.settings import Settings
from graph.events import LABEL
from stream.api import create_app, open_parts
from stream.api_parts import Parts
from stream.home_lock import HomeLock
from stream.publish import messages_of
from stream.replay import replay
from stream.seed import seed
from tests.stream.conftest import KEY, SINCE, World

EVENTS = 900


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[tuple[httpx.AsyncClient, Parts]]:
    async with open_parts(settings, needs_key=False) as parts:
        transport = httpx.ASGITransport(create_app(parts, only_loopback=True))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            yield client, parts


def settings_of(world: World, home: Path, **more: Any) -> Settings:
    return Settings.load(home=home, token_key=KEY.decode(), stream={"model": world.model}, **more)


@pytest.fixture(scope="module")
def first_events(world: World) -> tuple[pd.DataFrame, list[tuple[bool, bytes]], pd.DataFrame]:
    """The first events after ``SINCE`` as messages, the table up to there, and what a replay says of them."""
    messages = [
        (one.is_label, one.value) for portion in messages_of(world.raw, since=SINCE) for one in portion
    ][:EVENTS]
    return world.frame, messages, replay(world.frame, world.scorer(), Settings.load(), since=SINCE).scores


async def send(client: httpx.AsyncClient, messages: list[tuple[bool, bytes]], batch: int) -> dict[str, float]:
    """Send messages in their order, transactions that follow each other in batches; returns the scores."""
    scores: dict[str, float] = {}
    waiting: list[bytes] = []

    async def flush() -> None:
        if waiting:
            content = b'{"transactions": [' + b",".join(waiting) + b"]}"
            answer = await client.post(
                "/v1/transactions/batch", content=content, headers={"Content-Type": "application/json"}
            )
            assert answer.status_code == 200, answer.text
            results = answer.json()["results"]
            scores.update({one["decision"]["transaction_id"]: one["decision"]["score"] for one in results})
            waiting.clear()

    for is_label, value in messages:
        if not is_label:
            waiting.append(value)
            if len(waiting) == batch:
                await flush()
            continue
        await flush()
        answer = await client.post("/v1/labels", content=value, headers={"Content-Type": "application/json"})
        assert answer.status_code == 202, answer.text
    await flush()
    return scores


def test_round_trip(world: World, first_events: Any, tmp_path: Path) -> None:
    _, messages, expected = first_events
    settings = settings_of(world, tmp_path / "home")
    seed(settings, world.frame, until=SINCE)

    async def go() -> dict[str, float]:
        async with serving(settings) as (client, _):
            return await send(client, messages, 64)

    scores = asyncio.run(go())
    want = dict(zip(expected["transaction_id"], expected["score"], strict=True))
    assert len(scores) > 300
    assert scores == {one: want[one] for one in scores}
