"""What the speed benchmark measures: JSON in, score out, in one process, on a state warmed by a long history."""

from __future__ import annotations

import gc
import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from benchmarks.payments import Sizes, as_json, payments
from benchmarks.token_key import TOKEN_KEY
from data.timeline import Timeline
from data.tokenise import tokenise_table
from fraud.door import admit
from fraud.settings import CapacitySettings, CostSettings
from fraud.tokens import Tokeniser, TokenKind
from fraud.transaction import Transaction
from gnn.neighbourhood import Neighbourhood
from gnn.network import EdgeSage
from gnn.serving import SageKernel
from gnn.weights import SageWeights
from graph import snapshot
from graph.events import Events, FrameEvents, from_transactions
from graph.observation import Observation
from graph.online import OnlineGraph
from models.artefact import DataSpan, input_names, load_artefact, save_artefact
from models.booster import BoosterConfig, fit_booster, margin_of
from models.calibration import fit_calibration
from models.scorer import Scorer, Scores
from models.thresholds import choose_thresholds

__all__ = ["Made", "Memory", "WholePath", "make"]

SIZES = Sizes()
MEASURED = 60_000
"""Payments at the end of the workload that are measured; all before them warm the state."""

FITTED = 40_000
"""The last warming payments, on whose features the booster is fitted."""

CHUNK = 256
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
KEY = TOKEN_KEY.encode()
TREES, DEPTH = 300, 6


@dataclass(frozen=True, slots=True)
class Memory:
    """What the warm state takes."""

    nodes: int
    pairs: int
    counted: int
    """Bytes by the graph's own count."""
    resident: int
    """Bytes by which the process grew at most while the state was warmed."""


@dataclass(frozen=True, slots=True)
class Made:
    """Workload, model and warm state, ready to be measured again and again."""

    frame: pd.DataFrame
    """All payments, with identifiers as their senders write them; the last ``MEASURED`` rows are in ``lines``."""
    lines: list[bytes]
    state: Path
    """Snapshot of the state before the first of ``lines``."""
    model: Path
    memory: Memory
    identifiers: dict[TokenKind, list[str]]
    """Those of the warming payments, as senders write them, in the order of their last appearance."""

    def path(self) -> WholePath:
        """A fresh path on the warm state."""
        return WholePath(self)


class WholePath:
    """Decode, tokenise, observe, score."""

    def __init__(self, made: Made) -> None:
        artefact = load_artefact(made.model)
        assert artefact.sage is not None  # noqa: S101 - the benchmark's own model
        self.graph = snapshot.load(made.state)
        self.scorer = Scorer(artefact)
        self.sage = SageKernel(artefact.sage)
        self.booster = artefact.booster
        self.tokeniser = Tokeniser(KEY)
        known = made.identifiers
        self.tokeniser.batch(known["account"], known["device"], known["ip"])

    def decode(self, lines: Sequence[bytes]) -> Events:
        """Checked and tokenised events; rows that are no payments would be dropped here."""
        results = admit(lines, self.tokeniser, latest=LATEST)
        return from_transactions([x for x in results if isinstance(x, Transaction)])

    def observe(self, events: Events) -> Observation:
        """Features and neighbourhoods; the state moves on."""
        return self.graph.observe(events)

    def score(self, observation: Observation) -> Scores:
        """Network, trees, calibration, decision."""
        return self.scorer.score(observation)

    def run(self, lines: Sequence[bytes]) -> Scores:
        """The whole of it."""
        return self.score(self.observe(self.decode(lines)))


def make(folder: Path) -> Made:
    """Workload, state and model below ``folder``; takes the better part of a minute."""
    raw = payments(SIZES)
    warm = len(raw) - MEASURED
    lines = as_json(raw.iloc[warm:])
    frame = tokenise_table(raw, Tokeniser(KEY))
    fitted = warm - FITTED
    # Compiled code and what a chunk needs are in memory before the state is measured.
    _feed(OnlineGraph(), frame.iloc[:CHUNK])
    graph = OnlineGraph()
    grown = _feed(graph, frame.iloc[:fitted])
    memory = Memory(len(graph.index), int(graph.counters[1]), graph.memory(), grown)
    parts = _observe_densely(graph, frame.iloc[fitted:warm])
    _fit(folder / "model", parts, frame.iloc[fitted:warm])
    snapshot.save(graph, folder / "state")
    return Made(raw, lines, folder / "state", folder / "model", memory, _identifiers(raw.iloc[:warm]))


def _identifiers(frame: pd.DataFrame) -> dict[TokenKind, list[str]]:
    columns: dict[TokenKind, list[str]] = {
        "account": ["counterparty_id", "account_id"],
        "device": ["device_id"],
        "ip": ["ip"],
    }
    return {
        kind: pd.concat([frame[name] for name in names]).dropna().drop_duplicates(keep="last").tolist()
        for kind, names in columns.items()
    }


def _feed(graph: OnlineGraph, frame: pd.DataFrame) -> int:
    """Take in payments and labels; returns the bytes by which the process grew at most."""
    source, timeline = FrameEvents(frame), Timeline(frame, chunk_rows=CHUNK)
    gc.collect()
    before, most = _resident(), 0
    for chunk in timeline:
        graph.observe(source.take(chunk.kind, chunk.row, chunk.time), neighbourhoods=False)
        most = max(most, _resident() - before)
    return most


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE


def _observe_densely(graph: OnlineGraph, frame: pd.DataFrame) -> list[Observation]:
    events = FrameEvents(frame)
    rows = np.arange(len(frame))
    whole = events.take(np.zeros(len(frame), np.int8), rows, events.time)
    return [graph.observe(whole.part(i, i + CHUNK)) for i in range(0, len(frame), CHUNK)]


def _weights(part: Observation) -> SageWeights:
    """GraphSAGE with random weights on inputs standardised as in training: its speed does not depend on them."""
    torch.manual_seed(0)
    network = EdgeSage().eval()
    network.standardise(
        Neighbourhood(
            part.self_message, part.slot_message, part.slot_hop2, part.slot_hop2_count, part.slot_age,
            part.slot_count,
        )
    )  # fmt: skip
    return network.to_weights()


def _fit(folder: Path, parts: list[Observation], frame: pd.DataFrame) -> None:
    weights = _weights(parts[0])
    sage = SageKernel(weights)
    X = np.concatenate([_inputs(sage, part) for part in parts])
    y = frame["is_fraud"].to_numpy()
    amount = frame["amount"].to_numpy()
    day = frame["event_time"].to_numpy(dtype="datetime64[D]").astype(np.int64)
    booster = fit_booster(X, y, input_names(True), BoosterConfig(trees=TREES, depth=DEPTH))
    margin = margin_of(booster, X)
    calibration = fit_calibration(margin, y)
    save_artefact(
        folder,
        booster=booster,
        calibration=calibration,
        thresholds=choose_thresholds(
            calibration.apply(margin), y, amount, day, CostSettings(), CapacitySettings()
        ),
        sage=weights,
        rings=None,
        data_span=DataSpan(start="", end="", transactions=len(y), known_frauds=int(y.sum())),
        seeds={"weights": 0},
        settings={},
        metrics={},
    )


def _inputs(sage: SageKernel, part: Observation) -> NDArray[np.float32]:
    embedding, logit = sage.embed(part)
    return np.concatenate([part.features, embedding, logit[:, None]], axis=1)
