"""The stream: the broker and the workers."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator

from fraud.settings.group import Group, Port

__all__ = ["StreamSettings"]


class StreamSettings(Group):
    """The broker, and how workers and what publishes to them use it."""

    broker: str = Field(default="127.0.0.1:9092", pattern=r"^[^\s,/@]+:\d+(,[^\s,/@]+:\d+)*$")
    """Kafka's addresses, ``host:port``, with commas between them."""
    tls: bool = False
    ca_file: Path | None = None
    """Certificates that the broker's is checked against; None: the system's."""
    user: str | None = None
    """Name for SASL/SCRAM-SHA-512; None: no SASL."""
    password: SecretStr | None = None
    prefix: str = Field(default="ringfence.", pattern=r"^[a-zA-Z0-9._-]{0,100}$")
    """What the names of all topics begin with."""
    group: str = Field(default="ringfence-workers", pattern=r"^[a-zA-Z0-9._-]{1,100}$")
    """Consumer group of the workers."""
    instance: str | None = None
    """Name of this worker for static membership: a restart within the session time-out then moves no partition."""
    partitions: int = Field(default=8, ge=1, le=1_000)
    """Partitions of the transactions topic when it is made: the most workers that can score."""
    replication: int = Field(default=1, ge=1, le=7)
    """Copies of each partition when topics are made."""
    model: Path | None = None
    """Artefact folder that the workers score with; None: ``model`` in the home folder."""
    batch_ms: float = Field(default=0.0, ge=0, le=1_000)
    """Longest wait for a micro-batch to fill; 0 takes what has arrived."""
    in_flight: int = Field(default=16_384, ge=1)
    """Transactions taken from the broker that are not yet in the record, at most: the back-pressure."""
    snapshot_seconds: float = Field(default=300.0, gt=0, allow_inf_nan=False)
    """Longest time between snapshots of the state while events come in."""
    snapshot_events: int = Field(default=2_000_000, ge=1)
    """Most events between snapshots: what bounds the replay after a restart."""
    seen_ids: int = Field(default=4_000_000, ge=1)
    """Transaction ids remembered at least, so that one sent twice moves the state once."""
    label_patience_seconds: float = Field(default=30.0, ge=0, allow_inf_nan=False)
    """How long a label waits for its transaction to be decided before it is refused."""
    metrics_host: str = Field(default="127.0.0.1", min_length=1)
    """Where a worker, or the graph writer, answers Prometheus and health checks."""
    metrics_port: Port = 0
    """Port for that; 0: it does not."""

    @model_validator(mode="after")
    def _has_whole_login(self) -> Self:
        if (self.user is None) != (self.password is None):
            raise ValueError("password: set user and password together, or neither")
        return self
