"""The graph: its store, the embedded one, and the online graph in memory."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from fraud.settings.group import Group, Port

__all__ = ["ArcadeSettings", "GraphSettings", "OnlineSettings"]


class GraphSettings(Group):
    """Where the graph store is. Without a ``uri`` an embedded ArcadeDB is started on this machine."""

    uri: str | None = None
    """Bolt address of a Neo4j server, for example ``neo4j+s://graph.internal:7687``; None: embedded."""
    user: str = "neo4j"
    password: SecretStr | None = None
    """Required as soon as ``uri`` is set; the embedded store makes its own."""
    database: str = "neo4j"
    ca_file: Path | None = None
    """Certificates (PEM) that the server's is checked against; None: the system's."""
    connections: int = Field(default=16, ge=1, le=1_000)
    """Connections of one process to the store, at most."""
    patience_seconds: float = Field(default=5.0, gt=0, le=600, allow_inf_nan=False)
    """How long connecting may take, and how long a transient refusal is tried again."""
    query_seconds: float = Field(default=30.0, gt=0, le=3_600, allow_inf_nan=False)
    """When the server gives one transaction up."""
    transactions: Literal["all", "window", "alerted"] = "alerted"
    """Which transactions get a node of their own (``graph.kept``); relationships sum them all in any case."""
    window_days: float = Field(default=30.0, gt=0, allow_inf_nan=False)
    """How far back ``window`` reaches."""
    retention_days: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """What was last used longer ago is removed by ``graph follow``; None: nothing is."""
    retention_every_hours: float = Field(default=24.0, gt=0, allow_inf_nan=False)
    """Time between two such removals."""

    @field_validator("uri")
    @classmethod
    def _is_bolt(cls, uri: str | None) -> str | None:
        if uri is None:
            return None
        parts = urlsplit(uri)
        if not re.fullmatch(r"(bolt|neo4j)(\+s|\+ssc)?", parts.scheme) or not parts.hostname:
            raise ValueError("must look like bolt://host:7687 or neo4j+s://host:7687")
        if "@" in parts.netloc:
            raise ValueError("must not hold a user or password; set graph user and password instead")
        return uri

    @model_validator(mode="after")
    def _has_password(self) -> Self:
        if self.uri is not None and self.password is None:
            raise ValueError("password: required when the graph uri is set")
        return self


class ArcadeSettings(Group):
    """Local ports of the embedded graph store; 0 takes a free one."""

    bolt_port: Port = 0
    http_port: Port = 0
    memory_mb: int = Field(default=512, ge=128)
    """Java heap of the embedded store, in MiB."""


class OnlineSettings(Group):
    """Bounds of the online graph and of the micro-batches it is fed."""

    memory_mb: int = Field(default=4096, ge=64)
    """Memory budget of the online graph in MiB; the nodes quiet for longest go first when it is reached."""
    retention_days: float = Field(default=120.0, gt=0, allow_inf_nan=False)
    """Nodes quiet for longer than this may be forgotten."""
    batch_size: int = Field(default=256, ge=1, le=65_536)
    """Transactions scored together, at most. Scores do not depend on it."""
    shared_attributes: bool = False
    """Look for accounts that act together on one device or address, as evidence for people; takes an eighth of
    ``memory_mb`` besides."""
    dense_blocks: bool = False
    """The same of small groups that buy at the same rare merchants and from the same devices; takes another eighth."""
