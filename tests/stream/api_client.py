"""The HTTP interface in this process, on real stores, for the tests of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx

from fraud.settings import Settings
from stream.api import create_app, open_parts
from stream.api_parts import Parts
from tests.stream.conftest import KEY, World

JSON = {"Content-Type": "application/json"}


def settings_of(world: World, home: Path, **more: Any) -> Settings:
    stream = {"model": world.model, "seen_ids": 100_000, **more.pop("stream", {})}
    return Settings.load(home=home, token_key=KEY.decode(), stream=stream, **more)


@asynccontextmanager
async def serving(
    settings: Settings, *, needs_key: bool = False
) -> AsyncIterator[tuple[httpx.AsyncClient, Parts]]:
    async with open_parts(settings, needs_key=needs_key) as parts:
        transport = httpx.ASGITransport(create_app(parts, only_loopback=not needs_key))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=120) as client:
            yield client, parts


async def post(client: httpx.AsyncClient, path: str, content: bytes) -> httpx.Response:
    return await client.post(path, content=content, headers=JSON)


def batch_of(values: Sequence[bytes]) -> bytes:
    return b'{"transactions": [' + b",".join(values) + b"]}"


async def send(
    client: httpx.AsyncClient, messages: Sequence[tuple[bool, bytes]], batch: int
) -> dict[str, float]:
    """Send messages (label or not, content) in their order, transactions that follow each other in batches.

    Returns the scores.
    """
    scores: dict[str, float] = {}
    waiting: list[bytes] = []

    async def flush() -> None:
        if waiting:
            answer = await post(client, "/v1/transactions/batch", batch_of(waiting))
            assert answer.status_code == 200, answer.text
            decisions = [one["decision"] for one in answer.json()["results"]]
            scores.update({one["transaction_id"]: one["score"] for one in decisions})
            waiting.clear()

    for is_label, value in messages:
        if not is_label:
            waiting.append(value)
            if len(waiting) == batch:
                await flush()
            continue
        await flush()
        answer = await post(client, "/v1/labels", value)
        assert answer.status_code == 202, answer.text
    await flush()
    return scores


@contextmanager
def service(settings: Settings, **more: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """``python -m fraud api`` on a free port, and its address; ended in order, so that its graph store ends too."""
    environment = {
        "RINGFENCE_HOME": str(settings.home),
        "RINGFENCE_TOKEN_KEY": KEY.decode(),
        "RINGFENCE_STREAM__MODEL": str(settings.stream.model),
        "RINGFENCE_STREAM__SEEN_IDS": str(settings.stream.seen_ids),
        **more,
    }
    command = [sys.executable, "-m", "fraud", "api", "--port", "0"]
    with subprocess.Popen(
        command, env=os.environ | environment, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("API: http://127.0.0.1:"), line
            yield process, line.split()[1]
            process.terminate()
            process.wait(60)
        finally:
            process.kill()
