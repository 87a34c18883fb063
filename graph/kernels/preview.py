"""What looking at a transaction without keeping it puts into the state for a moment, and how it is taken back.

``graph.kernels.observe`` describes the transaction in between, with the very kernels that describe one that is kept.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fraud.compiled import kernel
from graph.kernels.motif_edges import FREE, HEAD, PARTIES, RING
from graph.kernels.names import add_record, find_name, hash_name, kind_of_end, read_name
from graph.layout import ACCOUNT, PAYEE
from graph.name_layout import WORDS

ENDS = 4
NEWEST_FREE = 2
"""New parties that one transfer may need."""


@kernel
def lend_numbers(
    event: Any,
    sizes: Any,
    text: Any,
    at: int,
    nodes: Any,
    names: Any,
    table: Any,
    free: Any,
    census: Any,
    lent: Any,
) -> int:
    """Number the ends of an event; an unknown one gets, for as long as this takes, the number it would get for good.

    ``text`` from ``at`` on holds its names, of ``sizes`` [4]; ``lent`` [4] are the numbers of newcomers, −1 elsewhere.
    Nothing is put into the table of names. Returns where the text goes on.
    """
    owner = np.empty(WORDS, dtype=np.uint64)
    newcomers = 0
    for end in range(ENDS):
        lent[end] = -1
        event.ends[end] = -1
        if sizes[end] == 0:
            continue
        read_name(text, at, np.int64(sizes[end]), kind_of_end(end, event.is_transfer), owner)
        at += np.int64(sizes[end])
        place = find_name(names, table, census, owner, hash_name(owner))
        if table[place] > 0:
            event.ends[end] = table[place] - 1
            continue
        spare = census[1] - 1 - newcomers
        number = np.int64(free[spare]) if spare >= 0 else census[0] - spare - 1
        newcomers += 1
        event.ends[end] = lent[end] = number
        add_record(owner, number, nodes, names, table, census)
    if lent[0] >= 0 and event.is_transfer == 1 and lent[1] >= 0 and _is_same_account(names, lent[0], lent[1]):
        nodes[lent[0]].twin = lent[1] + 1
        nodes[lent[1]].twin = lent[0] + 1
    return at


@kernel
def _is_same_account(names: Any, account: int, payee: int) -> bool:
    """Whether two newcomers, neither of them in the table of names, are the sides of one account."""
    for w in range(WORDS - 1):
        if names[account, w] != names[payee, w]:
            return False
    return names[account, 3] ^ names[payee, 3] == np.uint64(ACCOUNT ^ PAYEE) << np.uint64(61)


@kernel
def return_numbers(nodes: Any, names: Any, lent: Any, nobody: Any) -> None:
    """Clear what ``lend_numbers`` wrote; ``nobody`` is a record of zeros."""
    for end in range(ENDS):
        number = lent[end]
        if number < 0:
            continue
        if nodes[number].twin > 0:
            nodes[nodes[number].twin - 1].twin = 0
        nodes[number] = nobody[0]
        for w in range(WORDS):
            names[number, w] = 0


@kernel
def put_by(event: Any, nodes: Any, motifs: Any, kept: Any) -> None:
    """Keep a copy of whatever of the motif state taking in this one event may change."""
    kept.census[:] = motifs.census
    census, parties = motifs.census, motifs.parties
    kept.party_at[:] = -1
    for side in range(2):
        number = event.ends[side]
        kept.numbers[side] = nodes[number].party
        kept.party_at[side] = _party_of(nodes, number)
    for i in range(NEWEST_FREE):
        if census[FREE] > i:
            kept.party_at[2 + i] = motifs.free[census[FREE] - 1 - i]
        if census[PARTIES] + i < len(parties):
            kept.party_at[4 + i] = census[PARTIES] + i
    for i in range(len(kept.party_at)):
        if kept.party_at[i] >= 0:
            kept.parties[i] = parties[kept.party_at[i]]
    for i in range(2):
        # The ring may be doubled to make room: the new transfer's place is then another one.
        kept.transfer_at[i] = census[HEAD] & ((census[RING] << i) - 1)
        if kept.transfer_at[i] < len(motifs.transfers):
            kept.transfers[i] = motifs.transfers[kept.transfer_at[i]]


@kernel
def _party_of(nodes: Any, number: int) -> int:
    node = nodes[number]
    if node.party == 0 and node.twin > 0:
        return np.int64(nodes[node.twin - 1].party) - 1
    return np.int64(node.party) - 1


@kernel
def put_back(event: Any, nodes: Any, motifs: Any, kept: Any) -> None:
    """Restore what ``put_by`` kept."""
    motifs.census[:] = kept.census
    for side in range(2):
        nodes[event.ends[side]].party = kept.numbers[side]
    for i in range(len(kept.party_at)):
        if kept.party_at[i] >= 0:
            motifs.parties[kept.party_at[i]] = kept.parties[i]
    for i in range(2):
        if kept.transfer_at[i] < len(motifs.transfers):
            motifs.transfers[kept.transfer_at[i]] = kept.transfers[i]
