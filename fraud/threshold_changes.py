"""Thresholds that people put in force for a model in place of its own: each change a row of its own, never altered.

A decision made under a change says so in its model version: ``1f0c…9b+3`` is the artefact ``1f0c…9b`` under change 3.
So a replay of the ledger can tell what each decision was measured by, and gives the same outcome again.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Engine, Row, insert, select

from fraud.access import Permission, Person, require
from fraud.audit_trail import append, hold
from fraud.database import store_errors, writing
from fraud.desk_tables import threshold_changes
from fraud.errors import Conflict, InputError

__all__ = ["ThresholdChange", "ThresholdChanges", "artefact_of", "change_of"]

MARK = "+"
LONGEST_REASON = 500


class ThresholdChange(msgspec.Struct, frozen=True):
    """Scores from which review and block begin, by whom and why; ``model_version`` is the artefact's."""

    number: int
    model_version: str
    review: float
    block: float
    by: str
    reason: str
    made_at: datetime

    @property
    def version(self) -> str:
        """What decisions under this change name as their model."""
        return f"{self.model_version}{MARK}{self.number}"


class ThresholdChanges:
    """Reads and writes changes; safe to share between threads and processes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def in_force(self, model_version: str) -> ThresholdChange | None:
        """The newest change for an artefact, or None: then its own thresholds are in force."""
        found = self.history(model_version, limit=1)
        return found[0] if found else None

    def history(self, model_version: str, *, limit: int = 50) -> list[ThresholdChange]:
        """Changes for an artefact, the newest first."""
        change = threshold_changes.c
        query = select(threshold_changes).where(change.model_version == model_version)
        with store_errors("read"), self._engine.connect() as connection:
            rows = connection.execute(query.order_by(change.number.desc()).limit(limit)).all()
        return [_read(row) for row in rows]

    def change(self, number: int) -> ThresholdChange | None:
        """The change of a number, or None."""
        query = select(threshold_changes).where(threshold_changes.c.number == number)
        with store_errors("read"), self._engine.connect() as connection:
            row = connection.execute(query).first()
        return None if row is None else _read(row)

    def put_in_force(
        self,
        model_version: str,
        review: float,
        block: float,
        reason: str,
        *,
        by: Person,
        after: int | None,
    ) -> ThresholdChange:
        """Set thresholds for an artefact; ``after`` is the number of the change that was in force when it was decided.

        Raises Forbidden without the permission, InputError for thresholds or a reason that do not fit, Conflict where
        somebody else has changed them meanwhile.
        """
        require(by, Permission.SET_THRESHOLDS)
        reason = reason.strip()
        if not model_version or MARK in model_version:
            raise InputError(f"model_version: {model_version[:40]!r} is no artefact's version")
        if not all(math.isfinite(one) for one in (review, block)) or not 0.0 < review <= block <= 1.0:
            raise InputError(f"thresholds: review {review} and block {block}; write 0 < review ≤ block ≤ 1")
        if not reason or len(reason) > LONGEST_REASON or not reason.isprintable():
            raise InputError(f"reason: must be a line of 1 to {LONGEST_REASON} characters")
        row: dict[str, Any] = {
            "model_version": model_version,
            "review": review,
            "block": block,
            "by": by.name,
            "reason": reason,
            "made_at": datetime.now(UTC),
        }
        change = threshold_changes.c
        newest = select(threshold_changes).where(change.model_version == model_version)
        with store_errors("write"), self._engine.connect() as connection, writing(connection):
            hold(connection)
            before = connection.execute(newest.order_by(change.number.desc()).limit(1)).first()
            if (None if before is None else before.number) != after:
                who = "somebody" if before is None else before.by
                raise Conflict(f"thresholds: {who} has changed them meanwhile; look at them again")
            key = connection.execute(insert(threshold_changes).values(row)).inserted_primary_key
            made = ThresholdChange(number=int(key[0]) if key is not None else 0, **row)
            detail = {"review": review, "block": block, "reason": reason, "number": made.number}
            if before is not None:
                detail |= {"review_before": before.review, "block_before": before.block}
            append(connection, by, "set_thresholds", f"model {model_version}", detail)
        return made


def artefact_of(version: str) -> str:
    """The artefact in the model version of a decision."""
    return version.partition(MARK)[0]


def change_of(version: str) -> int | None:
    """The number of the change in the model version of a decision, or None where it was the artefact's own."""
    number = version.partition(MARK)[2]
    return int(number) if number.isdecimal() else None


def _read(row: Row[Any]) -> ThresholdChange:
    return ThresholdChange(**row._mapping)
