"""The ``graph`` command: the one writer of the graph store as a service, its retention and state, questions to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer

from fraud.errors import InputError
from fraud.metrics import serving
from fraud.record import Record
from fraud.settings import GraphSettings, Settings
from graph.following import Follower, stopping
from graph.kept import Kept
from graph.marks import mark
from graph.opening import open_graph_store
from graph.query_command import given_values, show_queries, show_query, show_rows
from graph.query_library import named, run
from graph.retention import retain, still_open
from graph.standing import Standing
from graph.store import GraphStore

__all__ = ["Action", "command"]


class Action(StrEnum):
    """What to do with the graph store."""

    FOLLOW = "follow"
    RETAIN = "retain"
    STATUS = "status"
    MARK = "mark"
    QUERIES = "queries"
    QUERY = "query"


ASKING = (Action.QUERIES, Action.QUERY)


def command(
    action: Annotated[
        Action,
        typer.Argument(
            help="Bring it up to the record, thin its old history, say where it stands, mark nodes for the colours of "
            "Neo4j Browser; list the questions of the investigator's library, or ask one."
        ),
    ],
    name: Annotated[str | None, typer.Argument(help="queries, query: which one.")] = None,
    once: Annotated[bool, typer.Option("--once", help="follow: catch up, then end.")] = False,
    days: Annotated[
        float | None, typer.Option(min=0.0, help="retain: remove what was last used longer ago.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="retain: only count.")] = False,
    parameters: Annotated[
        list[str] | None, typer.Option("--param", help="query: a parameter as name=value; once for each.")
    ] = None,
) -> None:
    """Write the graph store from the record, keep it from growing for ever, show where it stands, ask it.

    `follow` runs until it gets SIGTERM or Ctrl-C: it finishes the portion in hand, and the record keeps the rest for
    the next start. Of several, one writes and the others wait to take over. With RINGFENCE_GRAPH__RETENTION_DAYS it
    also removes old history, every RINGFENCE_GRAPH__RETENTION_EVERY_HOURS; what open alerts are about stays.
    """
    if once and action is not Action.FOLLOW:
        raise InputError("--once: only with follow")
    if (days is not None or dry_run) and action is not Action.RETAIN:
        raise InputError("--days and --dry-run: only with retain")
    if name is not None and action not in ASKING:
        raise InputError(f"{name!r}: only with queries or query")
    if parameters and action is not Action.QUERY:
        raise InputError("--param: only with query")
    if action is Action.QUERIES:
        show_query(name) if name else show_queries()
        return
    settings = Settings.load()
    if action is Action.QUERY:
        _ask(settings, name, parameters or [])
        return
    record = Record.open(settings.database_url.get_secret_value())
    try:
        with open_graph_store(settings) as store:
            match action:
                case Action.FOLLOW:
                    _follow(record, store, settings, once)
                case Action.RETAIN:
                    _retain(record, store, settings.graph, days, dry_run)
                case Action.MARK:
                    _mark(record, store)
                case Action.STATUS:
                    _status(record, store)
    finally:
        record.close()


def _ask(settings: Settings, name: str | None, parameters: list[str]) -> None:
    if name is None:
        raise InputError("query: which one? `python -m fraud graph queries` lists them")
    given = given_values(parameters)
    # What is wrong in the words is told before a store is started for them.
    named(name).values(given)
    with open_graph_store(settings) as store:
        if store.is_embedded():
            store.prepare()  # it refuses to hear of labels that it does not know
        show_rows(run(store, name, given))


def _follow(record: Record, store: GraphStore, settings: Settings, once: bool) -> None:
    with stopping() as stop:
        follower = Follower(record, store, settings.graph, stop)
        if once:
            follower.catch_up()
            return
        with serving(settings.stream, follower.metrics.registry, failed=follower.fault):
            follower.run()


def _retain(
    record: Record, store: GraphStore, settings: GraphSettings, days: float | None, dry_run: bool
) -> None:
    days = settings.retention_days if days is None else days
    if days is None:
        raise InputError("--days: say how many, or set RINGFENCE_GRAPH__RETENTION_DAYS")
    now = datetime.now(UTC)
    before = now - timedelta(days=days)
    with stopping() as stop:
        store.prepare()
        removed = retain(
            store,
            before,
            still_open(record),
            passing_before=Kept.of(settings).window_begins(now),
            dry_run=dry_run,
            go_on=lambda: not stop.is_set(),
        )
    what = "would remove" if dry_run else "removed"
    later = ", and nodes that this would leave alone" if dry_run else ""
    end = "; stopped early, the rest is for the next time" if stop.is_set() else ""
    print(f"graph: {what} {removed}{later}, last used before {before:%Y-%m-%d %H:%M} UTC{end}")


def _mark(record: Record, store: GraphStore) -> None:
    with stopping() as stop:
        counts = mark(store, still_open(record), go_on=lambda: not stop.is_set())
    told = ", ".join(f"{counts[standing]:,} {standing.value}" for standing in Standing)
    print(f"graph: marked {told}{'; stopped early, the rest has old marks' if stop.is_set() else ''}")


def _status(record: Record, store: GraphStore) -> None:
    store.prepare()
    there = store.positions()
    for stream, newest in sorted(record.streams().items()):
        at = there.get(stream, 0)
        behind = record.waiting_of(stream, at)
        print(f"stream {stream}: record at batch {newest:,}, graph at {at:,}, {behind:,} transactions behind")
    print(f"writer: {store.writer() or 'none at the moment'}")
    for name, count in store.counts().items():
        print(f"{name}: {count:,}")
