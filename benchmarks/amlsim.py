"""Launderers among IBM AMLSim's 20,000 accounts, from structure and time alone.

In these files the amount gives laundering away (it stands in a band of its own), so every amount is set to 1 before
anything of ours sees the table. What is left is who paid whom on which day.

Protocol: the cut is day 100. Everything learns from the transactions whose labels are known at the cut (they come 7
days late), stops and tunes on the last part of these, and scores every later transaction as of the instant before it.
An account is judged by the later transactions it takes part in, as payer or payee: its score is the highest of theirs.
Judged are the accounts active after those days, without the accounts known to be fraudulent at the cut. The truth is
the file's own ``isFraud``; about half of these accounts make no laundering payment after those days (many never do),
so what is there to be found is judged as well: the accounts that do.

The other half is found by how accounts lie among their partners (``benchmarks.account_structure``), as an investigator
would see it who has the whole file but no label later than the cut: a booster learns from the accounts as they lay at
the cut, those known by then to be fraudulent against all others, and judges them as they lie at the end. The two
chances are put together as if independent: an account is fraudulent when its payments say so or its place does.

Three plain baselines rank the same accounts,
after the fact, from the same later transactions: how many there are (degree), PageRank over them (networkx), and an
isolation forest over six counts. A fourth tells what there is to be found: the simulator's launderers pay the same
account several times a day, which hardly anyone else does, so counting just that goes far.

Beside it, how many of the laundering patterns the motif detectors find, without labels and without a model: a
pattern is a connected group of laundering transfers, a cycle where it holds a directed one of three accounts or more, a
fan-in where one account is paid by two others or more. It is found when a finding of its kind through one of the
transfers of the file covers at least half of its accounts. They look within the product's window, and within a longer
one; beside it, how many patterns of the kind they find in all, and how many of these consist of launderers for at least
half (fan-ins: whose centre launders).
Run alone: ``python -m benchmarks.amlsim``.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import networkx as nx
import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score

from benchmarks.account_structure import STRUCTURE_NAMES, account_structure
from benchmarks.results import machine, write_result, write_section
from data.admission import ReadOptions
from data.loaders import amlsim
from data.timeline import Timeline, known_at
from fraud.errors import InputError
from fraud.exits import exit_status
from fraud.progress import stage
from gnn.serving import embed_history
from gnn.training import fit as fit_sage
from graph.events import FrameEvents
from graph.features import FEATURE_NAMES
from graph.finding import Finding, FindingKind
from graph.layout import DAY
from graph.motifs import WINDOW
from graph.online import OnlineGraph
from models.booster import BoosterConfig, fit_booster, margin_of
from models.history import CHUNK_EVENTS, History, replay_history
from models.periods import cut_periods
from models.training import booster_inputs, train_booster

__all__ = ["main"]

DATA = Path(__file__).resolve().parents[2] / "shared" / "datasets" / "amlsim"
WORLDS = ("20K_cycle200", "20K_fanin200", "20K_fanin200cycle200")
CUT_DAY = 100
SEEDS = (0, 1, 2)
THREADS = 2
TOP = 200
LEAST_CYCLE, LEAST_FAN = 3, 2
"""Accounts of a cycle, and payers of a fan-in."""
WINDOWS = (WINDOW, 90 * DAY)
"""Windows of the motif detectors, µs: the product's, and one as long as the file's patterns last."""
STRUCTURE_CONFIG = BoosterConfig(
    trees=300,
    depth=2,
    eta=0.05,
    min_child_weight=1.0,
    subsample=0.7,
    max_delta_step=0.0,
    base_score=0.02,
)
"""Of seventeen variants of rounds, depth, weight of a leaf and regularisation one of the two best by two earlier cuts
(days 50 and 63, judged by who is known to launder 30 days later, mean of three files): average precision .175 and
.197. A logistic regression had .162 and .189, its mean with a booster of 150 trees of depth 3 .197 and .209."""

Figures = tuple[float, float, float]
"""Average precision and precision@200 by isFraud, average precision by what launders later."""


class Recall(NamedTuple):
    """Of one kind of pattern, in one world, within one window."""

    found: int
    """Patterns of the file that a finding covers."""
    there: int
    days: float
    """Median time from the first to the last transfer of the file's patterns."""
    told: int
    """Different findings: of cycles the accounts, of fan-ins the centres."""
    right: int
    """Of them, those of launderers."""


@dataclass(frozen=True, slots=True)
class World:
    """One folder, amounts withheld, cut in time."""

    frame: pd.DataFrame
    history: History
    label: NDArray[np.int8]
    """[n] what was known at the cut; −1 from there on"""
    later: NDArray[np.int64]
    """Rows to judge by: those without a known label."""
    accounts: NDArray[np.object_]
    """Accounts to judge, sorted."""
    fraud: NDArray[np.bool_]
    """[accounts] by the file's isFraud"""
    launders: NDArray[np.bool_]
    """[accounts] pays or is paid in a laundering transaction among the later rows"""
    structure: NDArray[np.float32]
    """[accounts, F] how they lie among their partners in the end"""
    known_structure: NDArray[np.float32]
    """[known accounts, F] the same at the cut, of all that had paid or been paid by then"""
    known_fraud: NDArray[np.int8]
    """[known accounts] known at the cut to be fraudulent"""


def main() -> None:
    """Run every world and row, print the table and write its section and result."""
    if not DATA.is_dir():
        raise InputError(f"{DATA}: not found; put the AMLSim folders {', '.join(WORLDS)} there")
    rows: dict[str, dict[str, list[Figures]]] = {}
    patterns: dict[str, dict[int, dict[FindingKind, Recall]]] = {}
    sizes = []
    with stage("AMLSim", total=len(WORLDS) * len(SEEDS)) as advance:
        for name in WORLDS:
            world = _world(DATA / name)
            patterns[name] = {window // DAY: _pattern_recall(world.frame, window) for window in WINDOWS}
            sizes.append(f"{name} {len(world.accounts):,}/{world.fraud.sum()}/{world.launders.sum()}")
            for seed in SEEDS:
                for row, score in _scores(world, seed).items():
                    rows.setdefault(row, {}).setdefault(name, []).append(_figures(world, score))
                advance()
    text = "\n".join([_render(rows, sizes), "", *_render_patterns(patterns)])
    print(text)
    write_section("amlsim", text)
    write_result("amlsim", {"figures": rows, "accounts": sizes, "patterns": patterns})


def _world(folder: Path) -> World:
    with tempfile.TemporaryDirectory() as scrap:  # the few transfers to oneself are refused there
        options = ReadOptions(dead_letters=Path(scrap) / "refused.jsonl")
        frame = amlsim.load(folder, options).assign(amount=1.0)
    label = known_at(frame, amlsim.START + timedelta(days=CUT_DAY))
    later = np.flatnonzero(label < 0)
    ends = frame[["account_id", "counterparty_id"]].to_numpy()
    accounts = np.setdiff1d(ends[later], ends[label == 1])
    known = np.unique(ends[label >= 0])
    laundering = ends[later][frame["is_fraud"].to_numpy()[later] == 1].ravel()
    truth = amlsim.load_accounts(folder).set_index("account_id")["is_fraud"]
    return World(
        frame=frame,
        history=replay_history(frame, OnlineGraph()),
        label=label,
        later=later,
        accounts=accounts,
        fraud=truth[accounts].to_numpy() == 1,
        launders=np.isin(accounts, laundering),
        structure=_structure(ends, accounts),
        known_structure=_structure(ends[label >= 0], known),
        known_fraud=np.isin(known, ends[label == 1]).astype(np.int8),
    )


def _structure(ends: NDArray[np.object_], accounts: NDArray[np.object_]) -> NDArray[np.float32]:
    """[accounts, F] among the transfers ``ends`` [n, 2]; logarithms, for counts grow with time."""
    everyone, number = np.unique(ends, return_inverse=True)
    payer, payee = number.reshape(ends.shape).T
    structure = account_structure(payer, payee, len(everyone))
    return np.log1p(structure[np.searchsorted(everyone, accounts)])


def _scores(world: World, seed: int) -> dict[str, NDArray[np.float64]]:
    transactions = world.frame.iloc[world.later]
    periods = cut_periods(world.label[: int(world.later[0])])
    sage = fit_sage(
        world.history.neighbours, world.label, periods.sage, periods.sage_check, device="cpu", seed=seed
    ).weights
    config = BoosterConfig()
    stacked = train_booster(world.history, world.label, periods, sage, config, seed)
    labelled = np.concatenate([periods.sage, periods.sage_check, periods.booster])
    features, label = world.history.features, world.label
    plain = fit_booster(
        features[labelled], label[labelled], FEATURE_NAMES, config,
        validation=(features[periods.validation], label[periods.validation]), seed=seed, threads=THREADS,
    )  # fmt: skip
    margins = {
        "online graph + booster": margin_of(plain, features[world.later]),
        "online graph + GraphSAGE + booster (all)": margin_of(
            stacked, booster_inputs(world.history, world.later, sage)
        ),
        "GraphSAGE alone": embed_history(sage, world.history.neighbours, world.later)[1],
    }
    ours = {row: _highest(world, transactions, margin) for row, margin in margins.items()}
    place = _by_structure(world, seed)
    both = {f"{row}, account structure": _either(score, place) for row, score in ours.items()}
    return {**_baselines(world, transactions, seed), **ours, "account structure alone": place, **both}


def _by_structure(world: World, seed: int) -> NDArray[np.float64]:
    """Log-odds [accounts] of being fraudulent, by their place in the network alone."""
    booster = fit_booster(
        world.known_structure,
        world.known_fraud,
        STRUCTURE_NAMES,
        STRUCTURE_CONFIG,
        seed=seed,
        threads=THREADS,
    )
    return margin_of(booster, world.structure).astype(np.float64)


def _either(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """-ln of the chance of neither, from two independent log-odds."""
    return np.logaddexp(0.0, one) + np.logaddexp(0.0, other)


def _highest(world: World, transactions: pd.DataFrame, margin: NDArray[np.float32]) -> NDArray[np.float64]:
    """Each account's score: the highest of the transactions it takes part in."""
    score = np.full(len(world.accounts), -np.inf)
    for end in ("account_id", "counterparty_id"):
        place, known = _places(world, transactions[end])
        np.maximum.at(score, place[known], margin[known].astype(np.float64))
    return score


def _places(world: World, names: pd.Series[str]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    place = pd.Index(world.accounts).get_indexer(pd.Index(names))
    return place.astype(np.int64), place >= 0


def _baselines(world: World, transactions: pd.DataFrame, seed: int) -> dict[str, NDArray[np.float64]]:
    counts = _counts(world, transactions)
    network: nx.DiGraph[str] = nx.DiGraph()
    pairs = transactions.groupby(["account_id", "counterparty_id"], as_index=False).size()
    network.add_weighted_edges_from(pairs.itertuples(index=False, name=None))
    rank = nx.pagerank(network)
    forest = IsolationForest(random_state=seed).fit(counts)
    return {
        "baseline: degree": counts[:, 0] + counts[:, 3],
        "baseline: PageRank (networkx)": np.array([rank[account] for account in world.accounts]),
        "baseline: isolation forest": -forest.score_samples(counts),
        "rule: most payments between the same two in a day": _most_in_a_day(world, transactions),
    }


def _most_in_a_day(world: World, transactions: pd.DataFrame) -> NDArray[np.float64]:
    """A step is a day, so one day's payments have the same time."""
    ends = ["account_id", "counterparty_id"]
    payments = transactions.groupby([*ends, "event_time"], as_index=False).size()
    most = np.zeros(len(world.accounts))
    for end in ends:
        place, known = _places(world, payments[end])
        np.maximum.at(most, place[known], payments["size"].to_numpy(np.float64)[known])
    return most


def _counts(world: World, transactions: pd.DataFrame) -> NDArray[np.float64]:
    """[accounts, 6] payments made, payees, days on which it paid; the same three of payments received."""
    columns = []
    day = transactions["event_time"].dt.floor("D")
    ends = (("account_id", "counterparty_id"), ("counterparty_id", "account_id"))
    for end, far in ends:
        table = pd.DataFrame({"own": transactions[end], "far": transactions[far], "day": day}).groupby("own")
        for count in (table.size(), table["far"].nunique(), table["day"].nunique()):
            columns.append(count.reindex(world.accounts, fill_value=0).to_numpy(np.float64))
    return np.column_stack(columns)


def _figures(world: World, score: NDArray[np.float64]) -> Figures:
    top = np.argsort(-score, kind="stable")[:TOP]
    return (
        float(average_precision_score(world.fraud, score)),
        float(world.fraud[top].mean()),
        float(average_precision_score(world.launders, score)),
    )


def _pattern_recall(frame: pd.DataFrame, window: int) -> dict[FindingKind, Recall]:
    """By kind of pattern, looking within ``window`` µs."""
    patterns = _patterns(frame)
    found: set[int] = set()
    told: dict[FindingKind, set[frozenset[str]]] = {}
    of_account = {account: number for number, (_, accounts) in enumerate(patterns) for account in accounts}
    for finding in _findings(frame, window):
        told.setdefault(finding.kind, set()).add(_named(finding))
        for number in {of_account[one] for one in finding.accounts if one in of_account}:
            kind, accounts = patterns[number]
            if finding.kind is kind and 2 * len(accounts.intersection(finding.accounts)) >= len(accounts):
                found.add(number)
    kinds = [kind for kind, _ in patterns]
    hits = [patterns[number][0] for number in found]
    laundering = frame[frame["is_fraud"] == 1]
    launderers = frozenset(laundering[["account_id", "counterparty_id"]].to_numpy().ravel().tolist())
    return {
        kind: Recall(
            found=hits.count(kind),
            there=kinds.count(kind),
            days=float(np.median([_days(frame, accounts) for one, accounts in patterns if one is kind])),
            told=len(told.get(kind, ())),
            right=sum(2 * len(accounts & launderers) >= len(accounts) for accounts in told.get(kind, ())),
        )
        for kind in dict.fromkeys(sorted(kinds))
    }


def _named(finding: Finding) -> frozenset[str]:
    """What makes it another finding than those before: a fan-in's centre, or the accounts."""
    if finding.kind is FindingKind.FAN_IN and finding.centre is not None:
        return frozenset((finding.centre,))
    return frozenset(finding.accounts)


def _days(frame: pd.DataFrame, accounts: frozenset[str]) -> float:
    """From the first to the last laundering transfer among accounts."""
    laundering = frame[frame["is_fraud"] == 1]
    time = laundering["event_time"][laundering["account_id"].isin(accounts)]
    return float((time.max() - time.min()) / pd.Timedelta(days=1))


def _patterns(frame: pd.DataFrame) -> list[tuple[FindingKind, frozenset[str]]]:
    laundering = frame[frame["is_fraud"] == 1]
    network: nx.DiGraph[str] = nx.DiGraph()
    network.add_edges_from(laundering[["account_id", "counterparty_id"]].itertuples(index=False, name=None))
    patterns = []
    for accounts in nx.weakly_connected_components(network):
        part = network.subgraph(accounts)
        if max(map(len, nx.strongly_connected_components(part))) >= LEAST_CYCLE:
            patterns.append((FindingKind.CYCLE, frozenset(accounts)))
        elif max(part.in_degree(account) for account in accounts) >= LEAST_FAN:
            patterns.append((FindingKind.FAN_IN, frozenset(accounts)))
    return patterns


def _findings(frame: pd.DataFrame, window: int) -> Iterator[Finding]:
    graph, source = OnlineGraph(motif_window=window), FrameEvents(frame)
    for chunk in Timeline(frame, chunk_rows=CHUNK_EVENTS):
        found = graph.observe(source.take(chunk.kind, chunk.row, chunk.time)).found
        for row in np.flatnonzero(found.spans[:, 1] > found.spans[:, 0]).tolist():
            yield from found.findings(row)


def _render_patterns(patterns: dict[str, dict[int, dict[FindingKind, Recall]]]) -> list[str]:
    lines = [
        f"The motif detectors look for patterns within {WINDOW // DAY} days in the product; the file's are spread over "
        "months. Cycles are in time order. Findings count once by their accounts, fan-ins by their centre, and are of "
        "launderers when at least half of those are:",
        "",
        "| patterns found / there are (median days from first to last transfer); findings of launderers / findings | "
        "cycles | fan-ins |",
        "|---|---|---|",
    ]
    for name, by_window in patterns.items():
        for days, by_kind in by_window.items():
            cells = [_pattern_cell(by_kind.get(kind)) for kind in (FindingKind.CYCLE, FindingKind.FAN_IN)]
            lines.append(f"| {name}, within {days} days | {' | '.join(cells)} |")
    return lines


def _pattern_cell(recall: Recall | None) -> str:
    if recall is None:
        return "–"
    return f"{recall.found} / {recall.there} ({recall.days:.0f}); {recall.right:,} / {recall.told:,}"


def _render(rows: dict[str, dict[str, list[Figures]]], sizes: list[str]) -> str:
    lines = [
        "## AMLSim: launderers from structure and time alone",
        "",
        f"{date.today():%Y-%m-%d}, `python -m benchmarks.amlsim`, {machine('xgboost', 'torch', 'networkx')}. Amounts "
        f"withheld; cut at day {CUT_DAY}; accounts judged/fraudulent by the file/laundering after "
        f"the cut: {'; '.join(sizes)}. Account-level average precision / precision@{TOP} by the file's isFraud / "
        f"average precision by what launders after the cut; means over seeds {', '.join(map(str, SEEDS))}, in "
        "brackets the first one's standard deviation.",
        "",
        f"| ranking by | {' | '.join(WORLDS)} |",
        f"|---|{'---|' * len(WORLDS)}",
    ]
    for row, by_world in rows.items():
        cells = []
        for name in WORLDS:
            precision, top, laundering = np.mean(by_world[name], axis=0)
            spread = np.std(by_world[name], axis=0)[0]
            cells.append(f"{precision:.3f} ({spread:.3f}) / {top:.3f} / {laundering:.3f}")
        lines.append(f"| {row} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", *_seen_before()])


def _seen_before() -> list[str]:
    return [
        "The booster over account structure has settings chosen by cuts before this one. That there is something to "
        "find in triangles was seen on the whole files, judged accounts included: single columns were compared there, "
        "and a logistic regression and a booster, each over logarithms, ranks, and the last 90 days alone.",
    ]


if __name__ == "__main__":
    sys.exit(exit_status(lambda: typer.run(main)))
