"""A small random replay that obeys the observation contract, by a slow plain-Python model of the online graph."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnn.neighbourhood import Neighbourhood
from graph.observation import (
    FANOUT,
    MESSAGE_LIMIT,
    MESSAGE_SCALE,
    MESSAGE_WIDTH,
    ROLES,
    NeighbourHistory,
    Observation,
)

_ACCOUNTS, _TARGETS, _DEVICES, _ADDRESSES = 60, 12, 30, 10


@dataclass(frozen=True)
class Replay:
    history: NeighbourHistory
    ends: NDArray[np.int32]
    label: NDArray[np.int8]
    observation: Observation

    def neighbourhood(self) -> Neighbourhood:
        o = self.observation
        return Neighbourhood(
            o.self_message, o.slot_message, o.slot_hop2, o.slot_hop2_count, o.slot_age, o.slot_count
        )


def random_replay(events: int, seed: int = 0, extreme: bool = False) -> Replay:
    """Frauds share devices; their messages differ in one column, and so do those of their neighbours."""
    random = np.random.default_rng(seed)
    ends = _random_ends(random, events)
    ring = random.random(_DEVICES) < 0.15
    device = ends[:, 2] - _ACCOUNTS - _TARGETS
    label = ((device >= 0) & ring[np.maximum(device, 0)] & (random.random(events) < 0.7)).astype(np.int8)
    message = _random_messages(random, ends, label, extreme)
    time = np.cumsum(random.exponential(0.5, events))  # hours

    shape = (events, len(ROLES), FANOUT)
    serial = np.full(shape, -1, np.int64)
    age = np.zeros(shape, np.float32)
    slot_message = np.zeros((*shape, MESSAGE_WIDTH), np.int16)
    hop2 = np.zeros((*shape, MESSAGE_WIDTH), np.int16)
    hop2_count = np.zeros(shape, np.uint8)
    held: defaultdict[int, deque[int]] = defaultdict(lambda: deque(maxlen=FANOUT))
    sum_when_sent: dict[int, tuple[NDArray[np.int16], int]] = {}
    for event in range(events):
        for role in range(len(ROLES)):
            if ends[event, role] < 0:
                continue
            for k, sent in enumerate(held[ends[event, role]]):
                serial[event, role, k] = sent
                age[event, role, k] = np.log1p(time[event] - time[sent // 2])
                slot_message[event, role, k] = message[sent // 2, sent % 2]
                hop2[event, role, k], hop2_count[event, role, k] = sum_when_sent[sent]
        for side in (0, 1):
            mine = list(held[ends[event, side]])
            total = sum((message[s // 2, s % 2] for s in mine), np.zeros(MESSAGE_WIDTH, np.int16))
            sum_when_sent[2 * event + side] = total, len(mine)
        for role in range(len(ROLES)):
            if ends[event, role] >= 0:
                held[ends[event, role]].append(2 * event + (1 if role == 0 else 0))
    history = NeighbourHistory(message, serial, age)
    features = np.zeros((events, 1), np.float32)
    count = (serial >= 0).sum(axis=2).astype(np.uint8)
    observation = Observation(
        features, ends, message, slot_message, hop2, hop2_count, age, count, serial, first_event=0
    )
    return Replay(history, ends, label, observation)


def _random_ends(random: np.random.Generator, events: int) -> NDArray[np.int32]:
    """Some payers pay other accounts; some transactions have no device or no address."""
    account = random.integers(0, _ACCOUNTS, events)
    target = np.where(
        random.random(events) < 0.3,
        (account + random.integers(1, _ACCOUNTS, events)) % _ACCOUNTS,
        _ACCOUNTS + random.integers(0, _TARGETS, events),
    )
    device = _ACCOUNTS + _TARGETS + random.integers(0, _DEVICES, events)
    address = _ACCOUNTS + _TARGETS + _DEVICES + random.integers(0, _ADDRESSES, events)
    device[random.random(events) < 0.2] = -1
    address[random.random(events) < 0.4] = -1
    return np.stack([account, target, device, address], axis=1).astype(np.int32)


def _random_messages(
    random: np.random.Generator, ends: NDArray[np.int32], label: NDArray[np.int8], extreme: bool
) -> NDArray[np.int16]:
    value = random.normal(0.0, 1.0, (*ends.shape, MESSAGE_WIDTH)) * np.linspace(0.3, 2.0, MESSAGE_WIDTH)
    value += np.linspace(0.0, 8.0, MESSAGE_WIDTH)
    value[:, :, 3] += 1.5 * label[:, None]
    if extreme:
        wild = random.random(value.shape) < 0.2
        value[wild] = random.choice([-MESSAGE_LIMIT, MESSAGE_LIMIT], wild.sum())
    value = np.clip(value, -MESSAGE_LIMIT, MESSAGE_LIMIT)
    message = np.rint(value * MESSAGE_SCALE).astype(np.int16)
    message[ends < 0] = 0
    return message
