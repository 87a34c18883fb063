"""The HTTP interface."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from fraud.settings.group import Group, Port

__all__ = ["ApiSettings"]


class ApiSettings(Group):
    """The HTTP interface: where it listens, how it comes by decisions, and what it lets in."""

    mode: Literal["broker", "embedded"] | None = None
    """``broker`` asks the workers, ``embedded`` scores in this one process; None: embedded in local mode only."""
    host: str = Field(default="127.0.0.1", min_length=1)
    port: Port = 8060
    require_keys: bool = False
    """Ask for a key even in local mode on a loopback address; anywhere else one is always asked for."""
    docs: bool | None = None
    """Serve the OpenAPI description; None: in local mode only."""
    decision_seconds: float = Field(default=5.0, gt=0, le=600, allow_inf_nan=False)
    """Longest wait for a decision; then the answer says where to ask for it."""
    request_seconds: float = Field(default=30.0, gt=0, le=3_600, allow_inf_nan=False)
    """Longest time that a request may take, its own sending included."""
    body_bytes: int = Field(default=2_097_152, ge=1_024, le=134_217_728)
    """Largest body of a request."""
    concurrency: int = Field(default=256, ge=1, le=65_536)
    """Requests under way at once; more are told to come again."""
    requests_per_second: float = Field(default=500.0, gt=0, allow_inf_nan=False)
    """Requests that one key may send a second, on average; a second's worth may come at once."""

    @model_validator(mode="after")
    def _waits_in_time(self) -> Self:
        if self.decision_seconds >= self.request_seconds:
            raise ValueError("decision_seconds: must be below the request_seconds")
        return self
