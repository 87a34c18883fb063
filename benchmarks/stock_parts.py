"""The same job on parts as they come: PyG's ``LastNeighborLoader`` or networkx, PyG eager, XGBoost.

Both peers are given for nothing what they have no part for: the tabular history features of every payment and the
messages that its ends leave. They look up neighbours two hops out, eight at each, run GraphSAGE of our sizes and score
with the same booster. Rows of a batch do not see each other. Like ours, the network has a pair of layers for each of
the four ends; with one pair for all of them, which a user may be content with, it is a smaller model.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import networkx as nx
import numpy as np
import pandas as pd
import torch
import xgboost
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.nn import SAGEConv
from torch_geometric.nn.models.tgn import LastNeighborLoader

from gnn.layout import EMBEDDING, HIDDEN
from graph.events import Events
from graph.observation import FANOUT, MESSAGE_SCALE, MESSAGE_WIDTH

__all__ = ["Given", "NetworkxParts", "PygParts"]

ENDS = 4
NOBODY = 0
"""Node that stands for an end which a payment does not have."""


class _Payment(msgspec.Struct):
    """JSON as a quick decoder would read it: typed, but with none of the rules that ours checks."""

    account_id: str
    amount: float
    event_time: str
    merchant_id: str | None = None
    counterparty_id: str | None = None
    device_id: str | None = None
    ip: str | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """What the peers need not compute, for n payments in their order."""

    features: NDArray[np.float32]
    """[n, F]"""
    message: NDArray[np.int16]
    """[n, 4, D]"""


@dataclass(frozen=True, slots=True)
class _Sample:
    """Neighbours of some nodes, two hops out."""

    x: Tensor
    """[far, D] messages of all nodes"""
    outer: Tensor
    """[2, edges] over ``x``"""
    near: Tensor
    """[near] places in ``x``"""
    inner: Tensor
    """[2, edges] over ``near``"""
    ends: Tensor
    """[n, …] places in ``near``"""


class _Network(nn.Module):
    """Two layers of ``SAGEConv`` an end (or one pair for all), and the head of ``gnn.network.EdgeSage``."""

    def __init__(self, pairs: int) -> None:
        super().__init__()
        self.first = nn.ModuleList(SAGEConv(MESSAGE_WIDTH, HIDDEN, aggr="mean") for _ in range(pairs))
        self.second = nn.ModuleList(SAGEConv(HIDDEN, HIDDEN, aggr="mean") for _ in range(pairs))
        self.combine = nn.Linear(ENDS * HIDDEN, HIDDEN)
        self.project = nn.Linear(HIDDEN, EMBEDDING)
        self.classify = nn.Linear(EMBEDDING, 1)

    def forward(self, samples: Sequence[_Sample]) -> tuple[Tensor, Tensor]:
        """Embedding [n, E] and logit [n, 1] from a sample for each pair of layers."""
        ends = []
        for first, second, sample in zip(self.first, self.second, samples, strict=True):
            hidden = first(sample.x, sample.outer).relu()[sample.near]
            ends.append(second(hidden, sample.inner).relu()[sample.ends].flatten(1))
        embedding = functional.softsign(self.project(self.combine(torch.cat(ends, dim=1)).relu()))
        return embedding, self.classify(embedding)


class _Parts:
    """What both peers share: names to numbers, node messages, network and booster."""

    def __init__(
        self, frame: pd.DataFrame, booster: xgboost.Booster, given: Given, past: slice, pairs: int = ENDS
    ) -> None:
        torch.manual_seed(0)
        self.pairs = pairs
        self.decoder = msgspec.json.Decoder(_Payment)
        self.booster = booster
        self.given = given
        self.network = _Network(pairs).eval()
        self.numbers: dict[str, int] = {}
        columns = [
            frame["account_id"],
            frame["merchant_id"].fillna(frame["counterparty_id"]),
            frame["device_id"],
            frame["ip"],
        ]
        ends = [self.number(name) for row in zip(*columns, strict=True) for name in row]
        self.past = np.array(ends, dtype=np.int64).reshape(-1, ENDS)[past]
        self.x = torch.zeros(len(self.numbers) + 1, MESSAGE_WIDTH)

    def number(self, name: str | float | None) -> int:
        """Node number, from 1 on."""
        return self.numbers.setdefault(name, len(self.numbers) + 1) if isinstance(name, str) else NOBODY

    def decode(self, lines: Sequence[bytes]) -> NDArray[np.int64]:
        """Ends [n, 4]."""
        payments = [self.decoder.decode(line) for line in lines]
        ends = [
            (self.number(x.account_id), self.number(x.merchant_id or x.counterparty_id), self.number(x.device_id),
             self.number(x.ip))
            for x in payments
        ]  # fmt: skip
        return np.array(ends, dtype=np.int64)

    def finish(self, first: int, embedding: Tensor, logit: Tensor, ends: Tensor) -> NDArray[np.float32]:
        """Scores [n] of the payments from the ``first`` on; their messages become their nodes' inputs."""
        stop = first + len(ends)
        inputs = np.concatenate([self.given.features[first:stop], embedding.numpy(), logit.numpy()], axis=1)
        score: NDArray[np.float32] = self.booster.inplace_predict(inputs, validate_features=False)
        self.x[ends] = torch.from_numpy(self.given.message[first:stop].astype(np.float32)) / MESSAGE_SCALE
        return score


class PygParts(_Parts):
    """``LastNeighborLoader`` twice, PyG eager, XGBoost."""

    def __init__(
        self, frame: pd.DataFrame, booster: xgboost.Booster, given: Given, past: slice, pairs: int = ENDS
    ) -> None:
        super().__init__(frame, booster, given, past, pairs)
        self.loader = LastNeighborLoader(len(self.x), size=FANOUT)
        for start in range(0, len(self.past), 10_000):
            self._insert(torch.from_numpy(self.past[start : start + 10_000]))

    def _sample(self, ends: Tensor) -> _Sample:
        near, inner, _ = self.loader(torch.unique(ends))
        far, outer, _ = self.loader(near)
        return _Sample(
            self.x[far], outer, torch.searchsorted(far, near), inner, torch.searchsorted(near, ends)
        )

    def _insert(self, ends: Tensor) -> None:
        self.loader.insert(ends[:, 0].repeat_interleave(ENDS - 1), ends[:, 1:].flatten())

    def run(self, lines: Sequence[bytes], first: int) -> NDArray[np.float32]:
        """Decode and score a batch, then insert it; ``first`` is its first payment's place in ``given``."""
        return self.score(self.decode(lines), first)

    def run_events(self, events: Events, first: int) -> NDArray[np.float32]:
        """``run`` on what our own door has checked and tokenised; ``frame`` must have held tokens."""
        number = self.number
        rows = zip(events.account, events.target, events.device, events.ip, strict=True)
        return self.score(np.array([[number(name) for name in row] for row in rows], dtype=np.int64), first)

    @torch.no_grad()
    def score(self, numbers: NDArray[np.int64], first: int) -> NDArray[np.float32]:
        """Scores [n] of the payments between the nodes ``numbers`` [n, 4], which are inserted after."""
        ends = torch.from_numpy(numbers)
        embedding, logit = self.network(
            [self._sample(part.contiguous()) for part in ends.chunk(self.pairs, dim=1)]
        )
        score = self.finish(first, embedding, logit, ends)
        self._insert(ends)
        return score


class NetworkxParts(_Parts):
    """A networkx multigraph asked for its latest edges, PyG eager, XGBoost."""

    def __init__(self, frame: pd.DataFrame, booster: xgboost.Booster, given: Given, past: slice) -> None:
        super().__init__(frame, booster, given, past)
        self.graph: nx.MultiGraph[int] = nx.MultiGraph()
        self.graph.add_node(NOBODY)
        self.edges = 0
        for ends in self.past.tolist():
            self._insert(ends)

    def _insert(self, ends: list[int]) -> None:
        for end in ends[1:]:
            self.edges += 1
            self.graph.add_edge(ends[0], end, number=self.edges)

    def _edges(self, nodes: list[int]) -> tuple[list[int], Tensor]:
        """All nodes one hop out, the asked ones first, and the edges to the asked ones."""
        place = {node: i for i, node in enumerate(nodes)}
        edges = []
        for node in nodes:
            for _, other, _ in heapq.nlargest(FANOUT, self.graph.edges(node, data="number"), key=_number):
                edges.append((place.setdefault(other, len(place)), place[node]))
        return list(place), torch.tensor(edges, dtype=torch.int64).reshape(-1, 2).T

    @torch.no_grad()
    def run(self, lines: Sequence[bytes], first: int) -> NDArray[np.float32]:
        """Score a batch, then insert it; ``first`` is its first payment's place in ``given``."""
        rows = self.decode(lines).tolist()
        embedding, logit = self.network([self._sample(list(ends)) for ends in zip(*rows, strict=True)])
        score = self.finish(first, embedding, logit, torch.tensor(rows))
        for row in rows:
            self._insert(row)
        return score

    def _sample(self, ends: list[int]) -> _Sample:
        self.graph.add_nodes_from(ends)
        near, inner = self._edges(list(dict.fromkeys(ends)))
        far, outer = self._edges(near)
        place = {node: i for i, node in enumerate(near)}
        at = torch.tensor([[place[end]] for end in ends])
        return _Sample(self.x[far], outer, torch.arange(len(near)), inner, at)


def _number(edge: tuple[int, int, int]) -> int:
    return edge[2]
