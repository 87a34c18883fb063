"""Puts what the pipeline decided into the record: decisions, receipts, rings, alerts, all or nothing a batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from fraud.dead_letter import DeadLetter
from fraud.decision import Decision
from fraud.record import Record
from stream.verdicts import Verdicts

if TYPE_CHECKING:
    from stream.desk import Raised

__all__ = ["write_verdicts"]


def write_verdicts(
    record: Record,
    verdicts: Verdicts,
    raised: Raised | None = None,
    *,
    stream: str = "main",
    positions: Mapping[str, int] | None = None,
    dead_letters: Iterable[DeadLetter] = (),
) -> list[Decision]:
    """Record verdicts, with what the ring desk made of them; redelivered transactions keep the decision they had.

    Returns the decisions in force: of a transaction that had one already, the one that it had. ``stream``,
    ``positions`` and ``dead_letters`` as in ``Record.write_batch``.
    """
    decisions = verdicts.decisions()
    written = record.write_batch(
        verdicts.transactions,
        decisions,
        verdicts.receipts(),
        stream=stream,
        positions=positions,
        rings=() if raised is None else raised.rings,
        alerts=() if raised is None else raised.alerts,
        dead_letters=dead_letters,
    )
    if not written.repeated:
        return decisions
    first = record.decisions(written.repeated)
    return [first.get(one.transaction_id, one) for one in decisions]
