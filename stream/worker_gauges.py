"""Gauges of a worker that are read when Prometheus asks; nobody computes them for the stream's sake."""

from __future__ import annotations

from stream.worker import Worker

__all__ = ["expose"]


def expose(worker: Worker) -> None:
    """Let the metrics of a started worker read its state; each read is one look at a number, from another thread."""
    metrics = worker.metrics
    metrics.in_flight.set_function(lambda: worker.intake.waiting)
    metrics.partitions.set_function(lambda: 0 if worker.engine is None else len(worker.engine.owned))
    metrics.ledger_position.set_function(lambda: worker.position)
    metrics.ledger_lag.set_function(lambda: max(0, worker.follower.highwater - worker.position))
    metrics.state_nodes.set_function(
        lambda: 0 if worker.engine is None else len(worker.engine.state.graph.index)
    )
    metrics.state_bytes.set_function(
        lambda: 0 if worker.engine is None else worker.engine.state.graph.memory()
    )
