"""Rings form where rare things are shared, keep their identity, and stay away from busy places."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from graph.layout import DAY, HOUR
from graph.rings import RingChange, RingPolicy, RingWatch, Suspect, Tie, TieKind

START = 20_000 * DAY


def device(name: str, users: float) -> tuple[Tie, float]:
    return Tie(TieKind.DEVICE, name), users


def suspect(
    number: int, account: str, *touches: tuple[Tie, float], at: int | None = None, score: float = 0.5
) -> Suspect:
    time = START + number * HOUR if at is None else at
    return Suspect(f"t{number}", time, score, 100.0, account, touches)


def watch(
    suspects: Iterable[Suspect], policy: RingPolicy | None = None
) -> tuple[RingWatch, list[RingChange]]:
    ring_watch = RingWatch(policy)
    return ring_watch, [change for one in suspects if (change := ring_watch.observe(one)) is not None]


def test_three_accounts_on_one_rare_device_are_a_ring() -> None:
    shared = device("d", 3)
    seen, changes = watch(suspect(i, account, shared) for i, account in enumerate("abc"))
    assert len(changes) == 1
    ring = changes[0].ring
    assert set(ring.accounts) == {"a", "b", "c"}
    assert ring.kind == "shared_device"
    assert ring.money == 300.0
    assert seen.ring_of("a") is ring


def test_a_busy_terminal_ties_nobody() -> None:
    _, changes = watch(suspect(i, account, device("terminal", 500)) for i, account in enumerate("abcdef"))
    assert changes == []


def test_marks_are_forgotten() -> None:
    shared = device("d", 3)
    far = [suspect(i, account, shared, at=START + i * 40 * DAY) for i, account in enumerate("abc")]
    assert watch(far)[1] == []


def test_rings_that_meet_keep_the_older_identity_and_name_the_other() -> None:
    one, two, common = device("d1", 3), device("d2", 3), device("d3", 6)
    log = [suspect(i, account, one) for i, account in enumerate("abc")]
    log += [suspect(10 + i, account, two) for i, account in enumerate("xyz")]
    log += [suspect(20 + i, account, common) for i, account in enumerate("axby")]
    seen, changes = watch(log)
    older, younger, *_, merged = changes
    assert older.ring is merged.ring
    assert merged.absorbed == (younger.ring.ring_id,)
    assert set(merged.ring.accounts) == set("abcxyz")
    assert seen.ring_of("z") is older.ring


def test_one_common_account_is_no_reason_to_merge() -> None:
    log = [suspect(i, account, device("d1", 3)) for i, account in enumerate("abc")]
    log += [suspect(10 + i, account, device("d2", 3)) for i, account in enumerate("xyz")]
    log.append(suspect(20, "a", device("d2", 4)))
    seen, changes = watch(log)
    assert seen.ring_of("a") is not seen.ring_of("x")
    assert all(change.absorbed == () for change in changes)


def test_growth_is_reported_in_steps_not_for_every_row() -> None:
    shared = device("d", 3)
    log = [suspect(i, "abc"[i % 3], shared) for i in range(300)]
    _, changes = watch(log)
    assert 1 < len(changes) < 30
    assert [change.ring.ring_id for change in changes] == [changes[0].ring.ring_id] * len(changes)


def test_a_receiver_of_suspicious_transfers_joins_the_ring() -> None:
    mule = (Tie(TieKind.ACCOUNT, "mule"), 3.0)
    _, changes = watch(suspect(i, account, mule) for i, account in enumerate("abc"))
    assert "mule" in changes[-1].ring.accounts
    assert changes[-1].ring.kind == "transfer_group"


things = st.sampled_from(["d1", "d2", "d3", "d4"])


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), things, st.integers(1, 8)), max_size=60))
def test_rings_never_overlap_and_hold_all_that_their_ties_hold(log: list[tuple[str, str, int]]) -> None:
    seen, _ = watch(
        suspect(i, account, device(thing, users)) for i, (account, thing, users) in enumerate(log)
    )
    rings = {id(ring): ring for account in "abcdefgh" if (ring := seen.ring_of(account)) is not None}
    for ring in rings.values():
        assert all(seen.ring_of(account) is ring for account in ring.accounts)
        assert set(ring.evidence) == {
            f"t{i}" for i, (account, _, _) in enumerate(log) if account in ring.accounts
        }
    assert sum(len(ring.accounts) for ring in rings.values()) == len(
        {account for ring in rings.values() for account in ring.accounts}
    )
