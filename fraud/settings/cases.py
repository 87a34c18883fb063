"""Cases, and the alerts that reach people."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from fraud.settings.group import Group, Money

__all__ = ["AlertSettings", "CaseSettings"]


class CaseSettings(Group):
    """How soon cases are to be closed, and which decisions need a second person."""

    due_hours_low: float = Field(default=120.0, gt=0, le=8_760, allow_inf_nan=False)
    """Time from a case's opening to its due date, by severity; a rise brings the date forward."""
    due_hours_medium: float = Field(default=72.0, gt=0, le=8_760, allow_inf_nan=False)
    due_hours_high: float = Field(default=24.0, gt=0, le=8_760, allow_inf_nan=False)
    due_hours_critical: float = Field(default=4.0, gt=0, le=8_760, allow_inf_nan=False)
    four_eyes_amount: Money | None = None
    """Confirmed fraud of this sum or more needs a second person; None: none does."""
    attachment_bytes: int = Field(default=10_485_760, ge=1_024, le=134_217_728)
    """Largest file that may be attached to a case."""


class AlertSettings(Group):
    """Alerts that reach people."""

    file: Path | None = None
    """The alerts file (TOML): channels, contacts, routes. None: every alert goes to the alert outbox folder."""
    base_url: str = Field(default="http://127.0.0.1:8050", pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$")
    """Where people reach the pages; messages link to the case there."""
    retention_days: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """``alerts run`` removes deliveries of closed alerts that nothing happened to for longer; None: none are."""
