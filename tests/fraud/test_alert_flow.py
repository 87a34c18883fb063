"""Whatever is raised, sent, refused and cut short, in whatever order: what people have been told in the end."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from fraud.alert import Severity
from fraud.alert_intake import Intake
from fraud.channels.channel import Receipt
from fraud.deliveries import Deliveries
from fraud.delivery import DeliveryState
from fraud.delivery_claims import Claim, Claims
from fraud.record import Record
from tests.fraud.alert_world import NOW, alert, config

LEASE = timedelta(minutes=1)
CHANNELS = ("hook", "mail", "sms")
FILE = config(
    quiet={"hours": "12:20-12:50", "days": ["mon"]},
    routes=[{"name": "all", "channels": list(CHANNELS), "contacts": ["asha"]}],
)
raising = st.tuples(st.just("raise"), st.sampled_from(["ring-a", "ring-b"]), st.sampled_from(Severity))
sending = st.tuples(
    st.just("send"), st.sampled_from(CHANNELS), st.sampled_from(["taken", "again", "unsure", "died"])
)
steps = st.lists(st.one_of(raising, sending, sending), min_size=3, max_size=14)


@contextmanager
def fresh_record() -> Iterator[Record]:
    with tempfile.TemporaryDirectory() as folder:
        record = Record.open(f"sqlite:///{folder}/record.sqlite3")
        yield record
        record.close()


@settings(max_examples=20)
@given(steps)
def test_in_the_end_everyone_knows_the_newest_and_nothing_was_sent_twice(
    steps: list[tuple[str, str, str]],
) -> None:
    versions = {"ring-a": 0, "ring-b": 0}
    told: dict[tuple[str, str], list[tuple[int, Severity]]] = {}
    taken: set[tuple[str, str, int]] = set()

    with fresh_record() as record:
        intake = Intake(record.engine, FILE)
        lanes = {name: Claims(record.engine, name, name, lease=LEASE) for name in CHANNELS}

        def take(channel: str, claim: Claim) -> None:
            for one in claim.alerts:
                assert (channel, one.subject_id, one.version) not in taken
                taken.add((channel, one.subject_id, one.version))
                told.setdefault((channel, one.subject_id), []).append((one.version, one.severity))

        now = NOW
        for step, what, how in steps:
            now += timedelta(minutes=3)
            if step == "raise":
                versions[what] += 1
                state = alert(versions[what], ring=what, severity=Severity(how))
                record.write_batch([], [], alerts=[state])
                while intake.take(now):
                    pass
                continue
            claim = lanes[what].next(now)
            match how if claim else "nothing due":
                case "taken" if claim:
                    lanes[what].taken(claim, Receipt(), now)
                    take(what, claim)
                case "again" if claim:
                    lanes[what].again(claim, "busy", now + LEASE, now)
                case "unsure" if claim:
                    lanes[what].again(claim, "broke off", now + LEASE, now, uncertain=True)
        now += timedelta(hours=2)
        for channel, lane in lanes.items():
            while claim := lane.next(now):
                lane.taken(claim, Receipt(), now)
                take(channel, claim)

        left = {state for _, state in Deliveries(record.engine).counts()}
        assert left <= {DeliveryState.SENT, DeliveryState.SUPERSEDED}
        for ring, newest in versions.items():
            if not newest:
                continue
            assert sorted(version for version, _ in told["hook", ring]) == list(range(1, newest + 1))
            assert max(told["mail", ring])[0] == newest
            ranks = [severity.rank for _, severity in sorted(told["sms", ring])]
            assert ranks == sorted(set(ranks))
