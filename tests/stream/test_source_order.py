"""Records of partitions come out in the order of their times, each once, however they were fetched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from stream.source_order import MOST, PATIENCE_SECONDS, STEP, SourceOrder


@dataclass(frozen=True)
class Sent:
    place: int
    time: int

    def offset(self) -> int:
        return self.place

    def timestamp(self) -> tuple[int, int]:
        return (1, self.time)


class Broker:
    """What each partition has, and how much of it a client has been given."""

    def __init__(self, partitions: Mapping[int, list[Sent]]) -> None:
        self.partitions = partitions
        self.given = dict.fromkeys(partitions, 0)
        self.now = 0.0
        self.order = SourceOrder[Sent](partitions, self.end_of, lambda: self.now)

    def end_of(self, partition: int) -> int:
        return len(self.partitions[partition])

    def give(self, partition: int, count: int) -> None:
        begin = self.given[partition]
        self.order.put(partition, self.partitions[partition][begin : begin + count])
        self.given[partition] = min(begin + count, len(self.partitions[partition]))

    @property
    def all_given(self) -> bool:
        return all(self.given[one] == len(records) for one, records in self.partitions.items())


def evenly(partitions: int, each: int) -> dict[int, list[Sent]]:
    """One record a millisecond, partitions in turn."""
    return {
        one: [Sent(place, place * partitions + one) for place in range(each)] for one in range(partitions)
    }


def farthest(times: list[int]) -> int:
    """By how much a record comes after one that is younger, at most."""
    youngest, most = times[0], 0
    for one in times:
        youngest = max(youngest, one)
        most = max(most, youngest - one)
    return most


def out(order: SourceOrder[Sent]) -> list[int]:
    """Times of what is given out until there is no more to be had, partition after partition of each portion."""
    times: list[int] = []
    while taken := order.take():
        assert sum(map(len, taken.values())) <= MOST
        times += [one.time for records in taken.values() for one in records]
    return times


@given(
    st.lists(st.integers(0, 3 * MOST), min_size=1, max_size=6),
    st.lists(st.integers(1, 2 * MOST), min_size=1, max_size=5),
    st.data(),
)
def test_a_backlog_comes_once_in_the_order_of_time_whatever_is_fetched_first(
    sizes: list[int], fetches: list[int], data: st.DataObject
) -> None:
    """Times are spread over the same span in each partition, whatever it holds, so that their paces differ."""
    span = 6 * MOST
    broker = Broker(
        {one: [Sent(place, place * span // size) for place in range(size)] for one, size in enumerate(sizes)}
    )
    turns = data.draw(st.permutations(range(len(sizes))))
    times: list[int] = []
    while not broker.all_given:
        for partition in turns:
            for count in fetches:
                if partition not in broker.order.full():
                    broker.give(partition, count)
            times += out(broker.order)
    times += out(broker.order)
    assert sorted(times) == sorted(one.time for records in broker.partitions.values() for one in records)
    # A portion holds what follows in time, but for the last step of each partition.
    smallest = min((size for size in sizes if size), default=1)
    assert (
        not times
        or farthest(times) <= span * (MOST + len(sizes) * STEP) / sum(sizes) + span * STEP / smallest
    )


def test_each_partition_keeps_its_order_though_its_times_do_not() -> None:
    broker = Broker({0: [Sent(place, -place) for place in range(5 * STEP)], 1: evenly(1, 5 * STEP)[0]})
    broker.give(0, 5 * STEP)
    broker.give(1, 5 * STEP)
    taken = broker.order.take()
    assert taken == broker.partitions
    assert broker.order.take() == {}


def test_a_partition_of_which_there_is_more_holds_up_the_others_for_a_second() -> None:
    broker = Broker(evenly(3, 100))
    broker.give(0, 100)
    broker.give(1, 100)
    assert out(broker.order) == []
    broker.now += PATIENCE_SECONDS / 2
    assert out(broker.order) == []
    broker.now += PATIENCE_SECONDS / 2
    assert len(out(broker.order)) == 200
    # It is waited for again once it has given something.
    broker.give(2, 50)
    assert len(out(broker.order)) == 50
    broker.partitions[0].append(Sent(100, 1_000))
    broker.give(0, 1)
    assert out(broker.order) == []
    broker.give(2, 50)
    assert len(out(broker.order)) == 51


def test_a_partition_at_its_end_holds_up_nobody() -> None:
    """By what the broker has of it, or by word of the client where the last of it are marks of its transactions."""
    broker = Broker({**evenly(2, 10), 2: [Sent(0, 0)]})
    broker.give(0, 10)
    broker.give(2, 1)
    assert out(broker.order) == []
    broker.order.at_end(1)
    assert len(out(broker.order)) == 11
    broker.give(1, 5)
    assert len(out(broker.order)) == 5


def test_a_partition_is_waited_for_while_nothing_is_known_of_it() -> None:
    order = SourceOrder[Sent]({0, 1}, lambda partition: None)
    assert order.take() == {}
    order.put(0, [Sent(0, 0)])
    assert order.take() == {}
    order.at_end(1)
    assert order.take() == {0: [Sent(0, 0)]}


def test_what_was_given_before_is_passed_over() -> None:
    broker = Broker(evenly(1, 20))
    broker.give(0, 10)
    assert len(out(broker.order)) == 10
    broker.order.put(0, broker.partitions[0][5:12])
    assert out(broker.order) == [10, 11]


def test_a_partition_whose_records_are_not_due_yet_is_fetched_no_further_until_they_are() -> None:
    later = [Sent(place, 10**6 + place) for place in range(50_000)]
    broker = Broker({0: evenly(1, 50_000)[0], 1: later})
    for _ in range(7):
        assert broker.order.full() == set()
        broker.give(0, 500)
        broker.give(1, 5_000)
        assert len(out(broker.order)) == 500
    assert (broker.order.full(), broker.order.short()) == ({1}, {0})
    while broker.given[0] < 50_000:
        broker.give(0, 5_000)
        out(broker.order)
    assert broker.order.short() == {0, 1}
    assert broker.given[1] == 35_000
