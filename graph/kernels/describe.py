"""Fills one row of features, in the order of ``graph.features.FEATURE_NAMES``."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fraud.compiled import kernel
from graph.kernels.labels import fraud_rate_last, label_read, label_risk, plain_fraud_share, to_seconds
from graph.kernels.windows import fades, window_write
from graph.layout import DAY, HOUR

DAY_0_WEEKDAY = 3
"""1970-01-01 was a Thursday; Monday is 0."""

TABULAR_WIDTH = 13
ROLE_WIDTH = 55
FLOW_WIDTH = 8
EARTH_RADIUS_KM = 6371.0088


@kernel
def write_tabular(event: Any, log_amount: float, out: Any) -> int:
    """What the transaction itself says. Returns the next column."""
    hour = (event.time % DAY) / HOUR
    weekday = (event.time // DAY + DAY_0_WEEKDAY) % 7
    out[0] = event.amount
    out[1] = log_amount
    out[2] = 1.0 if event.amount == math.floor(event.amount) else 0.0
    out[3] = hour
    out[4] = weekday
    out[5] = 1.0 if weekday >= 5 else 0.0
    out[6] = 1.0 if hour < 6.0 else 0.0
    out[7] = _day_of_month(event.time // DAY)
    out[8] = event.channel
    out[9] = event.mcc if event.mcc >= 0 else np.nan
    out[10] = event.is_transfer
    out[11] = 1.0 if event.ends[2] >= 0 else 0.0
    out[12] = 1.0 if event.ends[3] >= 0 else 0.0
    return TABULAR_WIDTH


@kernel
def _day_of_month(days: int) -> int:
    """Civil day of the month from days since 1970 (Hinnant, chrono-compatible date algorithms)."""
    z = days + 719468
    day_of_era = z - (z // 146097) * 146097
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month = (5 * day_of_year + 2) // 153
    return day_of_year - (153 * month + 2) // 5 + 1


@kernel
def write_role(nodes: Any, number: int, time: int, now: Any, left: Any, out: Any, j: int) -> int:
    """History of one end. Returns the next column.

    ``now`` [4] are the buckets of ``time``; into ``left`` [4] goes what is left of its decayed figures.
    """
    if number < 0:
        for i in range(ROLE_WIDTH):
            out[j + i] = np.nan
        return j + ROLE_WIDTH
    node = nodes[number]
    for tier in range(4):
        j = window_write(node, tier, now[tier], out, j)
    seen = node.count > 0
    elapsed = time - node.last_seen if seen else 0
    fades(elapsed, left)
    for tier in range(4):
        out[j + tier] = node.decay[tier] * left[tier]
    j += 4
    out[j] = 0.0 if seen else 1.0
    out[j + 1] = max(elapsed, 0) / HOUR if seen else np.nan
    out[j + 2] = max(time - node.first_seen, 0) / DAY if seen else np.nan
    out[j + 3] = node.degree[0]
    out[j + 4] = node.new_pair_decay[0] * left[1]
    out[j + 5] = node.new_pair_decay[1] * left[2]
    return _write_neighbour_risk(nodes, node, out, _write_labels(node, time, now, out, j + 6))


@kernel
def _write_labels(node: Any, time: int, now: Any, out: Any, j: int) -> int:
    for tier in range(2):
        known, frauds = label_read(node, tier, now[2 + tier])
        out[j] = known
        out[j + 1] = frauds
        out[j + 2] = frauds / known if known > 0 else np.nan
        j += 3
    out[j] = node.known
    out[j + 1] = node.frauds
    out[j + 2] = fraud_rate_last(node, 1)
    out[j + 3] = fraud_rate_last(node, 8)
    out[j + 4] = fraud_rate_last(node, 32)
    out[j + 5] = plain_fraud_share(node, 1)
    out[j + 6] = plain_fraud_share(node, 3)
    out[j + 7] = plain_fraud_share(node, 5)
    out[j + 8] = plain_fraud_share(node, 8)
    out[j + 9] = plain_fraud_share(node, 32)
    return _write_runs(node, time, out, j + 10)


@kernel
def days_since(seconds: int, time: int) -> float:
    """Days from a stored time to now; NaN when it was never set."""
    return max(time / 1e6 - seconds, 0.0) / 86_400.0 if seconds > 0 else np.nan


@kernel
def _write_runs(node: Any, time: int, out: Any, j: int) -> int:
    in_run = node.run_length > 0
    out[j] = days_since(node.last_fraud, time)
    out[j + 1] = days_since(node.last_legit, time)
    out[j + 2] = days_since(node.episode_start, time)
    out[j + 3] = days_since(node.run_start, time) if in_run else np.nan
    out[j + 4] = days_since(node.run_before, time) if in_run else np.nan
    out[j + 5] = node.run_length
    out[j + 6] = node.legit_since_fraud if node.episode_start > 0 else np.nan
    return j + 7


@kernel
def _write_neighbour_risk(nodes: Any, node: Any, out: Any, j: int) -> int:
    """Label risk, as known now, of the others in this node's most recent transactions.

    An other that was forgotten since does not count, nor does a newcomer that has its number.
    """
    total = 0.0
    largest = 0.0
    held = 0
    for k in range(node.slot_count):
        other = nodes[node.slot_other[k]]
        if other.count > 0 and other.born <= node.slot_serial[k]:
            risk = label_risk(other)
            total += risk
            largest = max(largest, risk)
            held += 1
    out[j] = total / held if held > 0 else np.nan
    out[j + 1] = largest if held > 0 else np.nan
    return j + 2


@kernel
def write_flow(nodes: Any, number: int, time: int, now: Any, window: Any, out: Any, j: int) -> int:
    """The other side of the same account, if it has transacted. Returns the next column."""
    if number < 0 or nodes[number].twin == 0 or nodes[nodes[number].twin - 1].count == 0:
        for i in range(FLOW_WIDTH):
            out[j + i] = np.nan
        return j + FLOW_WIDTH
    node = nodes[nodes[number].twin - 1]
    for tier in range(1, 3):
        window_write(node, tier, now[tier], window, 0)
        out[j] = window[0]
        out[j + 1] = window[1]
        out[j + 2] = window[4]
        j += 3
    out[j] = max(time - node.last_seen, 0) / HOUR
    out[j + 1] = label_risk(node)
    return j + 2


@kernel
def spread(node: Any) -> float:
    """Standard deviation of log amounts, with one unit of prior variance."""
    return math.sqrt((node.log_m2 + 1.0) / (node.count + 2.0))


@kernel
def kilometres(latitude: float, longitude: float, latitude2: float, longitude2: float) -> float:
    """Great-circle distance (haversine); degrees in, NaN in gives NaN out."""
    rad = math.pi / 180.0
    a = math.sin((latitude2 - latitude) * rad / 2.0)
    b = math.sin((longitude2 - longitude) * rad / 2.0)
    h = a * a + math.cos(latitude * rad) * math.cos(latitude2 * rad) * b * b
    return 2.0 * EARTH_RADIUS_KM * math.asin(math.sqrt(min(h, 1.0)))


@kernel
def write_target_mix(nodes: Any, event: Any, out: Any, j: int) -> int:
    """Who pays this target: share over shared devices, share from young accounts."""
    node = nodes[event.ends[1]]
    recent = node.decay[2]
    out[j] = node.shared_decay / recent if recent > 0.0 else np.nan
    out[j + 1] = node.young_decay / recent if recent > 0.0 else np.nan
    return j + 2


@kernel
def typical_amount(account: Any, population: float) -> float:
    """What the account usually pays: its capped mean, with the population's as one observation of prior."""
    return (population + account.count * account.capped_mean) / (account.count + 1.0)


@kernel
def write_habit(
    account: Any, time: int, typical: float, max_7d: float, max_30d: float, left: Any, out: Any, j: int
) -> int:
    """Recent unusual amounts of the account. Returns the next column."""
    out[j] = account.degree[1]
    out[j + 1] = account.degree[2]
    out[j + 2] = account.pressure[0] * left[2]
    out[j + 3] = account.pressure[1] * left[3]
    out[j + 4] = account.unusual_decay * left[2]
    out[j + 5] = days_since(account.unusual_last, time)
    out[j + 6] = days_since(account.unusual_first, time)
    out[j + 7] = max_7d / typical
    out[j + 8] = max_30d / typical
    return j + 9


@kernel
def write_ratios(
    nodes: Any,
    event: Any,
    log_amount: float,
    typical: float,
    population: float,
    base_account: int,
    base_target: int,
    out: Any,
    j: int,
) -> int:
    """The transaction against the history of its ends. Returns the next column."""
    account = nodes[event.ends[0]]
    target = nodes[event.ends[1]]
    largest = out[base_account + 18]
    out[j] = event.amount / out[base_account + 12]
    out[j + 1] = event.amount / out[base_account + 17]
    out[j + 2] = event.amount / largest if largest > 0.0 else np.nan
    out[j + 3] = event.amount / typical
    out[j + 4] = (event.amount - typical) / (0.5 * typical * math.sqrt(1.0 + 1.0 / (account.count + 0.5)))
    out[j + 5] = event.amount / ((population + account.legit_sum) / (1.0 + account.legit_count))
    out[j + 6] = (log_amount - account.log_mean) / spread(account) if account.count > 0 else np.nan
    out[j + 7] = (log_amount - target.log_mean) / spread(target) if target.count > 0 else np.nan
    out[j + 8] = event.amount / out[base_target + 17]
    out[j + 9] = _against_month(out[base_account + 5], out[base_account + 15])
    out[j + 10] = _against_month(out[base_target + 5], out[base_target + 15])
    out[j + 11] = _against_month(out[base_target + 9], out[base_target + 19])
    return j + 12


@kernel
def _against_month(day: float, month: float) -> float:
    return day / ((month + 1.0) / 30.0)


@kernel
def write_pair(pairs: Any, place: int, event: Any, left: Any, out: Any, j: int) -> int:
    """Account with target; into ``left`` [4] goes what is left of its decayed figures. Returns the next column."""
    pair = pairs[place]
    known = pair.left != 0
    elapsed = event.time - pair.last if known else 0
    fades(elapsed, left)
    out[j] = 0.0 if known else 1.0
    out[j + 1] = pair.count if known else 0.0
    out[j + 2] = max(elapsed, 0) / HOUR if known else np.nan
    out[j + 3] = event.amount / (pair.sum / pair.count) if known else np.nan
    for tier in range(4):
        out[j + 4 + tier] = pair.decay[tier] * left[tier] if known else 0.0
    return j + 8


@kernel
def write_link(pairs: Any, place: int, time: int, out: Any, j: int) -> int:
    """Account with device or address (place −1: the transaction has none). Returns the next column."""
    if place < 0:
        for i in range(3):
            out[j + i] = np.nan
        return j + 3
    pair = pairs[place]
    known = pair.left != 0
    out[j] = 0.0 if known else 1.0
    out[j + 1] = pair.count if known else 0.0
    out[j + 2] = max(time - pair.last, 0) / HOUR if known else np.nan
    return j + 3


@kernel
def write_places(nodes: Any, event: Any, out: Any, j: int) -> int:
    """Where it happened against where the ends were before. Returns the next column."""
    for i in range(4):
        out[j + i] = np.nan
    if math.isnan(event.latitude):
        return j + 4
    account = nodes[event.ends[0]]
    if account.located > 0:
        away = kilometres(account.latitude, account.longitude, event.latitude, event.longitude)
        out[j] = away
        out[j + 1] = away / (max(to_seconds(event.time) - np.int64(account.located_at), 60) / 3600.0)
        out[j + 2] = kilometres(
            account.mean_latitude, account.mean_longitude, event.latitude, event.longitude
        )
    target = nodes[event.ends[1]]
    if target.located > 0:
        out[j + 3] = kilometres(target.mean_latitude, target.mean_longitude, event.latitude, event.longitude)
    return j + 4
