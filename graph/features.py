"""Names and order of the features that the online graph computes: the only definition of the feature vector.

``graph.kernels.describe`` fills a row in exactly this order; a test recomputes every name with a slow plain-Python
model. Prefixes say whose history it is: ``account`` (payer), ``target`` (merchant, or the payee side of the
counterparty account), ``device``, ``ip``; ``pair`` is account with target. All of it is as of the instant before
the transaction. NaN means "does not apply" (no device, no history to take a mean of).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from graph.layout import LABEL_TIERS, TIERS
from graph.observation import ROLES

__all__ = ["FEATURE_NAMES", "MOTIF_NAMES", "RING_NAMES", "TABULAR_NAMES", "feature_hash"]

TABULAR_NAMES: tuple[str, ...] = (
    "amount",
    "log_amount",
    "amount_is_round",
    "hour",
    "weekday",
    "is_weekend",
    "is_night",
    "day_of_month",
    "channel",
    "mcc",
    "is_transfer",
    "has_device",
    "has_ip",
)
"""What the transaction itself says; no history."""

FLOW_STATISTICS: tuple[str, ...] = (
    "count_1d",
    "sum_1d",
    "distinct_1d",
    "count_7d",
    "sum_7d",
    "distinct_7d",
    "hours_since_last",
    "risk",
)
"""Read from the other side of the same account: money in for a payer, money out for a payee."""

RING_NAMES: tuple[str, ...] = ("account_ring_score", "target_ring_score")
"""Score of the ring that the ring desk has put payer and receiver into; 0 where it has not, or not of late."""

MOTIF_NAMES: tuple[str, ...] = (
    # both ends, this transfer included
    "account_fan_out_1d",
    "account_fan_out_14d",
    "account_fan_in_1d",
    "account_fan_in_14d",
    "target_fan_in_1d",
    "target_fan_in_14d",
    "target_fan_out_1d",
    "target_fan_out_14d",
    "account_passed_on_14d",
    "target_passed_on_14d",
    # what this transfer passes on or completes
    "pass_through_share",
    "pass_through_hours",
    "pass_through_hops",
    "cycles_closed",
    "cycle_length",
    "cycle_hours",
    "cycle_kept_share",
    "scatter_gather_width",
    "scatter_gather_hours",
    "gather_scatter_width",
    # what the ends were part of before
    "account_cycles_30d",
    "account_days_since_cycle",
    "account_gathers_30d",
    "account_days_since_gather",
    "target_cycles_30d",
    "target_days_since_cycle",
    "target_gathers_30d",
    "target_days_since_gather",
)
"""Read from the transfers between accounts: counts of counterparties are exact up to a bound, and include this
transfer; "30d" counts fade with that half-life. Purchases have those of the payer's past alone."""


def _role_names(role: str) -> list[str]:
    names = [
        f"{role}_{statistic}_{tier}"
        for tier in TIERS
        for statistic in ("count", "sum", "mean", "max", "distinct")
    ]
    names += [f"{role}_decay_{tier}" for tier in TIERS]
    names += [f"{role}_is_new", f"{role}_hours_since_last", f"{role}_days_since_first", f"{role}_degree"]
    names += [f"{role}_new_pairs_1d", f"{role}_new_pairs_7d"]
    for tier in LABEL_TIERS:
        names += [f"{role}_known_{tier}", f"{role}_frauds_{tier}", f"{role}_fraud_rate_{tier}"]
    names += [f"{role}_known", f"{role}_frauds"]
    names += [f"{role}_fraud_rate_last_{n}" for n in (1, 8, 32)]
    names += [f"{role}_plain_fraud_share_last_{n}" for n in (1, 3, 5, 8, 32)]
    names += [
        f"{role}_days_since_{what}" for what in ("fraud", "legit", "episode_start", "run_start", "run_before")
    ]
    names += [f"{role}_run_length", f"{role}_legit_since_fraud"]
    names += [f"{role}_neighbour_risk_mean", f"{role}_neighbour_risk_max"]
    return names


def _build() -> tuple[str, ...]:
    names = list(TABULAR_NAMES)
    for role in ROLES:
        names += _role_names(role)
    names += ["account_devices", "account_ips", "account_pressure_7d", "account_pressure_30d"]
    names += ["account_unusual_7d", "account_days_since_unusual", "account_days_since_unusual_start"]
    names += ["account_max_ratio_7d", "account_max_ratio_30d"]
    names += ["account_takeover_belief", "takeover_chance", "amount_ratio_own_mean", "amount_z_own"]
    names += ["account_own_payments"]
    names += [f"account_inflow_{statistic}" for statistic in FLOW_STATISTICS]
    names += ["account_flow_ratio_1d"]
    names += [f"target_outflow_{statistic}" for statistic in FLOW_STATISTICS]
    names += ["target_shared_device_share_7d", "target_young_account_share_7d"]
    names += ["amount_ratio_mean_7d", "amount_ratio_mean_30d", "amount_ratio_max_30d"]
    names += [
        "amount_ratio_typical",
        "amount_z_typical",
        "amount_ratio_confirmed",
        "amount_z",
        "target_amount_z",
        "amount_ratio_target_mean_30d",
    ]
    names += ["account_rate_1d_to_30d", "target_rate_1d_to_30d", "target_distinct_1d_to_30d"]
    names += ["pair_is_new", "pair_count", "pair_hours_since_last", "pair_amount_ratio"]
    names += [f"pair_decay_{tier}" for tier in TIERS]
    names += ["account_device_is_new", "account_device_count", "account_device_hours_since_last"]
    names += ["account_ip_is_new", "account_ip_count", "account_ip_hours_since_last"]
    names += ["km_from_last", "speed_kmh", "km_from_home", "km_from_target"]
    names += RING_NAMES
    names += MOTIF_NAMES
    return tuple(names)


FEATURE_NAMES: tuple[str, ...] = _build()
"""All features, in the order of the columns of ``Observation.features``."""


def feature_hash(names: Sequence[str] = FEATURE_NAMES) -> str:
    """Fingerprint of names and order, kept in every artefact so that a mismatch is refused."""
    return hashlib.sha256("\n".join(names).encode()).hexdigest()
