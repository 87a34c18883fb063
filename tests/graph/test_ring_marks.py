"""What the ring desk has to say of accounts: by the hour, not twice, and the same from another process."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from fraud.ring import RingStep
from fraud.ring_act import RingAct
from graph.layout import DAY, HOUR, RING_LEVELS, RING_MARK_DAYS
from graph.ring_mark import RingMark, within_hours
from graph.ring_marks import STEP, TOLD_AGAIN_DAYS, RingMarks
from graph.ring_policy import RingPolicy
from graph.rings import RingWatch
from graph.suspects import Suspect
from tests.graph.suspect_streams import START, device, suspect, suspect_streams


class Desk:
    """A watch, its marks, and what they leave of an account when they are taken in."""

    def __init__(self, policy: RingPolicy | None = None) -> None:
        self.watch, self.marks = RingWatch(policy), RingMarks()
        self.levels: dict[str, int] = {}
        self.days: dict[str, int] = {}

    def level(self, account: str) -> int:
        """As the online state has it: what was said long ago no longer counts."""
        age = self.watch.graph.newest // DAY - self.days.get(account, 0)
        return self.levels.get(account, 0) if age <= RING_MARK_DAYS else 0

    def observe(self, *suspects: Suspect) -> list[RingMark]:
        given = []
        for one in suspects:
            self.watch.observe(one)
            self.marks.follow(self.watch, one.account)
            given += self.take(self.marks.give())
        return given

    def act(self, step: RingStep) -> list[RingMark]:
        (ring,) = self.watch.identities.rings.values()
        self.watch.act(RingAct(ring.ring_id, step, "Asha", "known family", None))
        self.marks.follow(self.watch)
        return self.take(self.marks.give())

    def take(self, marks: Iterable[RingMark]) -> list[RingMark]:
        marks = list(marks)
        self.levels |= {one.account: one.level for one in marks}
        self.days |= {one.account: one.time // DAY for one in marks}
        return marks


def ring_of(accounts: str, begin: int = 0) -> list[Suspect]:
    return [suspect(begin + i, one, device("d", 3), score=0.9) for i, one in enumerate(accounts)]


def test_members_are_marked_with_the_score_of_their_ring_and_nobody_before_there_are_enough() -> None:
    desk = Desk()
    assert desk.observe(*ring_of("ab")) == []
    told = desk.observe(*ring_of("c", 2))
    score = desk.watch.ring_of("a").score  # type: ignore[union-attr]
    assert {one.account for one in told} == set("abc")
    assert {one.level for one in told} == {STEP * round(score * RING_LEVELS / STEP)}
    assert {one.time for one in told} == {START + 2 * HOUR}


def test_a_ring_that_people_close_marks_nobody_until_it_is_opened_again() -> None:
    desk = Desk()
    desk.observe(*ring_of("abcd"))
    assert min(desk.levels.values()) > 0
    assert {one.account: one.level for one in desk.act(RingStep.CLOSED)} == dict.fromkeys("abcd", 0)
    assert {one.account for one in desk.act(RingStep.REOPENED)} == set("abcd")
    assert min(desk.levels.values()) > 0


def test_what_stays_is_told_again_only_before_it_ages_out() -> None:
    desk = Desk()
    desk.observe(*ring_of("abcde"))
    hours = TOLD_AGAIN_DAYS * 24
    assert desk.observe(*ring_of("a", hours - 24)) == []
    assert {one.account for one in desk.observe(*ring_of("b", hours + 24))} == set("abcde")


@settings(max_examples=60, deadline=None)
@given(suspect_streams(longest=60))
def test_what_is_told_is_what_holds(stream: list[Suspect]) -> None:
    """Of the accounts of the rings that a suspicion touches: within a step, and nothing of who is in none."""
    desk = Desk()
    for one in stream:
        desk.observe(one)
        for ring in desk.watch.touched:
            for account in ring.accounts:
                now = desk.watch.ring_of(account)
                assert now is not None
                level = desk.level(account)
                if len(now.accounts) < 3 or now.is_attack or now.first_reported is None:
                    assert level == 0
                else:
                    assert abs(level - now.score * RING_LEVELS) <= 1.5 * STEP


@settings(max_examples=60, deadline=None)
@given(suspect_streams(longest=60), st.data())
def test_it_goes_on_in_another_process(stream: list[Suspect], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(stream)))
    one = Desk()
    one.observe(*stream[:at])
    if at:
        one.marks.follow(one.watch)
    other = Desk()
    other.watch = RingWatch.from_bytes(one.watch.to_bytes())
    other.marks = RingMarks.from_bytes(one.marks.to_bytes())
    assert other.marks.to_bytes() == one.marks.to_bytes()
    assert other.observe(*stream[at:]) == one.observe(*stream[at:])
    assert other.marks.to_bytes() == one.marks.to_bytes()


def told_by_the_hour(stream: Sequence[Suspect], sizes: Sequence[int]) -> list[tuple[int, list[RingMark]]]:
    """Before which suspicion which marks were given, when the stream comes in batches."""
    desk, told, begin, turn = Desk(), [], 0, 0
    while begin < len(stream):
        batch = stream[begin : begin + sizes[turn % len(sizes)]]
        for part in within_hours([one.time for one in batch]):
            told.append((begin + part.start, desk.marks.due(batch[part][0].time)))
            for one in batch[part]:
                desk.watch.observe(one)
                desk.marks.follow(desk.watch, one.account)
        begin, turn = begin + len(batch), turn + 1
    return [one for one in told if one[1]]


@settings(max_examples=60, deadline=None)
@given(suspect_streams(longest=60), st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_batches_change_nothing(stream: list[Suspect], sizes: list[int]) -> None:
    late = [one if i % 7 else replace(one, time=one.time - HOUR // 2) for i, one in enumerate(stream)]
    assert told_by_the_hour(late, sizes) == told_by_the_hour(late, [1]) == told_by_the_hour(late, [100])


@settings(max_examples=60, deadline=None)
@given(suspect_streams(longest=60), st.data())
def test_a_desk_that_repeats_itself_leaves_what_the_other_left(
    stream: list[Suspect], data: st.DataObject
) -> None:
    """It begins behind what is told already, hears that in its place, and tells the rest."""
    whole = Desk()
    given = [whole.observe(one) for one in stream]
    saved, cut = sorted(data.draw(st.tuples(*[st.integers(0, len(stream))] * 2)))
    again = Desk()
    again.observe(*stream[:saved])
    for one, heard in zip(stream[saved:cut], given[saved:cut], strict=True):
        again.watch.observe(one)
        again.marks.follow(again.watch, one.account)
        again.take(heard)
        again.marks.hear(heard)
    assert not again.marks.wait
    again.observe(*stream[cut:])
    assert again.levels == whole.levels


def test_what_was_told_otherwise_is_told_once_more() -> None:
    """A person may have closed the ring meanwhile: then the desk before heard of it at another place."""
    desk = Desk()
    desk.observe(*ring_of("abc"))
    level = desk.levels["a"]
    desk.marks.hear([RingMark("a", 0, START), RingMark("z", 51, START)])
    assert desk.take(desk.marks.give()) == [RingMark("a", level, START), RingMark("z", 0, START)]


def test_what_aged_out_is_forgotten() -> None:
    desk = Desk()
    desk.observe(*ring_of("abc"))
    far = suspect(9, "z", at=START + 40 * DAY)
    desk.observe(far)
    assert RingMarks.from_bytes(desk.marks.to_bytes())._said == {}


def test_a_ring_beyond_all_bounds_costs_one_mark_a_suspicion() -> None:
    desk = Desk(RingPolicy(most_vertices=5))
    for number in range(12):
        told = desk.observe(*[suspect(number, f"m{number}", device("d", 12), score=0.9)])
    assert [one.account for one in told] == ["m11"]
