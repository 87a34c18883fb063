"""A feature and its value in plain words, by a grammar of feature names.

A name reads as entity × statistic × window (``device_distinct_7d``), so a new feature of a known kind is told well
without being listed, and any other name still gives a readable phrase. Names on one topic (all fraud history of the
merchant, say) belong to one reason.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from models.units import UNKNOWN, tell

__all__ = ["SAGE", "SAGE_LOGIT", "phrase", "topic_of"]


@dataclass(frozen=True, slots=True)
class _Entity:
    """How one kind of history is spoken of."""

    payments: str
    owner: str
    partners: str


_ENTITIES: Mapping[str, _Entity] = {
    "account_device": _Entity(
        "payments by this account from this device", "this account on this device", "payees"
    ),
    "account_ip": _Entity(
        "payments by this account from this IP address", "this account at this IP address", "payees"
    ),
    "account_inflow": _Entity(
        "payments into this account", "money into this account", "accounts paying this account"
    ),
    "target_outflow": _Entity(
        "payments out of the receiving account",
        "money out of the receiving account",
        "payees of the receiving account",
    ),
    "account": _Entity("payments by this account", "this account", "payees of this account"),
    "target": _Entity("payments to this {target}", "this {target}", "accounts paying this {target}"),
    "device": _Entity("payments from this device", "this device", "accounts on this device"),
    "ip": _Entity("payments from this IP address", "this IP address", "accounts at this IP address"),
    "pair": _Entity(
        "payments by this account to this {target}",
        "this account with this {target}",
        "payments between the two",
    ),
}
"""By name prefix, longer prefixes first. ``{target}`` becomes "merchant" or "receiving account"."""


@dataclass(frozen=True, slots=True)
class _Statistic:
    pattern: re.Pattern[str]
    noun: str
    unit: str
    topic: str


def _statistic(pattern: str, noun: str, unit: str, topic: str) -> _Statistic:
    return _Statistic(re.compile(pattern), noun, unit, topic)


_WINDOW = r"(?P<window>\d+[hd])"
_STATISTICS = (
    _statistic(f"count_{_WINDOW}", "{payments} in the last {window}", "count", "activity"),
    _statistic(f"sum_{_WINDOW}", "total of {payments} in the last {window}", "money", "activity"),
    _statistic(f"mean_{_WINDOW}", "average of {payments} in the last {window}", "money", "amounts"),
    _statistic(f"max_{_WINDOW}", "largest of {payments} in the last {window}", "money", "amounts"),
    _statistic(f"distinct_{_WINDOW}", "different {partners} in the last {window}", "estimate", "partners"),
    _statistic(f"decay_{_WINDOW}", "recent {payments}, weight halving every {window}", "count", "activity"),
    _statistic("count", "earlier {payments}", "count", "activity"),
    _statistic("is_new", "first of {payments}|{payments} were seen before", "flag", "age"),
    _statistic("hours_since_last", "time since the latest of {payments}", "hours", "activity"),
    _statistic("days_since_first", "time since the first of {payments}", "days", "age"),
    _statistic("degree", "different {partners} so far", "count", "partners"),
    _statistic(f"new_pairs_{_WINDOW}", "new {partners}, weight halving every {window}", "count", "partners"),
    _statistic(
        f"known_{_WINDOW}", "{payments} with an outcome reported in the last {window}", "count", "labels"
    ),
    _statistic(f"frauds_{_WINDOW}", "{payments} reported as fraud in the last {window}", "count", "labels"),
    _statistic(
        f"fraud_rate_{_WINDOW}",
        "share of fraud in outcomes of the last {window} for {payments}",
        "share",
        "labels",
    ),
    _statistic(
        r"fraud_rate_last_(?P<number>\d+)",
        "share of fraud in the latest {number} known outcomes for {payments}",
        "share",
        "labels",
    ),
    _statistic(
        r"plain_fraud_share_last_(?P<number>\d+)",
        "share of fraud at ordinary amounts in the latest {number} known outcomes for {payments}",
        "share",
        "labels",
    ),
    _statistic("days_since_legit", "time since the latest genuine one among {payments}", "days", "labels"),
    _statistic(
        "days_since_run_start",
        "time since the present run of frauds began among {payments}",
        "days",
        "labels",
    ),
    _statistic(
        "days_since_run_before",
        "time since the latest genuine one before the present run of frauds among {payments}",
        "days",
        "labels",
    ),
    _statistic("run_length", "frauds in a row at ordinary amounts among {payments}", "count", "labels"),
    _statistic(
        "run_gap_days", "quiet time before the present run of frauds among {payments}", "days", "labels"
    ),
    _statistic("known", "{payments} with a known outcome", "count", "labels"),
    _statistic("frauds", "{payments} known to be fraud", "count", "labels"),
    _statistic("days_since_fraud", "time since the latest known fraud among {payments}", "days", "labels"),
    _statistic("days_since_episode_start", "time since known fraud began among {payments}", "days", "labels"),
    _statistic(
        "legit_since_fraud", "{payments} known to be genuine since the latest fraud", "count", "labels"
    ),
    _statistic("risk", "known fraud risk of {payments}", "share", "labels"),
    _statistic(
        "neighbour_risk_mean", "average fraud risk of the latest partners of {owner}", "share", "neighbours"
    ),
    _statistic(
        "neighbour_risk_max", "highest fraud risk among the latest partners of {owner}", "share", "neighbours"
    ),
    _statistic("amount_ratio", "amount against the average of {payments}", "ratio", "amounts"),
    _statistic("amount_z", "amount against the usual for {payments}", "deviations", "amounts"),
    _statistic(
        f"pressure_{_WINDOW}",
        "recent excess over typical amounts, weight halving every {window}",
        "number",
        "habit",
    ),
    _statistic(
        f"unusual_{_WINDOW}", "recent unusual amounts, weight halving every {window}", "count", "habit"
    ),
    _statistic("days_since_unusual", "time since the latest unusual amount", "days", "habit"),
    _statistic("days_since_unusual_start", "time since unusual amounts began", "days", "habit"),
    _statistic(
        f"max_ratio_{_WINDOW}",
        "largest of {payments} in the last {window} against the typical",
        "ratio",
        "habit",
    ),
    _statistic(
        f"fan_out_{_WINDOW}", "different accounts that {owner} paid in the last {window}", "count", "fans"
    ),
    _statistic(
        f"fan_in_{_WINDOW}", "different accounts that paid {owner} in the last {window}", "count", "fans"
    ),
    _statistic(
        f"passed_on_{_WINDOW}",
        "transfers out of {owner} against transfers into it in the last {window}",
        "ratio",
        "passing on",
    ),
    _statistic(
        f"cycles_{_WINDOW}",
        "earlier money round trips through {owner}, weight halving every {window}",
        "count",
        "round trips",
    ),
    _statistic("days_since_cycle", "time since money last went round through {owner}", "days", "round trips"),
    _statistic(
        f"gathers_{_WINDOW}",
        "times that money split up and met again through {owner}, weight halving every {window}",
        "count",
        "split payments",
    ),
    _statistic(
        "days_since_gather",
        "time since money last split up and met again through {owner}",
        "days",
        "split payments",
    ),
    _statistic("ring_score", "score of the ring that {owner} belongs to", "share", "rings"),
    _statistic("devices", "devices used by {owner}", "count", "places"),
    _statistic("ips", "IP addresses used by {owner}", "count", "places"),
)

_SPECIAL: Mapping[str, tuple[str, str, str]] = {
    "amount": ("amount", "money", "amount"),
    "log_amount": ("amount", "log money", "amount"),
    "amount_is_round": ("round amount|amount with a fraction", "flag", "amount"),
    "hour": ("time of day, UTC", "clock", "time"),
    "weekday": ("day of the week", "weekday", "time"),
    "is_weekend": ("made at a weekend|made on a working day", "flag", "time"),
    "is_night": ("made at night, UTC|made by day, UTC", "flag", "time"),
    "day_of_month": ("day of the month", "count", "time"),
    "channel": ("payment channel", "channel", "kind"),
    "mcc": ("merchant category code", "code", "kind"),
    "is_transfer": ("transfer to another account|purchase at a merchant", "flag", "kind"),
    "has_device": ("device given|no device given", "flag", "kind"),
    "has_ip": ("IP address given|no IP address given", "flag", "kind"),
    "amount_ratio_median": ("amount against the median of payments by this account", "ratio", "amount"),
    "amount_ratio_typical": ("amount against the typical amount of this account", "ratio", "amount"),
    "amount_ratio_confirmed": (
        "amount against the amounts of this account known to be genuine",
        "ratio",
        "amount",
    ),
    "amount_z_typical": ("amount against the typical amount of this account", "deviations", "amount"),
    "account_takeover_belief": (
        "belief, from its amounts so far, that this account was taken over",
        "share",
        "takeover",
    ),
    "takeover_chance": ("chance, from its amount, that this payment is not the owner's", "share", "takeover"),
    "amount_ratio_own_mean": ("amount against the owner's own mean", "ratio", "takeover"),
    "amount_z_own": ("amount against the owner's own mean", "deviations", "takeover"),
    "account_own_payments": ("earlier payments believed to be the owner's", "count", "takeover"),
    "amount_z": ("amount against the usual for this account", "deviations", "amount"),
    "km_from_last": ("distance from the account's previous payment", "km", "places"),
    "speed_kmh": ("travel speed since the account's previous payment", "km/h", "places"),
    "km_from_home": ("distance from the account's usual place", "km", "places"),
    "km_from_target": ("distance from the usual place of this {target}", "km", "places"),
    "account_flow_ratio_1d": ("money out against money in for this account in the last day", "ratio", "flow"),
    "target_shared_device_share_7d": (
        "share of payments to this {target} from devices that several accounts share",
        "share",
        "target partners",
    ),
    "target_young_account_share_7d": (
        "share of payments to this {target} from newly seen accounts",
        "share",
        "target partners",
    ),
    "pass_through_share": ("share that this passes on of the receipt closest to it", "share", "passing on"),
    "pass_through_hours": ("time since the receipt closest to this amount", "hours", "passing on"),
    "pass_through_hops": ("times that this money had been passed on before", "count", "passing on"),
    "cycles_closed": ("money round trips that this transfer closes", "count", "round trip"),
    "cycle_length": ("transfers in the shortest round trip that this closes", "count", "round trip"),
    "cycle_hours": ("time that the fastest round trip which this closes took", "hours", "round trip"),
    "cycle_kept_share": ("share of the money that comes back with this transfer", "share", "round trip"),
    "scatter_gather_width": (
        "accounts over which money from one source meets again at the receiving account",
        "count",
        "split payment",
    ),
    "scatter_gather_hours": ("time since that money was first split up", "hours", "split payment"),
    "gather_scatter_width": (
        "accounts that this account collected from before it paid as many",
        "count",
        "collecting",
    ),
    "account_rate_1d_to_30d": (
        "payments by this account today against its month",
        "ratio",
        "account activity",
    ),
    "target_rate_1d_to_30d": (
        "payments to this {target} today against its month",
        "ratio",
        "target activity",
    ),
    "target_distinct_1d_to_30d": (
        "different accounts paying this {target} today against its month",
        "ratio",
        "target partners",
    ),
}
"""Noun (for a flag: when set | when not), unit and topic of names outside the grammar."""

_AMOUNT_RATIO = re.compile(rf"amount_ratio_(?P<target>target_)?(?P<statistic>mean|max)_{_WINDOW}")
SAGE = "sage"
SAGE_LOGIT = "sage_logit"


@dataclass(frozen=True, slots=True)
class _Reading:
    """What a feature name means."""

    noun: str
    unit: str
    topic: str


def phrase(name: str, value: float, *, transfer: bool = False) -> str:
    """One feature and its value in plain words; NaN means that it does not apply.

    ``transfer`` tells a receiving account from a merchant.
    """
    if name.startswith(f"{SAGE}_"):
        return _sage_phrase(value if name == SAGE_LOGIT else math.nan)
    reading = _read(name)
    noun = reading.noun.replace("{target}", "receiving account" if transfer else "merchant")
    if reading.unit == "flag":
        when_set, _, when_not = noun.partition("|")
        if math.isnan(value):
            return _sentence(f"whether {when_set}: {UNKNOWN}")
        return _sentence(when_set if value > 0 else when_not)
    return _sentence(f"{noun}: {tell(reading.unit, value)}")


def topic_of(name: str) -> str:
    """What a feature is about; all GraphSAGE columns are about one thing."""
    return SAGE if name.startswith(f"{SAGE}_") else _read(name).topic


@lru_cache(maxsize=4096)
def _read(name: str) -> _Reading:
    if name in _SPECIAL:
        return _Reading(*_SPECIAL[name])
    return _read_amount_ratio(name) or _read_by_entity(name) or _read_unknown(name)


def _read_amount_ratio(name: str) -> _Reading | None:
    if match := _AMOUNT_RATIO.fullmatch(name):
        payments = "payments to this {target}" if match["target"] else "payments by this account"
        statistic = {"mean": "average", "max": "largest"}[match["statistic"]]
        noun = f"amount against the {statistic} of {payments} in the last {_window(match['window'])}"
        return _Reading(noun, "ratio", "amount")
    return None


def _read_by_entity(name: str) -> _Reading | None:
    for prefix, entity in _ENTITIES.items():
        if not name.startswith(f"{prefix}_"):
            continue
        for statistic in _STATISTICS:
            if match := statistic.pattern.fullmatch(name[len(prefix) + 1 :]):
                words = {"payments": entity.payments, "owner": entity.owner, "partners": entity.partners}
                for key, found in match.groupdict().items():
                    words[key] = _window(found) if key == "window" else found
                noun = statistic.noun.format(**words).replace(
                    "latest 1 known outcomes", "latest known outcome"
                )
                return _Reading(noun, statistic.unit, f"{prefix} {statistic.topic}")
    return None


def _read_unknown(name: str) -> _Reading:
    """A name outside the grammar: its words, a window at the end told as such."""
    match = re.fullmatch(rf"(?P<stem>.+)_{_WINDOW}", name)
    stem, window = (match["stem"], f" in the last {_window(match['window'])}") if match else (name, "")
    return _Reading(stem.replace("_", " ").strip() + window, "number", name)


def _window(code: str) -> str:
    number, unit = int(code[:-1]), {"h": "hour", "d": "day"}[code[-1]]
    return unit if number == 1 else f"{number} {unit}s"


def _sage_phrase(logit: float) -> str:
    text = "Recent neighbourhood in the payment graph resembles that of known frauds"
    if math.isnan(logit):
        return text
    share = 1.0 / (1.0 + math.exp(-max(min(logit, 50.0), -50.0)))
    return f"{text}: {tell('number', 100.0 * share)} of 100"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
