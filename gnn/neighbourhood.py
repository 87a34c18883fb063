"""Two-hop neighbourhoods of past transactions, gathered from a replay's history into the layout of serving."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fraud.compiled import kernel
from fraud.errors import InputError
from graph.observation import FANOUT, MESSAGE_WIDTH, ROLES, NeighbourHistory

__all__ = ["EdgeTimeNeighbourhoods", "Neighbourhood", "Neighbourhoods", "ResampledNeighbourhoods"]

_ROLES = len(ROLES)
_SENDERS = 2  # payer and target: the ends that leave a message


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """The part of an ``Observation`` that the network reads, for any n transactions."""

    self_message: NDArray[np.int16]
    """[n, 4, D]; all zero where the transaction lacks that end (a real message never is: hour_sin² + hour_cos² = 1)"""
    slot_message: NDArray[np.int16]
    """[n, 4, K, D]"""
    slot_hop2: NDArray[np.int16]
    """[n, 4, K, D]"""
    slot_hop2_count: NDArray[np.uint8]
    """[n, 4, K]"""
    slot_age: NDArray[np.float32]
    """[n, 4, K]"""
    slot_count: NDArray[np.uint8]
    """[n, 4]"""

    def __len__(self) -> int:
        return len(self.self_message)


class Neighbourhoods(Protocol):
    """Source of neighbourhoods by event number."""

    def gather(self, rows: NDArray[np.int64]) -> Neighbourhood:
        """Neighbourhoods of the events ``rows``, in that order, each strictly before its event."""
        ...


class EdgeTimeNeighbourhoods:
    """Edge-time semantics: a slot's hop 2 is what its sender held when the slot's transaction happened.

    Equals, bit for bit, what ``OnlineGraph.observe`` said of the same events.
    """

    def __init__(self, history: NeighbourHistory) -> None:
        self._history = history
        self._held_sum, self._held_count = _held(history.self_message, history.slot_serial)

    def gather(self, rows: NDArray[np.int64]) -> Neighbourhood:
        """Neighbourhoods of the events ``rows``, in that order; ``InputError`` if a row is outside the history."""
        history = self._history
        rows = _checked_rows(rows, len(history))
        slot_message, slot_count = _gather_slots(rows, history.self_message, history.slot_serial)
        slot_hop2, slot_hop2_count = _gather_held(rows, history.slot_serial, self._held_sum, self._held_count)
        return Neighbourhood(
            history.self_message[rows],
            slot_message,
            slot_hop2,
            slot_hop2_count,
            history.slot_age[rows],
            slot_count,
        )


class ResampledNeighbourhoods:
    """Resampled semantics: a slot's hop 2 is what its sender holds now, just before the new transaction.

    Only for the ablation against edge-time semantics. ``ends`` [n, 4] are the node numbers of every event
    (−1 for none), ``rows`` the increasing event numbers that ``gather`` may later be asked for.
    """

    def __init__(self, history: NeighbourHistory, ends: NDArray[np.int32], rows: NDArray[np.int64]) -> None:
        self._history = history
        self._rows = _checked_rows(rows, len(history))
        if (np.diff(self._rows) <= 0).any():
            raise InputError("rows: must be strictly increasing event numbers; sort them and drop repeats")
        self._hop2, self._hop2_count = _resample(self._rows, history.self_message, history.slot_serial, ends)

    def gather(self, rows: NDArray[np.int64]) -> Neighbourhood:
        """Neighbourhoods of the events ``rows``; ``InputError`` for a row that was not announced."""
        history = self._history
        rows = _checked_rows(rows, len(history))
        at = np.searchsorted(self._rows, rows)
        if (at == len(self._rows)).any() or (self._rows[at] != rows).any():
            raise InputError("rows: an event number was not among those given at construction; add it there")
        slot_message, slot_count = _gather_slots(rows, history.self_message, history.slot_serial)
        return Neighbourhood(
            history.self_message[rows],
            slot_message,
            self._hop2[at],
            self._hop2_count[at],
            history.slot_age[rows],
            slot_count,
        )


def _checked_rows(rows: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    rows = np.ascontiguousarray(rows, dtype=np.int64)
    if len(rows) and (rows.min() < 0 or rows.max() >= length):
        raise InputError(f"rows: event numbers must lie in [0, {length}), got {rows.min()} to {rows.max()}")
    return rows


@kernel
def _held(
    self_message: NDArray[np.int16], slot_serial: NDArray[np.int64]
) -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    """Sum and number of the messages that each sender held just before each event: [n, 2, D] and [n, 2]."""
    n = len(self_message)
    held_sum = np.zeros((n, _SENDERS, MESSAGE_WIDTH), np.int16)
    held_count = np.zeros((n, _SENDERS), np.uint8)
    for event in range(n):
        for sender in range(_SENDERS):
            for k in range(FANOUT):
                serial = slot_serial[event, sender, k]
                if serial < 0:
                    continue
                held_count[event, sender] += 1
                for d in range(MESSAGE_WIDTH):
                    held_sum[event, sender, d] += self_message[serial >> 1, serial & 1, d]
    return held_sum, held_count


@kernel
def _gather_slots(
    rows: NDArray[np.int64], self_message: NDArray[np.int16], slot_serial: NDArray[np.int64]
) -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    slot_message = np.zeros((len(rows), _ROLES, FANOUT, MESSAGE_WIDTH), np.int16)
    slot_count = np.zeros((len(rows), _ROLES), np.uint8)
    for i in range(len(rows)):
        for role in range(_ROLES):
            for k in range(FANOUT):
                serial = slot_serial[rows[i], role, k]
                if serial < 0:
                    continue
                slot_count[i, role] += 1
                for d in range(MESSAGE_WIDTH):
                    slot_message[i, role, k, d] = self_message[serial >> 1, serial & 1, d]
    return slot_message, slot_count


@kernel
def _gather_held(
    rows: NDArray[np.int64],
    slot_serial: NDArray[np.int64],
    held_sum: NDArray[np.int16],
    held_count: NDArray[np.uint8],
) -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    hop2 = np.zeros((len(rows), _ROLES, FANOUT, MESSAGE_WIDTH), np.int16)
    hop2_count = np.zeros((len(rows), _ROLES, FANOUT), np.uint8)
    for i in range(len(rows)):
        for role in range(_ROLES):
            for k in range(FANOUT):
                serial = slot_serial[rows[i], role, k]
                if serial < 0:
                    continue
                hop2_count[i, role, k] = held_count[serial >> 1, serial & 1]
                for d in range(MESSAGE_WIDTH):
                    hop2[i, role, k, d] = held_sum[serial >> 1, serial & 1, d]
    return hop2, hop2_count


@kernel
def _resample(
    rows: NDArray[np.int64],
    self_message: NDArray[np.int16],
    slot_serial: NDArray[np.int64],
    ends: NDArray[np.int32],
) -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    """Replay the log with one ring of serials a node; before each wanted row, sum what its slots' senders hold."""
    hop2 = np.zeros((len(rows), _ROLES, FANOUT, MESSAGE_WIDTH), np.int16)
    hop2_count = np.zeros((len(rows), _ROLES, FANOUT), np.uint8)
    nodes = 0
    for event in range(len(ends)):
        for role in range(_ROLES):
            nodes = max(nodes, ends[event, role] + 1)
    ring = np.empty((nodes, FANOUT), np.int64)
    received = np.zeros(nodes, np.int64)
    wanted = 0
    for event in range(len(ends)):
        if wanted == len(rows):
            break
        if rows[wanted] == event:
            for role in range(_ROLES):
                for k in range(FANOUT):
                    serial = slot_serial[event, role, k]
                    if serial < 0:
                        continue
                    sender = ends[serial >> 1, serial & 1]
                    held = min(received[sender], FANOUT)
                    hop2_count[wanted, role, k] = held
                    for j in range(held):
                        other = ring[sender, j]
                        for d in range(MESSAGE_WIDTH):
                            hop2[wanted, role, k, d] += self_message[other >> 1, other & 1, d]
            wanted += 1
        for role in range(_ROLES):
            node = ends[event, role]
            if node >= 0:
                ring[node, received[node] % FANOUT] = 2 * event + (1 if role == 0 else 0)
                received[node] += 1
    return hop2, hop2_count
