"""Learns of rings from a past: which payments look like a ring's, and which of the groups that they form are one.

The history after the warm-up is cut into parts that follow one another. The later parts are scored by boosters that
learned without them; from the payments that stand out, the groups are formed that the desk would have formed, and each
is held against the rings that are confirmed by now. The first part brings up no groups: a state that is still filling
up makes honest payments look new, and with them everything they touch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import xgboost
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from graph.events import TRANSACTION, FrameEvents
from graph.features import FEATURE_NAMES
from graph.finding import Finding
from graph.ring_policy import judged_policy
from graph.suspect_rows import suspect_of
from graph.suspects import Suspect
from models.group_judge import GroupJudge, fit_groups
from models.history import History
from models.ring_groups import groups_formed, is_known_ring
from models.ring_model import RingModel
from models.ring_prior import Groups, join, prior_groups, table
from models.ring_rows import RingRows, fit_ring_rows, ring_probability
from models.ring_rules import RingRules
from models.thresholds import share_cut

__all__ = [
    "REPORT_FROM", "Chances", "Confirmed", "Past", "formed", "learn_rings", "past_of", "ring_chances",
    "serving_told_from", "suspicions_of", "told_from",
]  # fmt: skip

PARTS = 3
LEAST_RING_FRAUDS = 300
"""Confirmed frauds of rings from which rows and groups can be learned; the rules do better than what fewer teach."""
TOLD_SHARE = 0.01
"""Of payments that the ring desk is told of."""
LEAST_UNSEEN = 2_000
"""Payments without a known outcome from which a share of them can be read off."""
REPORT_FROM = 0.45
"""Probability from which a ring is reported; tuned on simulated worlds (docs/rings.md)."""
OWN_WEIGHT = 2.0
"""What a group of the history weighs beside one of the prior."""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What is known of the past when training ends; row i is the i-th transaction of the history."""

    label: NDArray[np.int8]
    """[n] 1 for fraud, 0 for genuine, −1 for not known"""
    ring: NDArray[np.object_]
    """[n] the ring that investigators put a confirmed fraud to, else None"""

    @classmethod
    def of(cls, past: pd.DataFrame, label: NDArray[np.int8]) -> Confirmed:
        """From a canonical table and its labels known by now; the ring of a fraud that is not known yet is not read."""
        ring = past["ring_id"].to_numpy(dtype=object, copy=True)
        ring[(label != 1) | past["ring_id"].isna().to_numpy()] = None
        return cls(label, ring)


class Past(NamedTuple):
    """A history after its warm-up, in rows of the table."""

    frame: pd.DataFrame
    history: History
    known: Confirmed
    rows: NDArray[np.int64]
    """Those whose outcome is known."""
    is_ring: NDArray[np.int8]
    """[n] over all rows of the table"""
    parts: list[NDArray[np.int64]]

    @property
    def base_rate(self) -> float:
        """Share of ring frauds in what is known."""
        return float(self.is_ring[self.rows].mean())


class Chances(NamedTuple):
    """How probable it is of each payment of a past that a ring made it, as told without that payment."""

    of_row: NDArray[np.float64]
    """[n] by boosters that learned without the row's part; NaN before the later parts"""
    start: xgboost.Booster | None = None
    """What they went on from, and what the rows that serve are to go on from."""


def learn_rings(past: Past | None, chances: Chances | None, look_from: float, seed: int) -> RingModel | None:
    """Fit rows and judge on a past with its ``ring_chances``; None where there is nothing to learn from.

    ``look_from`` is the score of the deciding model from which payments are looked at.
    """
    if past is None or chances is None:
        return None
    own = formed(past, chances.of_row)
    figures, is_ring, weight = join([prior_groups(), own._replace(weight=OWN_WEIGHT * own.weight)])
    rows = fit_ring_rows(
        past.history.features[past.rows], past.is_ring[past.rows], FEATURE_NAMES, seed, start=chances.start
    )
    least = serving_told_from(past, rows) or told_from(past, chances.of_row)
    rules = RingRules(look_from, least, REPORT_FROM, past.base_rate)
    judge = GroupJudge(fit_groups(figures, is_ring, weight, seed), rules)
    return RingModel(RingRows(rows), judge, rules)


def past_of(frame: pd.DataFrame, history: History, known: Confirmed, first: int) -> Past | None:
    """What there is to learn from, from row ``first`` on; None where too few frauds of rings are confirmed."""
    is_ring = np.array([one is not None for one in known.ring], dtype=np.int8)
    rows = np.flatnonzero(known.label >= 0)
    rows = rows[rows >= first]
    if int(is_ring[rows].sum()) < LEAST_RING_FRAUDS:
        return None
    return Past(frame, history, known, rows, is_ring, np.array_split(np.arange(first, len(history)), PARTS))


def ring_chances(
    past: Past | None, seed: int, threads: int | None = None, prior: xgboost.Booster | None = None
) -> Chances | None:
    """What boosters say of the later parts, each having learned without the row's part.

    They go on from ``prior`` where that tells the past's confirmed rings apart at least as well (average precision) as
    learning from nothing. None where there is no past, or a part of it holds all ring frauds. The same number of
    ``threads`` gives the same.
    """
    own = None if past is None else _told_without(past, seed, threads, None)
    if past is None or own is None:
        return None
    further = None if prior is None else _told_without(past, seed, threads, prior)
    if further is None or _tells_apart(past, further) < _tells_apart(past, own):
        return Chances(own)
    return Chances(further, prior)


def _told_without(
    past: Past, seed: int, threads: int | None, start: xgboost.Booster | None
) -> NDArray[np.float64] | None:
    features, is_ring, rows = past.history.features, past.is_ring, past.rows
    chance = np.full(len(past.history), np.nan)
    for part in past.parts[1:]:
        others = rows[(rows < part[0]) | (rows > part[-1])]
        if not is_ring[others].any():
            return None
        booster = fit_ring_rows(features[others], is_ring[others], FEATURE_NAMES, seed, threads, start)
        chance[part] = ring_probability(booster, features[part])
    return chance


def _tells_apart(past: Past, chance: NDArray[np.float64]) -> float:
    rows = past.rows[~np.isnan(chance[past.rows])]
    if not past.is_ring[rows].any():
        return 0.0
    return float(average_precision_score(past.is_ring[rows], chance[rows]))


def formed(past: Past, chance: NDArray[np.float64]) -> Groups:
    """The groups that stand out in the later parts, as far as it is known by now what they were."""
    told = np.flatnonzero(chance >= told_from(past, chance))
    groups = groups_formed(
        suspicions_of(past.frame, past.history, told, chance), judged_policy(past.base_rate)
    )
    ring_of = _rings_by_account(past)
    accounts = _accounts(past.frame, told[past.known.label[told] >= 0])
    judged = [(group, is_known_ring(group, ring_of, accounts)) for group in groups]
    return table([(group, is_ring) for group, is_ring in judged if is_ring is not None])


def told_from(past: Past, chance: NDArray[np.float64]) -> float:
    """Chance, by boosters that learned without the payment's part, from which the ring desk is told of it."""
    return share_cut(chance[np.concatenate(past.parts[1:])], TOLD_SHARE)


def serving_told_from(past: Past, rows: xgboost.Booster) -> float | None:
    """The same for ``rows``, which learned from all of a past and gives other chances than those it was cut up for.

    It is read off the payments of the last part whose outcome is not known yet: late ones, which it has not seen. None
    where they are too few.
    """
    latest = past.parts[-1]
    unseen = latest[past.known.label[latest] < 0]
    if len(unseen) < LEAST_UNSEEN:
        return None
    return share_cut(ring_probability(rows, past.history.features[unseen]), TOLD_SHARE)


def suspicions_of(
    past: pd.DataFrame, history: History, told: NDArray[np.int64], chance: NDArray[np.float64]
) -> Iterator[tuple[Suspect, tuple[Finding, ...]]]:
    """What the ring desk is told of rows ``told`` of a history, in their order, by their chances [n]."""
    kind = np.full(len(told), TRANSACTION, np.int8)
    payments = FrameEvents(past).take(kind, told, history.time[told])
    ids = past["transaction_id"].iloc[told].tolist()
    for place, row in enumerate(told.tolist()):
        probability = float(chance[row])
        suspect = suspect_of(payments, place, ids[place], history.features[row], probability, probability)
        yield suspect, history.findings(row)


def _rings_by_account(past: Past) -> dict[str, set[str]]:
    """Payers and receivers of the confirmed frauds of rings."""
    found: dict[str, set[str]] = {}
    for row in np.flatnonzero(past.is_ring).tolist():
        for account in _accounts(past.frame, np.array([row])):
            found.setdefault(account, set()).add(str(past.known.ring[row]))
    return found


def _accounts(past: pd.DataFrame, rows: NDArray[np.int64]) -> set[str]:
    payers, receivers = past["account_id"].iloc[rows], past["counterparty_id"].iloc[rows]
    return {*payers.tolist(), *receivers.dropna().tolist()}
