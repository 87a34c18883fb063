"""Streams of raw events for the tests of the online graph, and hypothesis strategies that make them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from graph import snapshot
from graph.events import LABEL, RING_MARK, TRANSACTION, Events
from graph.found import FoundPatterns
from graph.observation import ARRAYS, Observation
from graph.online import OnlineGraph

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
START = 19_800 * DAY + 7 * HOUR + 123_456

ACCOUNTS = tuple(f"a_{i}" for i in range(5))
MERCHANTS = tuple(f"shop{i}" for i in range(3))
DEVICES = ("d_0", "d_1", "d_2", None)
IPS = ("i_0", "i_1", None)
AMOUNTS = (0.07, 3.0, 12.5, 13.37, 47.11, 250.0, 251.3, 9_999.99, 1e6)
PLACES = ((None, None), (19.07, 72.88), (28.61, 77.21), (28.62, 77.2), (-33.45, -70.66), (0.0, 0.0))
GAPS = (
    0,
    0,
    1,
    999_999,
    SECOND,
    40 * SECOND,
    13 * 60 * SECOND,
    HOUR,
    5 * HOUR,
    DAY,
    4 * DAY,
    11 * DAY,
    60 * DAY,
)


@dataclass(frozen=True, repr=False)
class Raw:
    """One event as the outside world tells it: a transaction, what was reported of one, or a ring mark."""

    time: int
    account: str
    target: str
    is_transfer: bool = False
    device: str | None = None
    ip: str | None = None
    amount: float = 12.5
    channel: int = 0
    mcc: int = -1
    latitude: float | None = None
    longitude: float | None = None
    known_at: int | None = None
    is_fraud: bool = False
    level: int | None = None
    """Of a ring mark."""

    @property
    def is_label(self) -> bool:
        return self.known_at is not None

    @property
    def is_mark(self) -> bool:
        return self.level is not None

    @property
    def kind(self) -> int:
        return RING_MARK if self.is_mark else LABEL if self.is_label else TRANSACTION

    def __repr__(self) -> str:
        told = {k: v for k, v in self.__dict__.items() if v not in (None, False, -1) and k != "time"}
        return f"Raw(START + {self.time - START}, {', '.join(f'{k}={v!r}' for k, v in told.items())})"

    def reported(self, known_at: int, is_fraud: bool) -> Raw:
        return Raw(**{**self.__dict__, "known_at": known_at, "is_fraud": is_fraud})


def to_events(stream: Sequence[Raw]) -> Events:
    degrees = [(np.nan if x.latitude is None else x.latitude, x.longitude or 0.0) for x in stream]
    return Events.from_columns(
        kind=np.array([x.kind for x in stream], dtype=np.uint8),
        time=np.array([x.time if x.known_at is None else x.known_at for x in stream], dtype=np.int64),
        event_time=np.array([x.time for x in stream], dtype=np.int64),
        is_fraud=np.array([int(x.is_fraud) if x.is_label else -1 for x in stream], dtype=np.int8),
        amount=np.array([x.amount for x in stream], dtype=np.float64),
        account=[x.account for x in stream],
        target=[x.target for x in stream],
        is_transfer=np.array([x.is_transfer for x in stream], dtype=np.bool_),
        device=[x.device for x in stream],
        ip=[x.ip for x in stream],
        channel=np.array([x.channel for x in stream], dtype=np.uint8),
        mcc=np.array([x.mcc if x.level is None else x.level for x in stream], dtype=np.int32),
        latitude=np.array([one[0] for one in degrees], dtype=np.float32),
        longitude=np.array([one[1] for one in degrees], dtype=np.float32),
    )


def mark(time: int, account: str, level: int) -> Raw:
    """What the ring desk says of an account."""
    return Raw(time, account, account, is_transfer=True, level=level)


def assert_same_bits(one: Observation, other: Observation) -> None:
    assert one.first_event == other.first_event
    for name in ARRAYS:
        _assert_same_array(name, getattr(one, name), getattr(other, name))
    for ours, theirs in zip((one.found, *one.detected), (other.found, *other.detected), strict=True):
        for name in FoundPatterns.__slots__:
            _assert_same_array(f"found.{name}", getattr(ours, name), getattr(theirs, name))


def assert_cuts_and_a_restart_change_nothing(
    whole: OnlineGraph, cut: OnlineGraph, stream: Sequence[Raw], size: int, folder: Path
) -> Observation:
    """Two graphs alike, the one shown a stream at once, the other in parts, saved and restored after the fifth.

    Returns what the one said, which is what the other did; their detector holds the same bytes then.
    """
    seen = whole.observe(to_events(stream))
    row = 0
    for start in range(0, len(stream), size):
        if start // size == 5:
            snapshot.save(cut, folder / "graph")
            cut = snapshot.load(folder / "graph")
        part = cut.observe(to_events(stream[start : start + size]))
        assert_same_bits(part, rows(seen, row, row + len(part)))
        row += len(part)
    used = whole.index.used
    assert cut.index.used == used
    for name, block in whole.detectors[0].blocks(used).items():
        assert block.tobytes() == cut.detectors[0].blocks(used)[name].tobytes(), name
    return seen


def _assert_same_array(name: str, left: np.ndarray, right: np.ndarray) -> None:
    assert (left.dtype, left.shape) == (right.dtype, right.shape), name
    assert left.tobytes() == right.tobytes(), f"{name} differs"


def rows(observation: Observation, start: int, stop: int) -> Observation:
    """Some rows of an observation with neighbourhoods."""
    return Observation(
        **{name: getattr(observation, name)[start:stop] for name in ARRAYS},
        first_event=observation.first_event + start,
        found=observation.found.take(np.arange(start, stop)),
        detected=tuple(one.take(np.arange(start, stop)) for one in observation.detected),
    )


def random_stream(
    seed: int, length: int, *, accounts: int = 5, labels: float = 0.3, marks: float = 0.1
) -> list[Raw]:
    """A long stream: mostly short gaps, labels a few days late, ring marks, some transactions out of order."""
    chance = random.Random(seed)  # noqa: S311
    stream: list[Raw] = []
    now = START
    for _ in range(length):
        now += chance.choice((0, 1, 40 * SECOND, 700 * SECOND, HOUR, 3 * HOUR, 9 * HOUR, DAY))
        told = [x for x in stream if x.kind == TRANSACTION]
        if chance.random() < marks:
            stream.append(mark(now, f"a_{chance.randrange(accounts)}", chance.choice((0, 17, 204, 255))))
            continue
        if told and chance.random() < labels:
            stream.append(chance.choice(told[-60:]).reported(now, chance.random() < 0.4))
            continue
        late = chance.choice((0, 0, 0, 0, HOUR, 40 * DAY)) if chance.random() < 0.1 else 0
        payer = f"a_{chance.randrange(accounts)}"
        is_transfer = chance.random() < 0.4
        target = f"a_{chance.randrange(accounts)}" if is_transfer else chance.choice(MERCHANTS)
        latitude, longitude = chance.choice(PLACES)
        stream.append(
            Raw(
                time=now - late,
                account=payer,
                target=target,
                is_transfer=is_transfer,
                device=chance.choice(DEVICES),
                ip=chance.choice(IPS),
                amount=round(chance.lognormvariate(3, 1.5), 2) + 0.01,
                channel=chance.randrange(5),
                mcc=chance.choice((-1, 5411, 1_000_123)),
                latitude=latitude,
                longitude=longitude,
            )
        )
    return stream


@st.composite
def transactions(draw: st.DrawFn, time: int) -> Raw:
    is_transfer = draw(st.booleans())
    latitude, longitude = draw(st.sampled_from(PLACES))
    return Raw(
        time=time,
        account=draw(st.sampled_from(ACCOUNTS)),
        target=draw(st.sampled_from(ACCOUNTS if is_transfer else MERCHANTS)),
        is_transfer=is_transfer,
        device=draw(st.sampled_from(DEVICES)),
        ip=draw(st.sampled_from(IPS)),
        amount=draw(st.sampled_from(AMOUNTS)),
        channel=draw(st.integers(0, 32)),
        mcc=draw(st.sampled_from((-1, 0, 5411, 1_000_999))),
        latitude=latitude,
        longitude=longitude,
    )


@st.composite
def streams(draw: st.DrawFn, *, longest: int = 40) -> list[Raw]:
    """Transactions, labels and ring marks in order; labels late, wrong, twice, or of what was never seen."""
    stream: list[Raw] = []
    now = START
    for _ in range(draw(st.integers(0, longest))):
        now += draw(st.sampled_from(GAPS))
        told = [x for x in stream if x.kind == TRANSACTION]
        what = draw(st.integers(0, 11))
        if what < 3 and told:
            stream.append(draw(st.sampled_from(told)).reported(now, draw(st.booleans())))
        elif what == 3:
            unseen = draw(transactions(now - draw(st.sampled_from(GAPS))))
            stream.append(unseen.reported(now, draw(st.booleans())))
        elif what in (5, 6):
            stream.append(mark(now, draw(st.sampled_from(ACCOUNTS)), draw(st.integers(0, 255))))
        elif what == 4:
            stream.append(draw(transactions(now - draw(st.sampled_from(GAPS)))))
        else:
            stream.append(draw(transactions(now)))
    return stream
