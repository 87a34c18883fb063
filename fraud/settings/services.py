"""The services that are started on this machine."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, field_validator

from fraud.settings.group import Group, Port

__all__ = ["ServicesSettings"]


class ServicesSettings(Group):
    """The local Kafka and Neo4j of ``python -m fraud services``; port 0 takes a free one."""

    cache: Path = Path.home() / ".cache" / "ringfence" / "services"
    """Folder of their class paths; the jars lie in Maven's own repository."""
    kafka_port: Port = 0
    kafka_memory_mb: int = Field(default=512, ge=256)
    """Java heap of Kafka, in MiB."""
    neo4j_bolt_port: Port = 0
    neo4j_http_port: Port = 0
    neo4j_memory_mb: int = Field(default=512, ge=256)
    """Java heap of Neo4j, in MiB."""
    neo4j_page_cache_mb: int = Field(default=256, ge=64)
    """Its cache of the graph's files, in MiB, beside the heap."""

    @field_validator("cache")
    @classmethod
    def _is_absolute(cls, path: Path) -> Path:
        return path.expanduser().absolute()
