"""The table of deliveries: what became of each state of each alert, by channel and recipient."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text

from fraud.record_tables import Instant, metadata

__all__ = ["deliveries"]

deliveries = Table(
    "deliveries",
    metadata,
    Column("key", String, primary_key=True),
    Column("alert_id", String, ForeignKey("alerts.alert_id"), nullable=False),
    Column("idempotency_key", String, ForeignKey("alert_outbox.idempotency_key"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("severity", String, nullable=False),
    Column("severity_rank", Integer, nullable=False),
    Column("channel", String, nullable=False),
    Column("recipient", String, nullable=False),
    Column("route", String, nullable=False),
    Column("state", String, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_try_at", Instant, nullable=False),
    Column("digest", String),
    Column("message_id", String),
    Column("claimed_by", String),
    Column("claimed_at", Instant),
    Column("claimed_until", Instant),
    Column("provider_id", String),
    Column("error", Text),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("sent_at", Instant),
    Column("delivered_at", Instant),
    Index("deliveries_by_turn", "channel", "state", "severity_rank", "next_try_at", "alert_id", "version"),
    Index("deliveries_by_alert", "alert_id", "channel", "recipient", "sent_at"),
    Index("deliveries_by_message", "message_id"),
    Index("deliveries_by_sending", "channel", "recipient", "sent_at"),
)
"""One row for each state, channel and recipient that a route joined; made once, by its ``key``.

``digest`` names the message that it waits for together with others, ``claimed_by`` the dispatcher that sends it and
``claimed_until`` when another may take it over.
"""
