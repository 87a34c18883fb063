"""The simulator: a world of payments with known fraud rings, written as canonical files.

``simulate`` writes DIR/transactions.parquet and DIR/rings.csv. The same arguments give the same files, byte for
byte. Presets: ``payments`` (data.world.payments) and ``welfare-india`` (data.world.welfare).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from data.world.batch import LEGITIMATE
from data.world.labels import report
from data.world.names import give_names
from data.world.payments import Payments
from data.world.story import Story
from data.world.streams import stream
from data.world.welfare import Welfare
from data.world.writing import TransactionFile, write_rings
from fraud.errors import InputError
from fraud.progress import stage
from fraud.write_aside import write_aside

__all__ = ["PRESETS", "Simulated", "command", "simulate"]

START = date(2025, 9, 1)
_MOST_DAYS = 3660
_LEAST_ACCOUNTS, _MOST_ACCOUNTS = 50, 2_000_000
_LEAST_RATE, _MOST_RATE = 0.3, 200.0

PRESETS: dict[str, Callable[..., Story]] = {"payments": Payments, "welfare-india": Welfare}


@dataclass(frozen=True, slots=True)
class Simulated:
    """Where the files are and what they hold."""

    transactions: Path
    rings: Path
    rows: int
    frauds: int
    ring_count: int


def simulate(
    out: Path,
    *,
    days: int = 60,
    accounts: int = 3000,
    seed: int = 1,
    preset: str = "payments",
    start: date = START,
    transactions: int | None = None,
) -> Simulated:
    """Write a simulated world below ``out`` and say what was written.

    ``transactions`` is about how many rows there shall be; by default a little over one for each account and day.
    Raises InputError for arguments out of range.
    """
    _check(days, accounts, seed, preset, start, transactions)
    story = PRESETS[preset](seed=seed, days=days, accounts=accounts, start=start, transactions=transactions)
    names = give_names(
        seed,
        accounts=story.accounts,
        merchants=len(story.merchant_mcc),
        devices=story.devices,
        ips=story.ips,
    )
    target, rings = out / "transactions.parquet", out / "rings.csv"
    with write_aside(target) as aside, write_aside(rings) as rings_aside:
        written = TransactionFile(aside, story, names)
        with stage("Simulate", total=days) as advance:
            for day in range(days):
                batch = story.tell(day)
                written.write(
                    batch, report(stream(seed, "labels", day), batch.time, batch.kind != LEGITIMATE)
                )
                advance()
        written.close()
        write_rings(rings_aside, story, names)
    return Simulated(target, rings, written.rows, written.frauds, len(story.rings))


def command(
    out: Annotated[Path, typer.Option(help="Folder for transactions.parquet and rings.csv.")],
    days: Annotated[int, typer.Option(help="Days to simulate.")] = 60,
    accounts: Annotated[int, typer.Option(help="Accounts, 50 at least.")] = 3000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same files.")] = 1,
    preset: Annotated[str, typer.Option(help="payments or welfare-india.")] = "payments",
    start: Annotated[str, typer.Option(help="First day, YYYY-MM-DD.")] = START.isoformat(),
    transactions: Annotated[int | None, typer.Option(help="About how many transactions to make.")] = None,
) -> None:
    """Write a simulated payment world with known fraud rings."""
    done = simulate(
        out,
        days=days,
        accounts=accounts,
        seed=seed,
        preset=preset,
        start=_date(start),
        transactions=transactions,
    )
    print(f"{done.transactions}: {done.rows:,} transactions, {done.frauds:,} frauds")
    print(f"{done.rings}: {done.ring_count:,} rings")


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(f"start: {text!r} is no date; write it as YYYY-MM-DD") from None


def _check(days: int, accounts: int, seed: int, preset: str, start: date, transactions: int | None) -> None:
    if preset not in PRESETS:
        raise InputError(f"preset: {preset!r} is not known; choose one of {', '.join(PRESETS)}")
    if not 1 <= days <= _MOST_DAYS:
        raise InputError(f"days: {days} is out of range; choose 1 to {_MOST_DAYS}")
    if not _LEAST_ACCOUNTS <= accounts <= _MOST_ACCOUNTS:
        raise InputError(
            f"accounts: {accounts} is out of range; choose {_LEAST_ACCOUNTS} to {_MOST_ACCOUNTS}"
        )
    if seed < 0:
        raise InputError(f"seed: {seed} is negative; choose 0 or more")
    if not 1970 <= start.year <= 2200:
        raise InputError(f"start: {start} is out of range; choose a year from 1970 to 2200")
    account_days = accounts * days
    least, most = int(_LEAST_RATE * account_days), int(_MOST_RATE * account_days)
    if transactions is not None and not least <= transactions <= most:
        raise InputError(
            f"transactions: {transactions} does not suit {accounts} accounts over {days} days; "
            f"choose {least} to {most}"
        )
