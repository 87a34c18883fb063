"""Admission: rows become a canonical table, or dead letters with a reason.

The rules are those of ``fraud.transaction.check`` and ``data.truth.check_truth``. Here they run over whole columns to
tell good rows from bad; the reason for a bad row then comes from the reference itself.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from data.blocks import Block, TableFile
from data.column_values import MISSING_TIME, flags, numbers, texts, times, value_at
from data.dead_letters import DeadLetterFile
from data.timeline import NEVER_MICROSECONDS
from data.truth import DEFAULT_LABEL_DELAY_DAYS, check_truth
from fraud.errors import InputError, RecordError, RingfenceError
from fraud.fields import CANONICAL_COLUMNS, COLUMNS, quote
from fraud.instant import MICROSECOND, to_micros
from fraud.progress import stage
from fraud.settings import Settings
from fraud.transaction import (
    DEFAULT_CURRENCY,
    EARLIEST_TIME,
    LARGEST_AMOUNT,
    check,
    latest_time,
    read_currency,
)

__all__ = ["Columns", "Proposal", "ReadOptions", "admit_file"]

log = logging.getLogger(__name__)

Columns = Mapping[str, pa.Array]
"""Canonical column name to values of any readable type, one a row; columns may be left out."""

_LONGEST_DELAY_DAYS = 36_500.0
_TEXT_COLUMNS = tuple(
    column.name for column in COLUMNS if column.kind == "text" and column.name != "currency"
)


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How files are read: defaults for what they leave out, and where refused rows go.

    ``dead_letters`` None: next to the file. ``latest`` bounds event times (None: a day from now).
    """

    currency: str = DEFAULT_CURRENCY
    label_delay_days: float = DEFAULT_LABEL_DELAY_DAYS
    dead_letters: Path | None = None
    latest: datetime | None = None

    def __post_init__(self) -> None:
        read_currency(self.currency)
        if not 0 <= self.label_delay_days <= _LONGEST_DELAY_DAYS:
            raise InputError(
                f"label_delay_days: {self.label_delay_days} lies outside 0 to {_LONGEST_DELAY_DAYS:g}"
            )

    @classmethod
    def from_settings(cls, settings: Settings, dead_letters: Path | None = None) -> ReadOptions:
        """The options that the settings ask for."""
        return cls(settings.currency, settings.label_delay_days, dead_letters)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A block in canonical columns, proposed for admission."""

    columns: Columns
    rows: NDArray[np.int64]
    problems: Mapping[int, RecordError] = field(default_factory=dict)
    """Position in the block to what is wrong with a row already."""


def admit_file(
    file: TableFile,
    wanted: Sequence[str],
    propose: Callable[[Block], Proposal],
    options: ReadOptions,
) -> pd.DataFrame:
    """Reads the ``wanted`` columns of a file block by block, lets ``propose`` name them canonically, keeps good rows.

    Gives the canonical table sorted by event_time (equal times in file order). Raises InputError when no row is good.
    """
    with DeadLetterFile(file.path, options.dead_letters) as letters:
        admission = _Admission(options, letters)
        with stage(f"Read {file.path.name}", total=file.size) as advance:
            for block in file.blocks(wanted, letters):
                admission.admit(propose(block))
                advance(block.size)
        frame = admission.table()
    kept = f"{file.path}: {len(frame):,} rows good, {letters.count:,} refused"
    if frame.empty:
        first = f"; the first, {letters.first}" if letters.first else "; it has a header only"
        raise InputError(f"{kept}{first}")
    if letters.count:
        log.warning("%s (%s), see %s", kept, letters.summary(), letters.target)
    else:
        log.info("%s", kept)
    return frame


class _Admission:
    def __init__(self, options: ReadOptions, letters: DeadLetterFile) -> None:
        self._options = options
        self._letters = letters
        self._latest = options.latest or latest_time()
        self._delay = timedelta(days=options.label_delay_days) // MICROSECOND
        self._rows: list[NDArray[np.int64]] = []
        self._parts: dict[str, list[NDArray[Any]]] = {name: [] for name in CANONICAL_COLUMNS}
        self._shared: dict[str, str] = {}

    def admit(self, proposal: Proposal) -> None:
        """Keeps the good rows of a block and writes dead letters for the others."""
        values, bad = self._read(proposal)
        bad[list(proposal.problems)] = True
        for position in np.flatnonzero(bad):
            row = int(proposal.rows[position])
            self._letters.add(
                row, proposal.problems.get(int(position)) or self._reason(proposal, int(position))
            )
        good = ~bad
        self._rows.append(proposal.rows[good])
        for name, parts in self._parts.items():
            parts.append(values[name][good])

    def table(self) -> pd.DataFrame:
        """All rows admitted; of rows with the same id the first in the file stays, the others are refused now."""
        if not self._rows:
            return pd.DataFrame(columns=list(CANONICAL_COLUMNS))
        columns = {name: np.concatenate(self._parts.pop(name)) for name in CANONICAL_COLUMNS}
        keep = self._first_of_each_id(columns["transaction_id"], np.concatenate(self._rows))
        order = np.flatnonzero(keep)
        order = order[np.argsort(columns["event_time"][order], kind="stable")]
        data = {name: pd.Series(columns.pop(name)[order]) for name in CANONICAL_COLUMNS}
        for name in ("event_time", "label_time"):
            data[name] = data[name].astype("datetime64[us]").dt.tz_localize("UTC")
        return pd.DataFrame(data, copy=False)

    def _read(self, proposal: Proposal) -> tuple[dict[str, NDArray[Any]], NDArray[np.bool_]]:
        """Canonical values, and which rows break a rule."""
        given = proposal.columns
        count = len(proposal.rows)
        nothing = pa.nulls(count)
        values: dict[str, NDArray[Any]] = {}
        bad = np.zeros(count, bool)
        for name in _TEXT_COLUMNS:
            # Ids of transactions differ anyway; other texts are one object each over all blocks, to save memory.
            shared = None if name == "transaction_id" else self._shared
            values[name], unreadable = texts(name, given.get(name, nothing), shared=shared)
            bad |= unreadable
        values["currency"], unreadable = texts(
            "currency",
            given.get("currency", nothing),
            lambda _, value: read_currency(value, self._options.currency),
        )
        bad |= unreadable
        for name in ("amount", "latitude", "longitude"):
            values[name], unreadable = numbers(name, given.get(name, nothing))
            bad |= unreadable
        bad |= _break_rules(values)
        values["event_time"], unreadable = times("event_time", given.get("event_time", nothing))
        bad |= unreadable | self._are_absurd(values["event_time"])
        bad |= self._read_labels(values, given, nothing)
        return values, bad

    def _read_labels(
        self, values: dict[str, NDArray[Any]], given: Columns, nothing: pa.Array
    ) -> NDArray[np.bool_]:
        is_fraud, bad = flags("is_fraud", given.get("is_fraud", nothing))
        reported, unreadable = flags("reported_fraud", given.get("reported_fraud", nothing))
        bad |= unreadable
        reported = np.where(reported < 0, is_fraud, reported)
        event_time = values["event_time"]
        label_time, unreadable = times("label_time", given.get("label_time", nothing))
        bad |= unreadable
        # Rows without an event time are refused anyway; the sum must only not overflow for them.
        default = np.where(event_time == MISSING_TIME, NEVER_MICROSECONDS, event_time + self._delay)
        label_time = np.where(label_time == MISSING_TIME, default, label_time)
        bad |= (label_time < event_time) | (label_time > NEVER_MICROSECONDS)
        values["is_fraud"], values["reported_fraud"] = is_fraud, reported
        values["label_time"] = np.where(reported < 0, NEVER_MICROSECONDS, label_time)
        return bad

    def _are_absurd(self, event_time: NDArray[np.int64]) -> NDArray[np.bool_]:
        earliest = to_micros(EARLIEST_TIME)
        latest = to_micros(self._latest)
        absurd: NDArray[np.bool_] = (event_time < earliest) | (event_time > latest)
        return absurd

    def _reason(self, proposal: Proposal, position: int) -> RecordError:
        fields = {name: value_at(array, position) for name, array in proposal.columns.items()}
        try:
            transaction = check(fields, currency=self._options.currency, latest=self._latest)
            check_truth(fields, transaction.event_time, label_delay_days=self._options.label_delay_days)
        except RecordError as error:
            return error
        raise RingfenceError(
            f"row {proposal.rows[position]}: refused against the row rules; please report this"
        )

    def _first_of_each_id(self, ids: NDArray[np.object_], rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        series = pd.Series(ids)
        again = series.duplicated().to_numpy()
        if again.any():
            repeated = np.flatnonzero(series.isin(set(ids[again])).to_numpy() & ~again)
            first_row = dict(zip(ids[repeated], rows[repeated], strict=True))
            for position in np.flatnonzero(again):
                name = ids[position]
                reason = (
                    f"{quote('transaction_id', name)} is in row {first_row[name]} already; ids are unique"
                )
                self._letters.add(int(rows[position]), RecordError("transaction_id", reason))
        return ~again


def _break_rules(values: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
    """Rows that lack what they need, or hold numbers out of range."""
    account, counterparty = values["account_id"], values["counterparty_id"]
    has_counterparty = counterparty != None  # noqa: E711 - element by element
    amount, latitude, longitude = values["amount"], values["latitude"], values["longitude"]
    broken: NDArray[np.bool_] = (
        (values["transaction_id"] == None)  # noqa: E711
        | (account == None)  # noqa: E711
        | ((values["merchant_id"] == None) & ~has_counterparty)  # noqa: E711
        | (has_counterparty & (account == counterparty))
        | ~((amount > 0) & (amount <= LARGEST_AMOUNT))
        | (np.abs(latitude) > 90)
        | (np.abs(longitude) > 180)
        | (np.isnan(latitude) != np.isnan(longitude))
    )
    return broken
