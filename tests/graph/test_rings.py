"""Rings form where rare things are shared, keep their identity, and stay away from busy places."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraud.ring import RingStep
from graph.layout import DAY, HOUR
from graph.ring_figures import FIGURES, ring_figures
from graph.ring_policy import RingPolicy, judged_policy
from graph.ring_record import ring_record
from graph.rings import RingChange, RingWatch
from graph.suspects import Suspect, Tie, TieKind
from tests.graph.slow_rings import SlowRings
from tests.graph.suspect_streams import START, device, suspect, suspect_streams


def watch(
    suspects: Iterable[Suspect], policy: RingPolicy | None = None
) -> tuple[RingWatch, list[RingChange]]:
    ring_watch = RingWatch(policy)
    return ring_watch, [change for one in suspects for change in ring_watch.observe(one)]


def rings_of(seen: RingWatch) -> dict[frozenset[str], str]:
    return {frozenset(ring.accounts): ring.ring_id for ring in seen.identities.rings.values()}


def test_three_accounts_on_one_rare_device_are_a_ring() -> None:
    shared = device("d", 3)
    seen, changes = watch(suspect(i, account, shared) for i, account in enumerate("abc"))
    assert len(changes) == 1
    ring = changes[0].ring
    assert set(ring.accounts) == {"a", "b", "c"}
    assert ring.kind == "shared_device"
    assert ring.money == 300.0
    assert ring.at_risk == 150.0
    assert seen.ring_of("a") is ring
    record = ring_record(ring)
    assert {(member.member_id, member.role) for member in record.members} == {
        ("a", "payer"), ("b", "payer"), ("c", "payer"), ("d", "shared device"),
    }  # fmt: skip
    assert [(edge.source, edge.target) for edge in record.edges] == [("a", "d"), ("b", "d"), ("c", "d")]
    assert [event.step for event in record.history][:1] == [RingStep.FOUNDED]


def test_a_busy_terminal_ties_nobody() -> None:
    _, changes = watch(suspect(i, account, device("terminal", 500)) for i, account in enumerate("abcdef"))
    assert changes == []


def test_many_weak_marks_on_a_rare_thing_are_a_ring() -> None:
    """And as many on a thing that others use without suspicion are not."""
    rare, common = device("rare", 8), device("common", 20)
    _, changes = watch(suspect(i, account, rare, score=0.05) for i, account in enumerate("abcdefgh"))
    assert set(changes[-1].ring.accounts) == set("abcdefgh")
    assert watch(suspect(i, account, common, score=0.05) for i, account in enumerate("abcdefgh"))[1] == []


class Sizes:
    """Judges by the number of accounts alone."""

    base_rate = 0.011
    report_from = 0.5

    def score(self, figures: Sequence[float]) -> float:
        return round(math.exp(figures[FIGURES.index("accounts")])) / 8.0


def test_a_judge_says_which_groups_are_reported() -> None:
    """In place of the evidence, which would bring up three accounts already; a restored watch asks it as well."""
    seen = RingWatch(judge=Sizes())
    log = [suspect(i, account, device("d", 3)) for i, account in enumerate("abcdefgh")]
    changes = [change for one in log[:4] for change in seen.observe(one)]
    assert [set(change.ring.accounts) for change in changes] == [set("abcd")]
    again = RingWatch.from_bytes(seen.to_bytes(), judge=Sizes())
    later = [change.ring for one in log[4:] for change in again.observe(one)]
    assert later == [change.ring for one in log[4:] for change in seen.observe(one)]
    assert again.ring_of("a").score == 1.0  # type: ignore[union-attr]
    assert watch(log[:3])[1]


def test_what_the_model_says_of_a_ring_is_the_evidence() -> None:
    shared = device("d", 3)
    weak = [replace(suspect(i, account, shared, score=0.9), ring=0.001) for i, account in enumerate("abc")]
    strong = [replace(suspect(i, account, shared, score=0.02), ring=0.9) for i, account in enumerate("abc")]
    assert watch(weak)[1] == []
    assert watch(strong)[1]


@given(suspect_streams(longest=25))
@settings(max_examples=60)
def test_figures_are_finite_and_the_same_whatever_the_order_of_what_is_known(log: list[Suspect]) -> None:
    seen, _ = watch(log)
    again = RingWatch.from_bytes(seen.to_bytes())
    for ring in seen.identities.rings.values():
        if ring.accounts:
            figures = ring_figures(ring, seen.graph, seen.policy)
            assert len(figures) == len(FIGURES)
            assert all(map(math.isfinite, figures))
            other = replace(ring, accounts=dict(reversed(ring.accounts.items())))
            assert ring_figures(other, again.graph, again.policy) == figures


def test_figures_tell_a_round_trip_with_fees_from_friends_who_pay_equal_sums() -> None:
    def figures(amounts: Sequence[float]) -> dict[str, float]:
        ways = (("a", "b"), ("b", "c"), ("c", "a"))
        log = [
            replace(suspect(i, payer, (Tie(TieKind.ACCOUNT, payee), 1.0)), amount=amount)
            for i, ((payer, payee), amount) in enumerate(zip(ways, amounts, strict=True))
        ]
        seen, _ = watch(log, judged_policy(0.011))
        ring = seen.ring_of("a")
        assert ring is not None
        return dict(zip(FIGURES, ring_figures(ring, seen.graph, seen.policy), strict=True))

    trip, friends, less = (
        figures((100.0, 95.0, 91.0)),
        figures((20.0, 20.0, 20.0)),
        figures((100.0, 60.0, 30.0)),
    )
    assert trip["passed_on"] == pytest.approx(2 / 3)
    assert trip["same_amounts"] == less["passed_on"] == 0.0
    assert friends["same_amounts"] == 1.0
    assert trip["burst"] == 1.0
    assert trip["of_one"] == pytest.approx(1 / 3)
    assert trip["by_device_alone"] == 0.0


def test_figures_tell_members_whom_a_device_alone_ties() -> None:
    log = [suspect(i, account, device("d", 4)) for i, account in enumerate("aabc")]
    seen, _ = watch([*log[:3], replace(log[3], time=log[3].time + 2 * DAY)])
    ring = seen.ring_of("a")
    assert ring is not None
    figures = dict(zip(FIGURES, ring_figures(ring, seen.graph, seen.policy), strict=True))
    assert figures["by_device_alone"] == 1.0
    assert figures["by_merchant_alone"] == 0.0
    assert figures["burst"] == 0.75
    assert figures["of_one"] == 0.5
    assert figures["likely"] == 1.0


def test_marks_are_forgotten() -> None:
    shared = device("d", 3)
    far = [suspect(i, account, shared, at=START + i * 40 * DAY) for i, account in enumerate("abc")]
    assert watch(far)[1] == []


def two_rings(reported: bool = True) -> list[Suspect]:
    users = 3 if reported else 4
    log = [suspect(i, account, device("d1", users)) for i, account in enumerate("abc")]
    return log + [suspect(10 + i, account, device("d2", users)) for i, account in enumerate("xyz")]


def test_rings_that_meet_keep_the_older_identity_and_the_other_points_to_it() -> None:
    meet = [suspect(20 + i, account, device("d3", 6), score=0.9) for i, account in enumerate("axbycz")]
    seen, changes = watch([*two_rings(), *meet])
    older, younger = changes[0].ring, changes[1].ring
    assert younger.merged_into == older.ring_id
    assert set(older.accounts) == set("abcxyz")
    assert seen.identities.current(younger.ring_id) is older
    steps = [event.step for event in older.events]
    assert RingStep.MERGED in steps


class Few:
    """Takes small groups for rings and large ones for none."""

    base_rate = 0.011
    report_from = 0.5

    def score(self, figures: Sequence[float]) -> float:
        return 0.9 if math.exp(figures[FIGURES.index("accounts")]) < 5.0 else 0.1


def test_a_ring_that_takes_in_another_is_told_whatever_it_scores_now() -> None:
    """Its alert is all that is left of the other's."""
    seen = RingWatch(judge=Few())
    meet = [suspect(20 + i, account, device("d3", 6), score=0.9) for i, account in enumerate("axbycz")]
    changes = [change for one in [*two_rings(), *meet] for change in seen.observe(one)]
    older = changes[0].ring
    ended = next(place for place, change in enumerate(changes) if change.ring.merged_into == older.ring_id)
    assert changes[ended + 1].ring is older
    assert older.score == 0.1
    assert older.reported_accounts == 6


def test_one_common_account_is_no_reason_to_merge() -> None:
    many = [suspect(i, account, device("d1", 7)) for i, account in enumerate("abcdefg")]
    many += [suspect(10 + i, account, device("d2", 7)) for i, account in enumerate("tuvwxyz")]
    many.append(suspect(20, "a", device("d2", 8), score=0.05))
    seen, changes = watch(many)
    assert seen.ring_of("b") is not seen.ring_of("x")
    assert all(change.ring.merged_into is None for change in changes)


def test_growth_is_reported_in_steps_not_for_every_row() -> None:
    shared = device("d", 3)
    log = [suspect(i, "abc"[i % 3], shared) for i in range(300)]
    _, changes = watch(log)
    assert 1 < len(changes) < 30
    assert {change.ring.ring_id for change in changes} == {changes[0].ring.ring_id}


def test_a_receiver_of_suspicious_transfers_is_the_organiser() -> None:
    mule = (Tie(TieKind.ACCOUNT, "mule"), 4.0)
    _, changes = watch(suspect(i, account, mule) for i, account in enumerate("abcd"))
    record = ring_record(changes[-1].ring)
    assert {member.member_id: member.role for member in record.members} == dict.fromkeys("abcd", "payer") | {
        "mule": "organiser"
    }
    assert record.kind == "mule_fan_in"


def test_who_was_robbed_through_a_new_device_is_no_ring() -> None:
    """The same device, in use before and for days, is one."""
    thief = [suspect(i, account, device("d", 4), score=0.9, new=True) for i, account in enumerate("abcd")]
    seen, changes = watch(thief)
    assert changes == []
    assert seen.ring_of("a").is_attack  # type: ignore[union-attr]
    assert watch(replace(one, new_device=False) for one in thief)[1]


def test_a_member_that_is_tied_no_more_leaves_with_the_reason() -> None:
    log = [suspect(i, account, device("d", 4), score=0.9) for i, account in enumerate("abcd")]
    later = START + 31 * DAY
    log += [
        suspect(10 + i, account, device("d", 4), at=later + i * HOUR, score=0.9)
        for i, account in enumerate("abc")
    ]
    _, changes = watch(log)
    ring = changes[0].ring
    assert set(ring.accounts) == {"a", "b", "c"}
    left = [event for event in ring.events if event.step is RingStep.LEFT]
    assert [(event.members, event.reason) for event in left] == [(("c", "d"), "nothing suspicious of late")]
    assert ring.events[-1].members == ("c",)


def test_a_round_trip_is_tied_by_what_each_passes_on() -> None:
    """Nobody in it is paid by two; those who keep what they get tie nobody."""
    cycle = [
        suspect(i, payer, (Tie(TieKind.ACCOUNT, payee), 1.0))
        for i, (payer, payee) in enumerate(("ab", "bc", "cd", "da"))
    ]
    seen, _ = watch(cycle, judged_policy(0.011))
    assert set(seen.ring_of("a").accounts) == set("abcd")  # type: ignore[union-attr]
    kept = [
        suspect(i, payer, (Tie(TieKind.ACCOUNT, payee), 1.0))
        for i, (payer, payee) in enumerate(("aw", "bx", "cy", "dz"))
    ]
    assert watch(kept, judged_policy(0.011))[0].ring_of("a") is None
    assert watch(cycle)[0].ring_of("a") is None


@pytest.mark.slow
@settings(max_examples=150)
@given(suspect_streams(), st.booleans())
def test_rings_join_leave_merge_and_split_as_by_recomputing_all(log: list[Suspect], passing_on: bool) -> None:
    """After every event: the same groups under the same identities, and the same pointers between them."""
    policy = RingPolicy(least_score=2.0, transfers_score=2.0, passing_on=passing_on)
    quick, slow = RingWatch(policy), SlowRings(policy)
    named: dict[str, int] = {}
    for one in log:
        quick.observe(one)
        slow.observe(one)
        for ring in slow.rings.values():
            same = quick.identities.rings[rings_of(quick)[frozenset(ring.accounts)]]
            assert named.setdefault(same.ring_id, ring.number) == ring.number
            assert (None if same.split_from is None else named[same.split_from]) == ring.split_from
        assert len(quick.identities.rings) == len(slow.rings)
        assert {named[a]: named[b] for a, b in quick.identities.merged.items()} == slow.merged


@settings(max_examples=60)
@given(suspect_streams(), st.randoms(use_true_random=False))
def test_what_is_out_of_order_within_the_allowance_gives_the_same_rings(log: list[Suspect], random) -> None:  # type: ignore[no-untyped-def]
    policy = RingPolicy(lateness_days=1.0, window_days=10_000)
    shuffled = sorted(log, key=lambda one: one.time + random.randrange(DAY))
    in_order, mixed = RingWatch(policy), RingWatch(policy)
    for one, other in zip(log, shuffled, strict=True):
        in_order.observe(one)
        mixed.observe(other)
    assert mixed.late == 0
    assert mixed.graph.newest == in_order.graph.newest
    for account in in_order.graph.suspects:
        component = in_order.graph.component([account])
        assert mixed.graph.component([account]) == component


@given(suspect_streams(longest=30), st.data())
@settings(max_examples=60)
def test_a_restored_watch_goes_on_under_the_same_ids(log: list[Suspect], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(log)))
    one, _ = watch(log[:at])
    other = RingWatch.from_bytes(one.to_bytes())
    assert other.to_bytes() == one.to_bytes()
    for suspicion in log[at:]:
        first, second = one.observe(suspicion), other.observe(suspicion)
        assert [change.ring for change in first] == [change.ring for change in second]
    assert other.to_bytes() == one.to_bytes()


def test_what_comes_too_late_is_counted_and_kept_out() -> None:
    shared = device("d", 3)
    log = [suspect(i, account, shared) for i, account in enumerate("ab")]
    seen, changes = watch([*log, suspect(5, "c", shared, at=START - 2 * DAY)])
    assert (seen.late, changes) == (1, [])
    assert "c" not in seen.graph.suspects


def test_a_ring_of_fifty_thousand_costs_bounded_work_and_says_so() -> None:
    policy = RingPolicy(most_vertices=200)
    seen = RingWatch(policy)
    most, reports = 0, 0
    for i in range(50_000):
        before = seen.graph.work
        changes = seen.observe(
            suspect(i, f"a{i}", device("farm", i + 1), at=START + i * 1_000_000, score=0.9)
        )
        most, reports = max(most, seen.graph.work - before), reports + len(changes)
    ring = seen.ring_of("a0")
    assert ring is not None
    assert len(ring.accounts) == 50_000
    assert most < 10 * policy.most_vertices
    assert reports < 60
    record = ring_record(ring)
    assert record.truncated
    assert (record.accounts, len(record.members)) == (50_000, 5_001)
