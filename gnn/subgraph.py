"""Two-hop temporal neighbourhoods as PyG mini-batches of message nodes and edges."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch_geometric.data import HeteroData

from graph.observation import ROLES, NeighbourHistory

__all__ = ["two_hop_batch"]


def two_hop_batch(history: NeighbourHistory, rows: NDArray[np.int64]) -> HeteroData:
    """Batch for ``EdgeSage.forward``: for each role, hop-2 messages → messages in the slots → the ends.

    Node types a role: ``<role>`` (one a transaction, in the order of ``rows``; ``x`` its own message, ``present``
    false where the transaction lacks that end), ``<role>_slot`` (one a filled slot; ``x`` the message, ``age``) and
    ``<role>_hop2`` (one a distinct message). Messages stay in fixed-point units; the network standardises them.
    """
    batch = HeteroData()
    for index, role in enumerate(ROLES):
        message = history.self_message[rows, index]
        serial = history.slot_serial[rows, index]
        end, slot = np.nonzero(serial >= 0)
        sent = serial[end, slot]
        held = history.slot_serial[sent // 2, sent % 2]
        receiver, position = np.nonzero(held >= 0)
        hop2, hop2_node = np.unique(held[receiver, position], return_inverse=True)

        batch[role].x = _floats(message)
        batch[role].present = torch.from_numpy(message.any(axis=1))
        batch[f"{role}_slot"].x = _floats(history.self_message[sent // 2, sent % 2])
        batch[f"{role}_slot"].age = torch.from_numpy(history.slot_age[rows, index][end, slot])
        batch[f"{role}_hop2"].x = _floats(history.self_message[hop2 // 2, hop2 % 2])
        batch[f"{role}_slot", "held_by", role].edge_index = _edges(np.arange(len(end)), end)
        batch[f"{role}_hop2", "held_by", f"{role}_slot"].edge_index = _edges(hop2_node, receiver)
    return batch


def _floats(message: NDArray[np.int16]) -> torch.Tensor:
    return torch.from_numpy(message.astype(np.float32))


def _edges(source: NDArray[np.int64], target: NDArray[np.int64]) -> torch.Tensor:
    return torch.from_numpy(np.stack([source, target]).astype(np.int64))
