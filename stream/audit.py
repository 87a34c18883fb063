"""``python -m fraud audit``: replays the ledger and compares every decision that comes out with the one on record."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from fraud.decision import Outcome
from fraud.errors import AuditFailed
from fraud.record import Record
from fraud.settings import Settings
from fraud.threshold_changes import ThresholdChanges, artefact_of, change_of
from models.scorer import Scorer
from models.thresholds import OUTCOMES
from stream.engine import Decided
from stream.ledger_replay import replay_ledger

__all__ = ["Audit", "audit", "command"]

NAMED = 10
"""Transaction ids at fault that are named."""


@dataclass(slots=True)
class Audit:
    """How the record compares with what the ledger gives."""

    decided: int = 0
    """Transactions of the ledger."""
    equal: int = 0
    """On record with the same score, bit for bit, and the outcome that the thresholds it names give."""
    other_model: int = 0
    """On record by another version of the model: not compared."""
    different: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether every transaction has its decision, and none differs."""
        return not self.different and not self.missing


async def audit(settings: Settings, scorer: Scorer, record: Record) -> Audit:
    """Replay the whole ledger, from the seed on where there is one, as it stands at the call."""
    said = Audit()
    async with aclosing(replay_ledger(settings, scorer)) as replayed:
        async for decided in replayed:
            await asyncio.to_thread(_compare, said, decided, scorer, record)
    return said


def _compare(said: Audit, decided: Decided, scorer: Scorer, record: Record) -> None:
    ids = [one.transaction_id for one in decided.transactions]
    times = [one.event_time for one in decided.transactions]
    known = record.decisions(ids, since=min(times), until=max(times))
    scores = decided.step.scores.score
    outcomes = _outcomes(scorer, {found.model_version for found in known.values()}, scores, record)
    for row, (transaction_id, score) in enumerate(zip(ids, scores.tolist(), strict=True)):
        said.decided += 1
        found = known.get(transaction_id)
        if found is None:
            said.missing.append(transaction_id)
        elif artefact_of(found.model_version) != scorer.artefact_version:
            said.other_model += 1
        elif found.score == score and found.outcome is _at(outcomes, found.model_version, row):
            said.equal += 1
        else:
            said.different.append(transaction_id)


def _outcomes(
    scorer: Scorer, versions: Collection[str], scores: NDArray[np.float64], record: Record
) -> dict[str, NDArray[np.int8]]:
    """Codes of the scores by the thresholds of each version that is this model's and whose change is on record."""
    changes = ThresholdChanges(record.engine)
    codes: dict[str, NDArray[np.int8]] = {}
    for version in versions:
        number = change_of(version)
        change = None if number is None else changes.change(number)
        is_ours = artefact_of(version) == scorer.artefact_version
        if is_ours and (number is None or (change is not None and change.version == version)):
            codes[version] = scorer.under(change).thresholds.decide(scores)
    return codes


def _at(outcomes: dict[str, NDArray[np.int8]], version: str, row: int) -> Outcome | None:
    codes = outcomes.get(version)
    return None if codes is None else OUTCOMES[int(codes[row])]


def command(
    model: Annotated[
        Path | None, typer.Option(help="Artefact folder; default: the one that the workers use.")
    ] = None,
) -> None:
    """Replay the ledger and compare every decision that comes out with the one on record."""
    settings = Settings.load()
    scorer = Scorer.load(model or settings.stream.model or settings.home / "model")
    record = Record.open(settings.database_url.get_secret_value())
    try:
        said = asyncio.run(audit(settings, scorer, record))
    finally:
        record.close()
    print(
        f"{said.decided:,} transactions in the ledger: {said.equal:,} decisions on record are the same bit for bit, "
        f"{len(said.different):,} differ, {len(said.missing):,} are missing, "
        f"{said.other_model:,} were made by another model"
    )
    if not said.is_clean:
        raise AuditFailed(f"audit: {_some('differ', said.different)}{_some('missing', said.missing)}".strip())


def _some(what: str, ids: Sequence[str]) -> str:
    return f"{what}: {', '.join(ids[:NAMED])}{' …' if len(ids) > NAMED else ''}; " if ids else ""
