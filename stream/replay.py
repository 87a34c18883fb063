"""The pipeline over a file: a shell that feeds it in event order and writes down what it says."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray

from data.admission import ReadOptions
from data.canonical import read_transactions
from data.timeline import Chunk, Timeline
from data.tokenise import TOKEN_KINDS, tokenise_table
from fraud.errors import InputError
from fraud.instant import parse_instant
from fraud.label import Label
from fraud.outbox import deliver
from fraud.progress import stage
from fraud.record import Record
from fraud.ring import Ring
from fraud.run import Run, RunState
from fraud.settings import Settings
from fraud.tokens import Tokeniser
from fraud.transaction import Transaction
from fraud.write_aside import write_aside
from graph.events import LABEL, TRANSACTION, FrameEvents, from_ring_marks
from graph.kept import Kept
from graph.online import OnlineGraph
from graph.opening import open_graph_store
from graph.ring_identity import moment
from graph.ring_mark import within_hours
from graph.write_behind import WriteBehind
from models.evaluate import evaluate
from models.report import write_report
from models.scorer import Scorer
from models.thresholds import OUTCOMES
from stream.desk import Raised, RingDesk
from stream.pipeline import Pipeline, Step
from stream.recording import write_verdicts
from stream.verdicts import Verdicts, joined, verdicts

__all__ = ["Replayed", "as_transactions", "command", "replay", "ring_table"]

log = logging.getLogger(__name__)

CHUNK_EVENTS = 4_096
DRAIN_SECONDS = 300.0
NOWHERE = ("latitude", "longitude")


@dataclass(slots=True)
class Replayed:
    """What a replay said; rows of ``scores`` are in event order."""

    scores: pd.DataFrame
    rings: dict[str, Ring] = field(default_factory=dict)
    """Newest state of each reported ring, members as tokens."""
    alerts: int = 0
    """Alert states raised, updates included."""


def replay(
    frame: pd.DataFrame,
    scorer: Scorer,
    settings: Settings,
    *,
    since: datetime | None = None,
    record: Record | None = None,
    notify: Callable[[], object] | None = None,
) -> Replayed:
    """Run the online pipeline over a tokenised canonical table; rows before ``since`` only build state.

    Labels take effect at their label_time, what the ring desk says of accounts at the next full hour. With
    ``record``, every decided transaction is written there, and every label that came in since; ``notify`` is called
    after each write of transactions.
    """
    pipeline = Pipeline(OnlineGraph.within(settings.online), scorer)
    desk = RingDesk(settings.costs.review_cost, scorer.ring_judge)
    source, ids = FrameEvents(frame), frame["transaction_id"].to_numpy(dtype=object)
    start = np.iinfo(np.int64).min if since is None else int(since.timestamp() * 1e6)
    said = Replayed(pd.DataFrame())
    parts: list[pd.DataFrame] = []
    timeline = Timeline(frame, chunk_rows=CHUNK_EVENTS)
    with stage("Replay through the online pipeline", total=len(timeline)) as advance:
        for chunk in timeline:
            for part, live in _split(chunk, start):
                if not live:
                    pipeline.warm(source.take(part.kind, part.row, part.time))
                    continue
                raised, decided = Raised(), list[Verdicts]()
                for piece in _hours(part):
                    if marks := desk.marks.due(int(piece.time[0])):
                        pipeline.warm(from_ring_marks(marks))
                    events = source.take(piece.kind, piece.row, piece.time)
                    rows = piece.row[piece.kind == TRANSACTION]
                    if not len(rows):
                        pipeline.warm(events)
                        continue
                    step = pipeline.process(events, ids[rows].tolist())
                    parts.append(_score_rows(step, ids[rows]))
                    raised.add(desk.observe(step.suspicions))
                    if record is not None:
                        decided.append(verdicts(step, as_transactions(frame, rows)))
                said.rings.update({ring.ring_id: ring for ring in raised.rings})
                said.alerts += len(raised.alerts)
                if record is not None:
                    _write(record, decided, raised, notify)
                    _write_labels(record, frame, part)
            advance(len(chunk))
    if not parts:
        raise InputError(f"--since: no transaction at or after {since}; give an earlier time")
    said.scores = pd.concat(parts, ignore_index=True)
    return said


def _write(
    record: Record, decided: Sequence[Verdicts], raised: Raised, notify: Callable[[], object] | None
) -> None:
    said = joined(decided)
    for one in said:
        write_verdicts(record, one, raised if one is said[-1] else None)
    if said and notify is not None:
        notify()


def _write_labels(record: Record, frame: pd.DataFrame, chunk: Chunk) -> None:
    """Record what was reported within a chunk."""
    reported = chunk.kind == LABEL
    rows = chunk.row[reported]
    if not len(rows):
        return
    ids, is_fraud = frame["transaction_id"].iloc[rows], frame["reported_fraud"].iloc[rows]
    record.write_labels(
        Label(transaction_id, bool(fraud), moment(int(known)))
        for transaction_id, fraud, known in zip(ids, is_fraud, chunk.time[reported], strict=True)
    )


def _split(chunk: Chunk, start: int) -> Iterator[tuple[Chunk, bool]]:
    """The part of a chunk before ``start``, which only warms, and the part that is decided."""
    at = int(np.searchsorted(chunk.time, start, side="left"))
    for part, live in ((slice(0, at), False), (slice(at, len(chunk)), True)):
        if part.stop > part.start:
            yield Chunk(chunk.kind[part], chunk.row[part], chunk.time[part]), live


def _hours(chunk: Chunk) -> Iterator[Chunk]:
    """A chunk in parts that end with an hour."""
    for part in within_hours(chunk.time.tolist()):
        yield Chunk(chunk.kind[part], chunk.row[part], chunk.time[part])


def _score_rows(step: Step, ids: NDArray[np.object_]) -> pd.DataFrame:
    reasons = [""] * len(ids)
    for row, why in step.explained.items():
        reasons[row] = why[0].text if why else ""
    return pd.DataFrame(
        {
            "transaction_id": ids,
            "event_time": pd.to_datetime(step.events.time, unit="us", utc=True),
            "score": step.scores.score,
            "decision": [OUTCOMES[code].value for code in step.scores.decision],
            "top_reason": reasons,
        }
    )


def as_transactions(frame: pd.DataFrame, rows: NDArray[np.int64]) -> list[Transaction]:
    """Rows of a checked table as records; missing values are None."""
    columns = {
        name: frame[name].iloc[rows].tolist() for name in Transaction.__struct_fields__ if name not in NOWHERE
    }
    columns["event_time"] = [time.to_pydatetime() for time in frame["event_time"].iloc[rows]]
    for name in NOWHERE:
        columns[name] = [None if np.isnan(x) else x for x in frame[name].iloc[rows].tolist()]
    names = list(columns)
    return [
        Transaction(**dict(zip(names, values, strict=True))) for values in zip(*columns.values(), strict=True)
    ]


def ring_table(rings: dict[str, Ring], names: dict[str, str]) -> pd.DataFrame:
    """The rings file: ring_id, first_alert_time, score, members (``;`` between them), in order of first alert.

    ``names`` gives the caller's own identifiers back for tokens.
    """
    ordered = sorted(rings.values(), key=lambda ring: (ring.first_alert_time, ring.ring_id))
    return pd.DataFrame(
        {
            "ring_id": [ring.ring_id for ring in ordered],
            "first_alert_time": [_iso(ring.first_alert_time) for ring in ordered],
            "score": [ring.score for ring in ordered],
            "members": [
                ";".join(names.get(member.member_id, member.member_id) for member in ring.members)
                for ring in ordered
            ],
        }
    )


def _iso(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def write_table(table: pd.DataFrame, path: Path) -> None:
    """CSV or Parquet by the name, whole or not at all."""
    if not path.name.endswith((".csv", ".csv.gz", ".parquet")):
        raise InputError(f"{path}: the name must end in .csv, .csv.gz or .parquet")
    with write_aside(path) as aside:
        if path.suffix == ".parquet":
            table.to_parquet(aside, index=False)
        else:
            table.to_csv(aside, index=False, date_format="%Y-%m-%dT%H:%M:%S.%fZ")


def names_of_tokens(raw: pd.DataFrame, tokenised: pd.DataFrame) -> dict[str, str]:
    """The caller's identifiers by token: for output handed back to the caller, never for what is kept."""
    names: dict[str, str] = {}
    for column in TOKEN_KINDS:
        names.update(zip(tokenised[column], raw[column], strict=True))
    return {token: name for token, name in names.items() if token is not None}


def command(
    model: Annotated[Path, typer.Option(help="Artefact folder that `train` wrote.")],
    transactions: Annotated[Path, typer.Option(help="Canonical file: .csv, .csv.gz or .parquet.")],
    scores: Annotated[Path, typer.Option(help="File to write scores to: .csv, .csv.gz or .parquet.")],
    since: Annotated[
        datetime | None,
        typer.Option(
            parser=parse_instant,
            metavar="TIME",
            help="Decide from this time on (ISO-8601, UTC); rows before it only build state.",
        ),
    ] = None,
    rings: Annotated[Path | None, typer.Option(help="File to write the reported rings to.")] = None,
    report: Annotated[
        Path | None, typer.Option(help="Folder for an evaluation against the truth in the file.")
    ] = None,
    keep: Annotated[
        bool, typer.Option("--record/--no-record", help="Keep decisions, receipts and alerts in the record.")
    ] = True,
    graph_store: Annotated[
        bool, typer.Option("--graph-store/--no-graph-store", help="Bring the graph store up to the record.")
    ] = False,
) -> None:
    """Run the online pipeline over a file in event order and write every score."""
    if graph_store and not keep:
        raise InputError("--graph-store: follows the record; leave out --no-record")
    settings = Settings.load()
    scorer = Scorer.load(model)
    raw = read_transactions(transactions, ReadOptions.from_settings(settings))
    frame = tokenise_table(raw, Tokeniser.from_settings(settings))
    said = run(frame, scorer, settings, since=since, keep=keep, graph_store=graph_store)
    write_table(said.scores, scores)
    if rings is not None:
        write_table(ring_table(said.rings, names_of_tokens(raw, frame)), rings)
    if report is not None:
        write_report(report, evaluate(said.scores, raw))
    counts = said.scores["decision"].value_counts()
    print(
        f"{len(said.scores):,} transactions decided: {counts.get('approve', 0):,} approved, "
        f"{counts.get('review', 0):,} for review, {counts.get('block', 0):,} blocked; "
        f"{len(said.rings):,} rings; scores in {scores}"
    )


def run(
    frame: pd.DataFrame,
    scorer: Scorer,
    settings: Settings,
    *,
    since: datetime | None,
    keep: bool,
    graph_store: bool,
    name: str = "replay",
) -> Replayed:
    """``replay`` with the record, and behind it the graph store, where asked for; drains both before it returns."""
    with ExitStack() as stack:
        if not keep:
            return replay(frame, scorer, settings, since=since)
        settings.home.mkdir(parents=True, exist_ok=True)
        record = Record.open(settings.database_url.get_secret_value())
        stack.callback(record.close)
        behind = None
        if graph_store:
            store = stack.enter_context(open_graph_store(settings))
            behind = stack.enter_context(WriteBehind(record, store, keep=Kept.of(settings.graph)))
        started = Run(f"{name}-{datetime.now(UTC):%Y%m%dT%H%M%S%f}", name, scorer.version, datetime.now(UTC))
        record.save_run(started)
        said = replay(
            frame,
            scorer,
            settings,
            since=since,
            record=record,
            notify=None if behind is None else behind.notify,
        )
        if behind is not None:
            with stage("Bring the graph store up to date"):
                if not behind.drain(DRAIN_SECONDS):
                    log.warning("graph: %d transactions still wait in the record", behind.lag())
        deliver(record, settings.alert_outbox)
        record.save_run(
            msgspec.structs.replace(
                started, state=RunState.DONE, ended_at=datetime.now(UTC), transactions=len(said.scores)
            )
        )
        return said
