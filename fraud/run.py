"""Runs: which command ran over which input with which model, and how far it came."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

__all__ = ["Run", "RunState"]


class RunState(StrEnum):
    """How a run stands; one that was killed stays ``running``."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Run(msgspec.Struct, frozen=True):
    """One run of a command; times are wall-clock. ``transactions`` counts those decided so far."""

    run_id: str
    command: str
    model_version: str
    started_at: datetime
    state: RunState = RunState.RUNNING
    ended_at: datetime | None = None
    transactions: int = 0
    dead_letters: int = 0
    detail: str = ""
