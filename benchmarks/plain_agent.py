"""A bare Faust agent that does nothing with each record: the peer of ``benchmarks.stream_speed``, as its own process.

Prints the records that it saw and the seconds from the first to the last.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import faust

__all__ = ["plain_app"]


def plain_app(broker: str, topic_name: str, group: str, expected: int) -> faust.App:
    """Faust as its documentation begins, with nothing tuned but what it takes to run beside other groups."""
    app = faust.App(
        group,
        broker=f"kafka://{broker}",
        topic_disable_leader=True,
        web_enabled=False,
        datadir=Path(tempfile.gettempdir()) / group,
    )
    topic = app.topic(topic_name, value_serializer="raw", key_serializer="raw")
    seen: list[float] = []

    @app.agent(topic)
    async def ignore(stream: Any) -> None:
        async for _ in stream:
            seen.append(time.monotonic())
            if len(seen) == expected:
                # Faust's worker takes standard output for its log.
                print(len(seen), seen[-1] - seen[0], file=sys.__stdout__, flush=True)
                asyncio.get_running_loop().call_later(0.1, sys.exit, 0)

    return app


if __name__ == "__main__":
    broker, topic_name, group, expected = sys.argv[1:5]
    plain_app(broker, topic_name, group, int(expected)).Worker(loglevel="ERROR").execute_from_commandline()
