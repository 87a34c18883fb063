"""Looks at transactions without keeping them: each is described by the kernels of ``observe`` and leaves no trace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fraud.errors import InputError
from graph.events import Events
from graph.found import FoundNames
from graph.kernels.observe import observe_rows
from graph.kernels.preview import lend_numbers, put_back, put_by, return_numbers
from graph.layout import NODE
from graph.motif_layout import PARTY, TRANSFER, Census
from graph.motifs import MotifState
from graph.nodes import NodeIndex, pack_names
from graph.pairs import PairTable

__all__ = ["look_at"]

ENDS = 4
PARTIES_TOUCHED = 6
"""Those of payer and payee, and the next two that could be given out from either end of the list."""


class _Kept(NamedTuple):
    """What one transaction may change of the motif state."""

    census: NDArray[np.int64]
    numbers: NDArray[np.int32]
    party_at: NDArray[np.int64]
    parties: NDArray[np.void]
    transfer_at: NDArray[np.int64]
    transfers: NDArray[np.void]


def look_at(
    index: NodeIndex,
    pairs: PairTable,
    motifs: MotifState,
    counters: NDArray[np.int64],
    population: NDArray[np.float64],
    events: Events,
    out: Mapping[str, NDArray[Any]],
    found: FoundNames,
) -> None:
    """Fill ``out``, row by row, with what each event would be described by if it came alone.

    Raises InputError where there are labels among the events.
    """
    if events.kind.any():
        raise InputError("preview: labels among the transactions; leave them out")
    rows = events.rows.copy()
    text, sizes = pack_names(events.names())
    lent, nobody, arrays = np.empty(ENDS, dtype=np.int32), np.zeros(1, dtype=NODE), motifs.arrays
    kept = _Kept(
        np.empty(len(Census), dtype=np.int64),
        np.empty(2, dtype=np.int32),
        np.empty(PARTIES_TOUCHED, dtype=np.int64),
        np.empty(PARTIES_TOUCHED, dtype=PARTY),
        np.empty(2, dtype=np.int64),
        np.empty(2, dtype=TRANSFER),
    )
    at = 0
    for row in range(len(rows)):
        at = lend_numbers(
            rows[row], sizes[ENDS * row : ENDS * (row + 1)], text, at, index.room, index.names, index.table,
            index.free, index.census, lent,
        )  # fmt: skip
        put_by(rows[row], index.room, arrays, kept)
        observe_rows(
            rows[row : row + 1], row, index.room, pairs.places, pairs.segments, counters, population,
            out["features"], out["ends"], out["self_message"], out["slot_message"], out["slot_hop2"],
            out["slot_hop2_count"], out["slot_age"], out["slot_count"], out["slot_serial"], index.names, arrays,
            found.written, False,
        )  # fmt: skip
        found.name(arrays.parties["name"])
        put_back(rows[row], index.room, arrays, kept)
        return_numbers(index.room, index.names, lent, nobody)
