"""The GraphSAGE network over a new transaction's temporal neighbourhood."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.data import HeteroData
from torch_geometric.nn import SAGEConv

from gnn.layout import EMBEDDING, HIDDEN
from gnn.neighbourhood import Neighbourhood
from gnn.weights import SageWeights
from graph.observation import MESSAGE_SCALE, MESSAGE_WIDTH, ROLES

__all__ = ["EdgeSage"]

_MIN_DEVIATION = 1.0 / 16.0  # keeps a near-constant message column from being blown up at serving time


class EdgeSage(nn.Module):
    """Inductive two-layer GraphSAGE (Hamilton, Ying, Leskovec 2017, mean aggregator), one pair of layers a role.

    For each end of the transaction, layer 1 turns every message in the end's slots, with the mean of what its
    sender held (hop 2), into a hidden vector; layer 2 turns their mean, with the end's own message, into the
    end's vector. The four ends' vectors are concatenated and projected to the embedding, bounded to (−1, 1) by
    softsign, which unlike tanh is bit-equal on every machine; the logit is linear in it. A transaction that lacks
    an end has a learned vector in its place; an account never seen before keeps its own message and a neighbour
    mean of zero, the aggregator's value for an empty set.

    ``forward`` takes a true two-hop PyG mini-batch, ``forward_dense`` the same neighbourhoods with the hop-2 sums
    already taken; both use the weights of the same ``SAGEConv`` layers and agree to rounding.
    """

    message_centre: Tensor
    message_scale: Tensor
    age_centre: Tensor
    age_scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.slot_layer = nn.ModuleDict(
            {role: SAGEConv((MESSAGE_WIDTH, MESSAGE_WIDTH + 1), HIDDEN, aggr="mean") for role in ROLES}
        )
        self.end_layer = nn.ModuleDict(
            {role: SAGEConv((HIDDEN, MESSAGE_WIDTH), HIDDEN, aggr="mean") for role in ROLES}
        )
        self.absent = nn.Parameter(torch.zeros(len(ROLES), HIDDEN))
        self.combine = nn.Linear(len(ROLES) * HIDDEN, HIDDEN)
        self.project = nn.Linear(HIDDEN, EMBEDDING)
        self.classify = nn.Linear(EMBEDDING, 1)
        self.register_buffer("message_centre", torch.zeros(MESSAGE_WIDTH))
        self.register_buffer("message_scale", torch.full((MESSAGE_WIDTH,), 1.0 / MESSAGE_SCALE))
        self.register_buffer("age_centre", torch.zeros(1))
        self.register_buffer("age_scale", torch.ones(1))

    def standardise(self, neighbourhood: Neighbourhood) -> None:
        """Take the mean and deviation of every input column from these (training) transactions."""
        sent = neighbourhood.self_message[:, :2].reshape(-1, MESSAGE_WIDTH)
        sent = sent[sent.any(axis=1)]
        filled = np.arange(neighbourhood.slot_age.shape[2]) < neighbourhood.slot_count[:, :, None]
        age = neighbourhood.slot_age[filled]
        if len(sent):
            deviation = np.maximum(sent.std(axis=0, dtype=np.float64), _MIN_DEVIATION * MESSAGE_SCALE)
            self.message_centre.copy_(torch.from_numpy(np.rint(sent.mean(axis=0, dtype=np.float64))))
            self.message_scale.copy_(torch.from_numpy(1.0 / deviation))
        if len(age):
            self.age_centre.fill_(float(age.mean(dtype=np.float64)))
            self.age_scale.fill_(1.0 / max(float(age.std(dtype=np.float64)), _MIN_DEVIATION))

    def forward(self, batch: HeteroData) -> tuple[Tensor, Tensor]:
        """Embedding [n, E] and logit [n] of the transactions in a batch of ``gnn.subgraph.two_hop_batch``."""
        ends = []
        for index, role in enumerate(ROLES):
            hop2 = self._message(batch[f"{role}_hop2"].x)
            slot = self._slot(batch[f"{role}_slot"].x, batch[f"{role}_slot"].age)
            hidden = self.slot_layer[role](
                (hop2, slot), batch[f"{role}_hop2", "held_by", f"{role}_slot"].edge_index
            )
            end = self.end_layer[role](
                (hidden.relu(), self._message(batch[role].x)),
                batch[f"{role}_slot", "held_by", role].edge_index,
            )
            ends.append(torch.where(batch[role].present[:, None], end.relu(), self.absent[index]))
        return self._head(torch.cat(ends, dim=1))

    def forward_dense(
        self, batch: Neighbourhood, keep: NDArray[np.bool_] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Embedding [n, E] and logit [n]; ``keep`` [n, 4, K] drops slots where false (neighbour dropout)."""
        device = self.absent.device
        filled = np.arange(batch.slot_age.shape[2]) < batch.slot_count[:, :, None]
        mask = torch.from_numpy(filled if keep is None else filled & keep).to(device)[..., None].float()
        message = torch.from_numpy(batch.self_message).to(device).float()
        present = torch.from_numpy(batch.self_message.any(axis=2)).to(device)
        slot = self._slot(
            torch.from_numpy(batch.slot_message).to(device).float(),
            torch.from_numpy(batch.slot_age).to(device),
        )
        count = torch.from_numpy(batch.slot_hop2_count).to(device)[..., None].float()
        total = torch.from_numpy(batch.slot_hop2).to(device).float()
        hop2 = (total - count * self.message_centre) * self.message_scale / count.clamp(min=1.0)
        message = self._message(message)
        ends = []
        for index, role in enumerate(ROLES):
            first, second = self.slot_layer[role], self.end_layer[role]
            hidden = (first.lin_l(hop2[:, index]) + first.lin_r(slot[:, index])).relu()  # type: ignore[operator]
            weight = mask[:, index]
            mean = (hidden * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1.0)
            end = (second.lin_l(mean) + second.lin_r(message[:, index])).relu()  # type: ignore[operator]
            ends.append(torch.where(present[:, index, None], end, self.absent[index]))
        return self._head(torch.cat(ends, dim=1))

    def to_weights(self) -> SageWeights:
        """Copy of the parameters and the normalisation; raises ``ArtefactError`` if training diverged."""
        state = self.state_dict()
        return SageWeights(
            {name: value.detach().cpu().numpy().astype(np.float32) for name, value in state.items()}
        )

    @classmethod
    def from_weights(cls, weights: SageWeights) -> EdgeSage:
        """Network in evaluation mode that holds a copy of ``weights``."""
        network = cls()
        network.load_state_dict(
            {name: torch.from_numpy(array.copy()) for name, array in weights.arrays.items()}
        )
        return network.eval()

    def _message(self, raw: Tensor) -> Tensor:
        return (raw - self.message_centre) * self.message_scale

    def _slot(self, raw: Tensor, age: Tensor) -> Tensor:
        return torch.cat([self._message(raw), ((age - self.age_centre) * self.age_scale)[..., None]], dim=-1)

    def _head(self, ends: Tensor) -> tuple[Tensor, Tensor]:
        embedding = functional.softsign(self.project(self.combine(ends).relu()))
        return embedding, self.classify(embedding)[:, 0]
