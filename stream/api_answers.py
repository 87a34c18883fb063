"""What the HTTP interface answers with, beyond the words of the business themselves."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from fraud.decision import Decision, Reason
from fraud.receipt import Receipt
from fraud.record_rows import AlertSummary
from fraud.ring import NodeKind, RingStatus
from graph.features import FEATURE_NAMES
from graph.subgraph import NodeKey, Subgraph
from stream.api_problems import Problem

__all__ = [
    "AlertList",
    "BatchAnswer",
    "BatchResult",
    "Health",
    "LabelAnswer",
    "Neighbourhood",
    "Pending",
    "Readiness",
    "ReceiptAnswer",
    "RingList",
    "RingSummary",
    "neighbourhood",
    "receipt_answer",
]


class Pending(msgspec.Struct, frozen=True):
    """A transaction that was taken in for good and is not decided yet; ``decision`` is where to ask for it."""

    transaction_id: str
    decision: str


class BatchResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one transaction of a batch; ``status`` is what it would have been answered with alone."""

    status: int
    decision: Decision | None = None
    pending: Pending | None = None
    problem: Problem | None = None


class BatchAnswer(msgspec.Struct, frozen=True):
    """One result each, in the order sent."""

    results: list[BatchResult]


class LabelAnswer(msgspec.Struct, frozen=True):
    """A label as it was taken in; ``repeated`` when it said nothing that was not on record."""

    transaction_id: str
    is_fraud: bool
    label_time: datetime
    source: str
    repeated: bool


class ArrayAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """An array of a receipt in short, and its values where asked for; ``missing`` counts what is not a number."""

    dtype: str
    shape: list[int]
    missing: int
    least: float | None = None
    most: float | None = None
    mean: float | None = None
    names: list[str] | None = None
    """Of the features, in their order."""
    values: list[Any] | None = None


class ReceiptAnswer(msgspec.Struct, frozen=True):
    """What a transaction was scored from."""

    transaction_id: str
    score: float
    reasons: tuple[Reason, ...]
    model_version: str
    feature_hash: str
    thresholds: dict[str, float]
    arrays: dict[str, ArrayAnswer]


def receipt_answer(receipt: Receipt, *, full: bool) -> ReceiptAnswer:
    """A receipt, with the arrays in short or in full."""
    return ReceiptAnswer(
        transaction_id=receipt.transaction_id,
        score=receipt.score,
        reasons=receipt.reasons,
        model_version=receipt.model_version,
        feature_hash=receipt.feature_hash,
        thresholds=dict(receipt.thresholds),
        arrays={name: _array(name, array, full) for name, array in receipt.arrays.items()},
    )


def _array(name: str, array: NDArray[Any], full: bool) -> ArrayAnswer:
    finite = array[np.isfinite(array)]
    is_named = full and name == "features" and array.shape == (len(FEATURE_NAMES),)
    return ArrayAnswer(
        dtype=array.dtype.name,
        shape=list(array.shape),
        missing=int(array.size - finite.size),
        least=float(finite.min()) if finite.size else None,
        most=float(finite.max()) if finite.size else None,
        mean=float(finite.mean(dtype=np.float64)) if finite.size else None,
        names=list(FEATURE_NAMES) if is_named else None,
        values=np.atleast_1d(array).tolist() if full else None,
    )


class NodeAnswer(msgspec.Struct, frozen=True):
    """A node of a neighbourhood; ``held`` counts what was not approved, ``cut`` says that it has more neighbours."""

    kind: NodeKind
    id: str
    transactions: int
    held: int
    worst: float
    first: datetime | None
    last: datetime | None
    rings: tuple[str, ...]
    cut: bool


class EdgeAnswer(msgspec.Struct, frozen=True):
    """All transactions between two nodes, which are named by their places in the list of nodes."""

    source: int
    target: int
    type: str
    count: int
    amount: float
    first: datetime
    last: datetime


class Neighbourhood(msgspec.Struct, frozen=True):
    """A piece of the graph, ids as tokens."""

    nodes: list[NodeAnswer]
    edges: list[EdgeAnswer]


def neighbourhood(subgraph: Subgraph) -> Neighbourhood:
    """A subgraph as it is answered."""
    places: dict[NodeKey, int] = {node.key: place for place, node in enumerate(subgraph.nodes)}
    nodes = [
        NodeAnswer(
            node.key.kind,
            node.key.node_id,
            node.transactions,
            node.held,
            node.worst,
            node.first,
            node.last,
            node.rings,
            node.key in subgraph.cut,
        )
        for node in subgraph.nodes
    ]
    edges = [
        EdgeAnswer(
            places[edge.source],
            places[edge.target],
            edge.type,
            edge.count,
            edge.amount,
            edge.first,
            edge.last,
        )
        for edge in subgraph.edges
    ]
    return Neighbourhood(nodes, edges)


class RingSummary(msgspec.Struct, frozen=True):
    """One line of the list of rings."""

    ring_id: str
    version: int
    kind: str
    score: float
    members: int
    money: float
    first_alert_time: datetime
    last_seen: datetime
    at_risk: float
    status: RingStatus


class RingList(msgspec.Struct, frozen=True):
    """Rings, the latest seen first; ``next`` is the cursor of the page after this one."""

    rings: list[RingSummary]
    next: str | None


class AlertList(msgspec.Struct, frozen=True):
    """Alerts, the most urgent first."""

    alerts: list[AlertSummary]


class Health(msgspec.Struct, frozen=True):
    """The process is alive."""

    status: str


class Readiness(msgspec.Struct, frozen=True):
    """Whether the service can do its work, and what it says of its parts."""

    status: str
    record: str
    port: dict[str, Any]
