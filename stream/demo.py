"""The main job end to end on the embedded defaults: simulate, train, replay the last days, show what came of it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from rich.console import Console
from rich.table import Table

from data.admission import ReadOptions
from data.canonical import read_transactions
from data.simulate import simulate
from data.tokenise import tokenise_table
from fraud.access import Role
from fraud.errors import InputError, ServiceError
from fraud.exits import complain
from fraud.processes import Watch
from fraud.progress import stage
from fraud.record import Record
from fraud.settings import Settings
from fraud.tokens import Tokeniser
from fraud.user_command import at_the_keyboard
from fraud.users import Users
from graph.arcade import ArcadeServer
from models.evaluate import evaluate
from models.report import summary_lines, write_report
from models.ring_matching import read_ring_alerts, read_true_rings
from models.scorer import Scorer
from models.training import train
from stream.live import learning_here, local_broker, streaming
from stream.replay import Replayed, names_of_tokens, ring_table, run, write_table

__all__ = ["command", "demo"]

LIVE_DAYS = 10
"""The last days of the world are decided by a model trained on what was known before them."""


@dataclass(frozen=True, slots=True)
class Demonstration:
    """Where a demonstration left its files, and its main figures line by line."""

    folder: Path
    figures: list[str]
    model_version: str


def demo(
    settings: Settings, *, days: int, accounts: int, seed: int, broker: bool, running: ExitStack | None = None
) -> Demonstration:
    """Run the main job in ``settings.home``: files, model, report, record and graph store all go there.

    With ``broker``, the last days go through a Faust worker where a broker can be had. With ``running``, what keeps the
    state goes on until that is closed, and takes labels of cases in.
    """
    folder = settings.home
    world = simulate(folder / "world", days=days, accounts=accounts, seed=seed)
    raw = read_transactions(world.transactions, ReadOptions.from_settings(settings))
    frame = tokenise_table(raw, Tokeniser.from_settings(settings))
    last = raw["event_time"].iloc[-1].to_pydatetime()
    since = datetime(last.year, last.month, last.day, tzinfo=UTC) - timedelta(days=LIVE_DAYS - 1)
    trained = train(frame, folder / "model", settings, until=since, seed=seed)
    said = _live(settings, raw, frame, since, broker=broker, running=running)
    names = names_of_tokens(raw, frame)
    write_table(said.scores, folder / "scores.parquet")
    write_table(ring_table(said.rings, names), folder / "rings.csv")
    with stage("Evaluate"):
        rings = read_true_rings(world.rings), read_ring_alerts(folder / "rings.csv", _own_names(names))
        metrics = evaluate(said.scores, raw, rings=rings)
        write_report(folder / "report", metrics)
    return Demonstration(folder, [*summary_lines(metrics), *_counts(said)], trained.version)


def _live(
    settings: Settings,
    raw: pd.DataFrame,
    frame: pd.DataFrame,
    since: datetime,
    *,
    broker: bool,
    running: ExitStack | None,
) -> Replayed:
    """The last days, through a real broker and worker, or in this process where there is none to be had."""
    model = settings.home / "model"
    with ExitStack() as until_decided:
        stack = until_decided if running is None else running
        started = False
        if broker:
            try:
                address = stack.enter_context(local_broker(settings))
                started = True
                stream = settings.stream.model_copy(update={"broker": address})
                with_broker = settings.model_copy(update={"stream": stream})
                return stack.enter_context(streaming(with_broker, raw, frame, model, since))
            except ServiceError as error:
                if started:
                    raise
                complain(f"no broker here, the last days are decided in this process instead ({error})")
    scorer = Scorer.load(model)
    said = run(frame, scorer, settings, since=since, keep=True, graph_store=True, name="demo")
    if running is not None:
        running.enter_context(learning_here(settings, frame, model))
    return said


def _own_names(names: dict[str, str]) -> dict[str, str]:
    return {name: name for name in names.values()}


def _counts(said: Replayed) -> list[str]:
    return [f"Rings reported   {len(said.rings):,}", f"Alert states   {said.alerts:,} (updates included)"]


def _show(done: Demonstration, seconds: float) -> None:
    table = Table(title="What the last days would have looked like", show_header=False)
    table.add_column(style="bold")
    table.add_column()
    for line in done.figures:
        name, _, figure = line.partition("  ")
        table.add_row(name.strip(), figure.strip())
    table.add_row("Model", done.model_version)
    table.add_row("Took", f"{seconds:.0f} s")
    Console().print(table)
    print(f"Report: {done.folder / 'report' / 'index.html'}")


def command(
    days: Annotated[int, typer.Option(min=30, help="Days to simulate.")] = 60,
    accounts: Annotated[int, typer.Option(min=200, help="Accounts to simulate.")] = 3_000,
    seed: Annotated[
        int,
        typer.Option(help="The same seed gives the same world, and under the same token key the same model."),
    ] = 1,
    broker: Annotated[
        bool,
        typer.Option(
            help="Decide the last days through Kafka and a Faust worker, where they can be started."
        ),
    ] = True,
    serve: Annotated[
        bool, typer.Option("--serve/--no-serve", help="End with the dashboard being served.")
    ] = True,
) -> None:
    """Simulate a payment world, train on it, replay its last days, and show alerts and figures."""
    started = time.monotonic()
    settings = Settings.load(home=Settings.load().home / "demo")
    _clear(settings)
    with ExitStack() as running:
        kept = running if serve else None
        done = demo(settings, days=days, accounts=accounts, seed=seed, broker=broker, running=kept)
        _show(done, time.monotonic() - started)
        if serve:
            _serve(settings)


def _clear(settings: Settings) -> None:
    """Remove an earlier demonstration; raises InputError while its dashboard is still being served."""
    if ArcadeServer(settings.home / "graph").in_use():
        raise InputError(
            f"{settings.home}: an earlier demonstration is still being served; stop its dashboard first"
        )
    shutil.rmtree(settings.home, ignore_errors=True)


def _serve(settings: Settings) -> None:
    """The dashboard over the demonstration's record and with somebody to sign in as, until interrupted."""
    _introduce(settings)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    dashboard = subprocess.Popen(
        [sys.executable, "-m", "fraud", "dashboard"],
        env={**os.environ, "RINGFENCE_HOME": str(settings.home)},
        # Ctrl-C is ours to hear, and passed on once.
        start_new_session=True,
    )
    watch = Watch(dashboard.pid, " -m fraud dashboard")
    try:
        dashboard.wait()
    except KeyboardInterrupt:
        dashboard.send_signal(signal.SIGTERM)
        dashboard.wait()
    finally:
        watch.close()


def _introduce(settings: Settings) -> None:
    """Make the person to sign in as, and say their password this once."""
    record = Record.open(settings.database_url.get_secret_value())
    try:
        person, password = Users(record.engine).add(
            "demo", Role.ADMIN, by=at_the_keyboard(), must_change=False
        )
    finally:
        record.close()
    print(f"Sign in as {person.name} with the password {password} (shown this once)", flush=True)
