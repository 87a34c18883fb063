"""The arrays of a peeling sequence: an empty one, and what of one is in use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graph.kernels.peel_list import (
    CHUNK,
    CHUNKS,
    CHUNKS_MADE,
    DIRECTORY,
    EDGES_MADE,
    FEW,
    MOVED,
    OPS_FIRST,
    OPS_LAST,
    PEEL_COUNTS,
    PEEL_EDGE,
    PEEL_NODE,
    QUEUED,
    SPARE_CHUNKS,
    SPARE_EDGES,
    WAITING,
    Peel,
)
from graph.reserve import reserve

__all__ = ["new_peel", "peel_arrays", "restore_peel"]

OPS = ("op_edge", "op_low", "op_high", "op_weight")


def new_peel(most_pairs: int, most_nodes: int) -> Peel:
    """An empty sequence with room for ``most_pairs`` edges, and as many removals again that wait.

    The arrays cost only what is used of them.
    """
    edges, chunks = 3 * most_pairs + 16, most_nodes // FEW + 16
    waits, ops = 2 * edges + most_nodes, 2 * most_pairs + 16
    return Peel(
        nodes=reserve(most_nodes, PEEL_NODE),
        edges=reserve(edges, PEEL_EDGE),
        directory=reserve(chunks, DIRECTORY),
        chunk_node=reserve(chunks * CHUNK, np.int32).reshape(-1, CHUNK),
        chunk_weight=reserve(chunks * CHUNK, np.int64).reshape(-1, CHUNK),
        chunk_serial=reserve(chunks * CHUNK, np.int64).reshape(-1, CHUNK),
        chunk_place=reserve(chunks, np.int32),
        spare_chunk=reserve(chunks, np.int32),
        counts=np.zeros(PEEL_COUNTS, dtype=np.int64),
        wait_weight=reserve(waits, np.int64),
        wait_serial=reserve(waits, np.int64),
        wait_node=reserve(waits, np.int32),
        queue_place=reserve(most_nodes, np.int64),
        queue_node=reserve(most_nodes, np.int32),
        moved_node=reserve(most_nodes, np.int32),
        moved_before=reserve(most_nodes, np.int64),
        moved_anchor=reserve(most_nodes, np.int32),
        spare_edge=reserve(edges, np.int32),
        op_edge=reserve(ops, np.int32),
        op_low=reserve(ops, np.int32),
        op_high=reserve(ops, np.int32),
        op_weight=reserve(ops, np.int64),
    )


def peel_arrays(peel: Peel, nodes: int) -> dict[str, NDArray[Any]]:
    """What of the arrays is in use, a repair under way included; changes that wait come first in their ring."""
    counts = peel.counts
    chunks, waiting, queued = int(counts[CHUNKS_MADE]), int(counts[WAITING]), int(counts[QUEUED])
    used = {
        "nodes": nodes,
        "edges": int(counts[EDGES_MADE]),
        "directory": int(counts[CHUNKS]),
        "chunk_node": chunks,
        "chunk_weight": chunks,
        "chunk_serial": chunks,
        "chunk_place": chunks,
        "spare_chunk": int(counts[SPARE_CHUNKS]),
        "counts": PEEL_COUNTS,
        "wait_weight": waiting,
        "wait_serial": waiting,
        "wait_node": waiting,
        "queue_place": queued,
        "queue_node": queued,
        "moved_node": int(counts[MOVED]),
        "moved_before": int(counts[MOVED]),
        "spare_edge": int(counts[SPARE_EDGES]),
    }
    arrays = {name: getattr(peel, name)[:length] for name, length in used.items()}
    asked = np.arange(counts[OPS_FIRST], counts[OPS_LAST]) % len(peel.op_edge)
    return arrays | {name: getattr(peel, name)[asked] for name in OPS}


def restore_peel(peel: Peel, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Bring back what ``peel_arrays`` told."""
    for name in set(Peel._fields) & set(arrays) - set(OPS):
        getattr(peel, name)[: len(arrays[name])] = arrays[name]
    first, last = int(peel.counts[OPS_FIRST]), int(peel.counts[OPS_LAST])
    asked = np.arange(first, last) % len(peel.op_edge)
    for name in OPS:
        getattr(peel, name)[asked] = arrays[name]
