"""What waits for a worker comes into the ledger about as it was sent, whichever partition it lies in.

The ring desk takes payments by their times and has little patience: of a backlog that came partition after partition it
saw nothing, while every decision was right.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from fraud.services.kafka import KafkaService
from fraud.settings import Settings
from stream.follower import LedgerFollower, decode_all
from stream.publish import publish
from stream.source_order import MOST
from tests.stream.test_source_order import farthest
from tests.stream.workers import run, settings_for, until, worker
from tests.stream.world import KEY, World

FARTHEST = 2 * MOST
"""A third of what lies in any partition."""


@pytest.mark.slow
def test_a_backlog_lies_in_the_ledger_about_as_it_was_sent(
    world: World, kafka: KafkaService, tmp_path: Path
) -> None:
    settings = settings_for(tmp_path / "home", world.model, kafka.address, "backlog", KEY)
    sent = world.raw
    run(publish(settings, sent, labels=False))
    with worker(settings) as process:
        until(lambda: len(in_ledger(settings)) == len(sent), process)
        process.terminate()
    place = {one: number for number, one in enumerate(sent["transaction_id"])}
    assert farthest([place[one] for one in in_ledger(settings)]) <= FARTHEST


def in_ledger(settings: Settings) -> list[str]:
    """Ids of the transactions, as they stand there."""
    return run(_read(settings))


async def _read(settings: Settings) -> list[str]:
    follower = LedgerFollower(settings)
    await follower.start()
    try:
        await follower.seek(0)
        end, ids, place = await follower.end(), [], 0
        while place < end:
            entries = decode_all(await follower.take(0.5))
            ids += [row.transaction_id for _, entry in entries for row in entry.transactions]
            place = entries[-1][0] + 1 if entries else place
        return ids
    finally:
        await follower.stop()
