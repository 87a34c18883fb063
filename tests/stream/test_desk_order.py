"""Suspicions come to the desk in the order of the ledger, whichever worker told of them, and however often."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from graph.suspects import Suspect
from stream.desk_order import LedgerOrder
from stream.scored import PlacedSuspicion, ScoredMessage, decode_scored, encode_scored
from stream.suspicion import Suspicion

PARTITIONS = 3
LONGEST = 12


@dataclass(frozen=True)
class Told:
    """Each partition's suspicions in a ledger, and the messages that tell of them in the order of their topic."""

    length: int
    places: list[PlacedSuspicion]
    messages: list[ScoredMessage]


def suspicion(ledger: int, offset: int) -> Suspicion:
    return Suspicion(Suspect(f"t-{ledger}-{offset}", ledger, 0.5, 1.0, "a", ()), (), True)


@st.composite
def told(draw: st.DrawFn) -> Told:
    """Workers tell of what they own, step by step; one that was killed is followed by another that begins anew from
    what was on record, and one that does not know yet goes on beside it."""
    length = draw(st.integers(1, LONGEST))
    by_partition: dict[int, list[PlacedSuspicion]] = {one: [] for one in range(PARTITIONS)}
    for ledger in range(length):
        partition = draw(st.integers(0, PARTITIONS - 1))
        for offset in sorted(draw(st.sets(st.integers(0, 5), max_size=3))):
            by_partition[partition].append(PlacedSuspicion(ledger, offset, suspicion(ledger, offset)))
    lines = {
        partition: draw(lines_of(partition, places, length)) for partition, places in by_partition.items()
    }
    messages: list[ScoredMessage] = []
    while lines:
        partition = draw(st.sampled_from(sorted(lines)))
        messages.append(lines[partition].pop(0))
        if not lines[partition]:
            del lines[partition]
    places = sorted(
        (one for some in by_partition.values() for one in some), key=lambda one: (one.ledger, one.offset)
    )
    return Told(length, places, messages)


@st.composite
def lines_of(
    draw: st.DrawFn, partition: int, places: list[PlacedSuspicion], length: int
) -> list[ScoredMessage]:
    """What the workers that own one partition send, one after another: nothing is left out before it was sent once,
    and some of it is sent again."""
    made: list[ScoredMessage] = []
    told_upto = 0
    while told_upto < length:
        begin = draw(st.integers(0, told_upto))
        upto = draw(st.integers(begin + 1, length))
        some = [one for one in places if begin <= one.ledger < upto]
        made.append(ScoredMessage(upto, [partition], some))
        told_upto = max(told_upto, upto)
    return made


@settings(max_examples=100)
@given(told(), st.integers(1, 5), st.integers(1, 4))
def test_all_come_once_in_ledger_order(made: Told, portion: int, most: int) -> None:
    order, released = LedgerOrder(PARTITIONS), []
    for first in range(0, len(made.messages), portion):
        for message in made.messages[first : first + portion]:
            order.add(decode_scored(encode_scored(message)))
        while order.is_behind:
            some = order.release(most)
            assert len([one for one in some if one.ledger < some[-1].ledger]) < most
            released += some
            assert all(one.ledger < order.position for one in released)
            assert all(one in released for one in made.places if one.ledger < order.position)
    assert released == made.places
    assert order.position == made.length


@settings(max_examples=100)
@given(told(), st.data())
def test_a_desk_that_begins_anew_goes_on_where_its_memory_stood(made: Told, data: st.DataObject) -> None:
    """Messages come again from the first one that reaches past the saved position."""
    order, released = LedgerOrder(PARTITIONS), []
    at = data.draw(st.integers(0, len(made.messages)))
    for message in made.messages[:at]:
        order.add(message)
        # Cut off amid what one message has released, as a desk that catches up may be.
        released += order.release(data.draw(st.integers(1, 4)))
    saved = order.position
    first = next((number for number, one in enumerate(made.messages) if one.upto > saved), at)
    again = LedgerOrder(PARTITIONS, saved)
    for message in made.messages[min(first, at) :]:
        again.add(message)
        while again.is_behind:
            released += again.release(2)
    assert released == made.places


def test_nothing_is_given_out_before_every_partition_has_told() -> None:
    order = LedgerOrder(2)
    late, early = PlacedSuspicion(4, 0, suspicion(4, 0)), PlacedSuspicion(1, 7, suspicion(1, 7))
    order.add(ScoredMessage(5, [0], [late]))
    assert order.release(9) == []
    order.add(ScoredMessage(2, [1], [early]))
    assert order.release(9) == [early]
    order.add(ScoredMessage(5, [0, 1], [late]))
    assert order.release(9) == [late]
    order.add(ScoredMessage(9, [0, 1], [early, late]))
    assert order.release(9) == []
    assert order.position == 9
