"""People suppress, close and reopen rings; one that grows comes back by itself, and its history says who did what."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud.__main__ import main
from fraud.alert import AlertState
from fraud.errors import InputError
from fraud.record import Record
from fraud.record_acts import acts_after, add_act
from fraud.record_rows import NumberedAct
from fraud.ring import RingStatus, RingStep
from fraud.ring_act import RingAct
from graph.layout import HOUR
from graph.ring_identity import moment
from graph.suspects import Suspect
from stream.desk import Raised, RingDesk
from stream.suspicion import Suspicion
from tests.graph.suspect_streams import START, device, suspect

NEVER = datetime(2100, 1, 1, tzinfo=UTC)


def told(*suspects: Suspect) -> list[Suspicion]:
    return [Suspicion(one, (), marks=True, alerts=False) for one in suspects]


def ring_of(accounts: str, begin: int = 0, users: int = 3) -> list[Suspicion]:
    return told(*(suspect(begin + i, account, device("d", users)) for i, account in enumerate(accounts)))


def act(ring_id: str, step: RingStep, number: int = 1, until: datetime | None = None) -> NumberedAct:
    return NumberedAct(number, RingAct(ring_id, step, "Asha", "known family", until))


def desk_with_ring() -> tuple[RingDesk, str]:
    desk = RingDesk(5.0)
    raised = desk.observe(ring_of("abc"))
    return desk, raised.rings[0].ring_id


def test_a_closed_ring_stays_closed_until_it_has_grown_by_half() -> None:
    desk, ring_id = desk_with_ring()
    closed = desk.act([act(ring_id, RingStep.CLOSED)])
    assert [(ring.status, ring.decided_by) for ring in closed.rings] == [(RingStatus.CLOSED, "Asha")]
    assert [(alert.alert_id, alert.state) for alert in closed.alerts] == [
        (f"ring-{ring_id}", AlertState.CLOSED)
    ]
    assert desk.observe(ring_of("d", 5, users=4)) == Raised()
    back = desk.observe(ring_of("e", 6, users=5))
    assert [ring.status for ring in back.rings] == [RingStatus.OPEN]
    assert [(alert.state, alert.reopened) for alert in back.alerts] == [(AlertState.OPEN, True)]
    assert [(event.step, event.reason) for event in back.rings[0].history][-1] == (
        RingStep.REOPENED, "grown from 3 to 5 accounts",
    )  # fmt: skip


def test_a_suppression_ends_by_itself() -> None:
    desk, ring_id = desk_with_ring()
    end = moment(START + 8 * HOUR)
    (ring,) = desk.act([act(ring_id, RingStep.SUPPRESSED, until=end)]).rings
    assert (ring.status, ring.suppressed_until) == (RingStatus.SUPPRESSED, end)
    assert desk.observe(ring_of("a", 5)) == Raised()
    back = desk.observe(ring_of("a", 8)).rings
    assert [(ring.status, ring.history[-1].reason) for ring in back] == [
        (RingStatus.OPEN, "the suppression by Asha ended")
    ]


def test_a_person_may_reopen_a_ring_and_an_act_counts_once() -> None:
    desk, ring_id = desk_with_ring()
    acts = [act(ring_id, RingStep.CLOSED, 1), act(ring_id, RingStep.REOPENED, 2)]
    raised = desk.act(acts)
    assert [alert.state for alert in raised.alerts] == [AlertState.CLOSED, AlertState.OPEN]
    assert desk.act(acts) == Raised()
    again = RingDesk.from_bytes(desk.to_bytes(), 5.0)
    assert again.act(acts) == Raised()
    assert desk.act([act(ring_id, RingStep.REOPENED, 3), act("ring-none", RingStep.CLOSED, 4)]) == Raised()


def test_an_account_that_left_a_ring_is_alerted_by_itself_again() -> None:
    desk = RingDesk(5.0)
    alone = msgspec.structs.replace(ring_of("a")[0], alerts=True)
    first = desk.observe([alone]).alerts
    taken_over = desk.observe(ring_of("bc", 1)).alerts
    assert [alert.alert_id for alert in first] == ["account-a"]
    assert next((alert.alert_id, alert.version, alert.state) for alert in taken_over) == (
        "account-a", 2, AlertState.CLOSED,
    )  # fmt: skip


def test_the_record_keeps_a_ring_with_its_history_and_where_it_stands(tmp_path: Path) -> None:
    desk, ring_id = desk_with_ring()
    desk = RingDesk(5.0)
    with_ring = desk.observe(ring_of("abc"))
    record = Record.open(f"sqlite:///{tmp_path}/record.sqlite3")
    record.write_batch([], [], rings=with_ring.rings, alerts=with_ring.alerts)
    add_act(record.engine, RingAct(ring_id, RingStep.SUPPRESSED, "Asha", "a family", NEVER))
    suppressed = desk.act(acts_after(record.engine, desk.acts_taken))
    record.write_batch([], [], rings=suppressed.rings, alerts=suppressed.alerts)
    kept = record.ring(ring_id)
    assert kept is not None
    members = sorted(suppressed.rings[0].members, key=lambda one: (-one.score, one.kind, one.member_id))
    history = (*with_ring.rings[0].history, *suppressed.rings[0].history)
    assert kept == msgspec.structs.replace(suppressed.rings[0], members=tuple(members), history=history)
    assert [(event.step, event.by) for event in kept.history][-1] == (RingStep.SUPPRESSED, "Asha")
    assert record.alert(f"ring-{ring_id}").state is AlertState.CLOSED  # type: ignore[union-attr]
    back = desk.observe(ring_of("def", 5, users=6))
    record.write_batch([], [], rings=back.rings, alerts=back.alerts)
    assert record.alert(f"ring-{ring_id}").state is AlertState.OPEN  # type: ignore[union-attr]
    record.close()


def test_the_command_lists_shows_and_takes_acts_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RINGFENCE_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    record = Record.open(f"sqlite:///{tmp_path}/record.sqlite3")
    raised = RingDesk(5.0).observe(ring_of("abc"))
    record.write_batch([], [], rings=raised.rings, alerts=raised.alerts)
    ring_id = raised.rings[0].ring_id
    assert main(["rings", "list"]) == 0
    assert ring_id in capsys.readouterr().out
    assert main(["rings", "show", ring_id]) == 0
    assert "first tied together" in capsys.readouterr().out
    assert main(["rings", "close", ring_id, "--by", "Asha", "--reason", "checked by phone"]) == 0
    assert acts_after(record.engine, 0) == [
        NumberedAct(1, RingAct(ring_id, RingStep.CLOSED, "Asha", "checked by phone"))
    ]
    for wrong in (
        ["close", ring_id],
        ["close", "ring-none", "--reason", "x"],
        ["suppress", ring_id, "--reason", "x"],
    ):
        assert main(["rings", *wrong]) == 2
        assert len(capsys.readouterr().err.strip().splitlines()) == 1
    record.close()


@given(st.sampled_from(RingStep), st.text(max_size=3), st.text(max_size=3))
def test_an_act_that_nobody_answers_for_is_refused(step: RingStep, by: str, reason: str) -> None:
    people = {RingStep.SUPPRESSED, RingStep.CLOSED, RingStep.REOPENED}
    until = NEVER if step is RingStep.SUPPRESSED else None
    if step in people and by.strip() and reason.strip() and by.isprintable() and reason.isprintable():
        assert RingAct("ring-1", step, by, reason, until).by == by
    else:
        with pytest.raises(InputError):
            RingAct("ring-1", step, by, reason, until)
