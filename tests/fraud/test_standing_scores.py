from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from fraud import standing_neighbours
from fraud.record import Record
from fraud.standing_neighbours import payments_near
from fraud.standing_scores import Rescoring, StandingScore, StandingScores
from tests.fraud.payments import decision, transaction

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def record(record_url: str) -> Iterator[Record]:
    record = Record.open(record_url)
    yield record
    record.close()


def write(record: Record, rows: range) -> None:
    record.write_batch([transaction(i) for i in rows], [decision(i) for i in rows])


def score(
    account: str, case: str = "C-000001", now: float | None = None, at: datetime = NOW
) -> StandingScore:
    rescored_at = None if now is None else at
    return StandingScore(account, f"t of {account}", NOW, 0.7, 0.1, now, rescored_at, case)


def begun(case: str = "C-000001", decided_at: datetime = NOW) -> Rescoring:
    return Rescoring(case, decided_at, ("t1", "t2"), begun_at=decided_at)


def done(rescoring: Rescoring) -> Rescoring:
    return msgspec.structs.replace(rescoring, done_at=NOW + timedelta(seconds=1))


def test_scores_stand_once_the_labels_count(record: Record) -> None:
    standing = StandingScores(record)
    record.keep_rescoring(begun(), [score("a_1"), score("a_2")])
    assert standing.standing_scores(["a_1", "a_2"]) == {}
    assert standing.moved_by("C-000001") == []
    assert [(one, {s.account_id for s in scores}) for one, scores in standing.unfinished()] == [
        (begun(), {"a_1", "a_2"})
    ]
    record.keep_rescoring(done(begun()), [score("a_1", now=0.2), score("a_2", now=0.9)])
    assert standing.unfinished() == []
    assert standing.rescoring("C-000001") == done(begun())
    moved = standing.moved_by("C-000001")
    assert [(one.account_id, round(one.moved, 3)) for one in moved] == [("a_2", 0.8), ("a_1", 0.1)]
    assert standing.standing_scores(["a_2", "a_3"]) == {"a_2": moved[0]}


def test_the_newest_case_is_what_an_account_stands_by(record: Record) -> None:
    for case, minutes, now in (("C-000002", 5, 0.5), ("C-000001", 1, 0.3)):
        at = NOW + timedelta(minutes=minutes)
        record.keep_rescoring(done(begun(case)), [score("a_1", case, now, at)])
    standing = StandingScores(record)
    assert standing.standing_scores(["a_1"])["a_1"].because_of == "C-000002"
    assert [one.score_now for one in standing.moved_by("C-000001")] == [0.3]


def test_a_case_that_is_decided_again_begins_anew(record: Record) -> None:
    standing = StandingScores(record)
    record.keep_rescoring(done(begun()), [score("a_1", now=0.2), score("a_2", now=0.9)])
    again = begun(decided_at=NOW + timedelta(hours=1))
    record.keep_rescoring(again, [score("a_2")])
    assert standing.moved_by("C-000001") == []
    assert standing.rescoring("C-000001") == again
    record.keep_rescoring(again, [])
    assert standing.unfinished() == [(again, [])]


def test_near_are_the_latest_payments_at_shared_ends(record: Record) -> None:
    write(record, range(60))
    labelled = ["t50", "t55"]
    near = payments_near(record, labelled)
    ends = {
        end
        for i in (50, 55)
        for end in (
            transaction(i).account_id,
            transaction(i).merchant_id,
            transaction(i).device_id,
            transaction(i).ip,
        )
        if end is not None
    }
    shares = [
        one
        for one in map(transaction, reversed(range(60)))
        if one.transaction_id not in labelled
        and ends & {one.account_id, one.merchant_id, one.device_id, one.ip}
    ]
    latest: dict[str, str] = {}
    for one in shares:
        latest.setdefault(one.account_id, one.transaction_id)
    assert {one.account_id: one.transaction_id for one in near} == latest
    assert [one.event_time for one in near] == sorted((one.event_time for one in near), reverse=True)
    assert all(one.score is not None for one in near)


def test_hubs_are_bounded(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    write(record, range(60))
    everybody = payments_near(record, ["t50"])
    monkeypatch.setattr(standing_neighbours, "MOST_ACCOUNTS", 3)
    assert payments_near(record, ["t50"]) == everybody[:3]
    assert payments_near(record, ["unknown"]) == []
