"""Distinct counterparties of an account within the window, with the first and the latest transfer of each.

Fans as in IBM's AMLworld (Altman et al. 2023) and its Graph Feature Preprocessor (Blanuša et al. 2024): fan-in are the
different accounts that paid one account within a window, fan-out the different ones that it paid.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fraud.compiled import kernel
from graph.kernels.motif_edges import LATENESS, RING, TAIL, WINDOW, newest

REACH = 96
"""Transfers of one list that are looked at, at most, the latest to have arrived first."""

PLACES = 256
"""Of the table that finds a counterparty again; at most ``REACH`` of them are in use."""

LISTS = 4
PAYER_OUT, PAYER_IN, PAYEE_IN, PAYEE_OUT = 0, 1, 2, 3
"""Lists of the two ends of a transfer, by number."""

NEAR = np.dtype(
    [
        (
            "first",
            np.int64,
        ),  # time and serial of the earliest and of the latest transfer with this counterparty
        ("first_serial", np.int64),
        ("last", np.int64),
        ("last_serial", np.int64),
        ("party", np.int32),
    ],
    align=True,
)
"""One counterparty."""


@kernel
def collect(
    transfers: Any,
    parties: Any,
    census: Any,
    spans: Any,
    party: int,
    side: int,
    now: int,
    near: Any,
    table: Any,
) -> tuple[int, float]:
    """Counterparties of ``party`` in the window up to ``now``, into ``near`` [REACH]; returns how many, and the sum.

    ``side``: 0 whom it paid, 1 who paid it. ``table`` [PLACES] finds a counterparty in ``near``, see ``find_near``.
    """
    for place in range(PLACES):
        table[place] = 0
    since = now - spans[WINDOW]
    mask = census[RING] - 1
    held = 0
    total = 0.0
    serial = newest(parties, census, party, side)
    for _ in range(REACH):
        if serial < census[TAIL]:
            break
        at = serial & mask
        time = transfers[at].time
        if time <= since - spans[LATENESS]:
            break
        if time > since and time <= now:
            other = np.int64(transfers[at].target if side == 0 else transfers[at].source)
            held = _note(near, table, held, other, time, serial)
            total += transfers[at].amount
        back = np.int64(transfers[at].back_out if side == 0 else transfers[at].back_in)
        if back == 0:
            break
        serial -= back
    return held, total


@kernel
def _place(near: Any, table: Any, party: int) -> int:
    place = (party * 0x9E3779B1 >> 8) & (PLACES - 1)
    while table[place] != 0 and near[table[place] - 1].party != party:
        place = (place + 1) & (PLACES - 1)
    return place


@kernel
def find_near(near: Any, table: Any, party: int) -> int:
    """Index of a counterparty in ``near``, −1 when it is not there."""
    return np.int64(table[_place(near, table, party)]) - 1


@kernel
def _note(near: Any, table: Any, held: int, party: int, time: int, serial: int) -> int:
    place = _place(near, table, party)
    if table[place] == 0:
        table[place] = held + 1
        one = near[held]
        one.party = party
        one.first = time
        one.first_serial = serial
        one.last = time
        one.last_serial = serial
        return held + 1
    one = near[table[place] - 1]
    if is_before(time, serial, one.first, one.first_serial):
        one.first = time
        one.first_serial = serial
    if is_before(one.last, one.last_serial, time, serial):
        one.last = time
        one.last_serial = serial
    return held


@kernel
def is_before(time: int, serial: int, other_time: int, other_serial: int) -> bool:
    """Order of transfers: by time, by arrival where times are equal."""
    return time < other_time or (time == other_time and serial < other_serial)


@kernel
def fan_since(near: Any, held: int, since: int) -> int:
    """How many of the counterparties had a transfer after ``since``."""
    fan = 0
    for i in range(held):
        if near[i].last > since:
            fan += 1
    return fan
