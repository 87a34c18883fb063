"""What waits for a worker comes into the ledger about as it was sent, whichever partition it lies in.

The ring desk takes payments by their times and has little patience: of a backlog that came partition after partition it
saw nothing, while every decision was right.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from fraud import record_tables
from fraud.services.kafka import KafkaService
from stream.publish import publish
from stream.source_order import MOST
from tests.stream.test_source_order import farthest
from tests.stream.workers import read_ledger, record_of, run, settings_for, until, worker
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
    with worker(settings) as process, record_of(settings) as record:
        until(lambda: record.count(record_tables.transactions) == len(sent), process)
        process.terminate()
    place = {one: number for number, one in enumerate(sent["transaction_id"])}
    entries = [entry for _, entry in run(read_ledger(settings))]
    places = [place[one.transaction_id] for entry in entries for one in entry.transactions]
    assert len(places) == len(sent)
    assert farthest(places) <= FARTHEST
