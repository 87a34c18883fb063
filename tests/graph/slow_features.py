"""Every feature and message by name, from the histories of ``SlowGraph``."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence

from graph.features import MOTIF_NAMES
from graph.kernels import takeover
from graph.kernels.describe import EARTH_RADIUS_KM
from graph.kernels.labels import EPISODE_GAP
from graph.kernels.messages import RISK_STRETCH
from graph.kernels.observe import SURPRISE_FLOOR, UNUSUAL, UNUSUAL_GAP
from graph.observation import FANOUT, MESSAGE_LIMIT, ROLES
from tests.graph.slow_model import Message, Node, Pair, SlowGraph, distinct, in_window
from tests.graph.streams import DAY, HOUR, SECOND, Raw

NAN = math.nan
Features = dict[str, float]

LABEL_WINDOWS = {"7d": (7, DAY), "30d": (6, 5 * DAY)}


def describe(graph: SlowGraph, raw: Raw) -> Features:
    """All features of a transaction that has not been inserted yet."""
    ends = graph.ends(raw)
    account, target, device, address = ends
    assert account is not None
    assert target is not None
    out = _tabular(raw)
    for role, node in zip(ROLES, ends, strict=True):
        out |= {f"{role}_{name}": value for name, value in _of_role(graph, node, raw.time).items()}
    out |= _habit(graph, account, raw)
    out |= _takeover(graph, account, raw)
    out |= _flow(graph, account, raw.time, "account_inflow")
    out["account_flow_ratio_1d"] = out["account_sum_1d"] / (out["account_inflow_sum_1d"] + 1)
    out |= _flow(graph, target, raw.time, "target_outflow")
    out |= _target_mix(target)
    out |= _amounts(graph, account, target, raw, out)
    out |= _pair(graph.pair(account, target), raw)
    out |= _link(graph.pair(account, device), device, raw.time, "account_device")
    out |= _link(graph.pair(account, address), address, raw.time, "account_ip")
    out |= _places(account, target, raw)
    out |= {f"{role}_ring_score": _ring_score(graph, role, raw) for role in ("account", "target")}
    return out | graph.motifs.look(raw, MOTIF_NAMES)


def _ring_score(graph: SlowGraph, role: str, raw: Raw) -> float:
    """Of the latest mark that either side of the account has heard of and that is at most 30 days old."""
    if role == "target" and not raw.is_transfer:
        return 0.0
    token = raw.account if role == "account" else raw.target
    sides = [graph.nodes.get((kind, token)) for kind in ("account", "payee")]
    heard = [node.marked for node in sides if node is not None and node.marked is not None]
    if not heard:
        return 0.0
    latest = heard[0]
    assert all(one is latest for one in heard)
    assert latest.level is not None
    return latest.level / 255 if raw.time // DAY - latest.time // DAY <= 30 else 0.0


def _tabular(raw: Raw) -> Features:
    moment = dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=raw.time)
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    hour = (moment - midnight) / dt.timedelta(hours=1)
    return {
        "amount": raw.amount,
        "log_amount": math.log1p(raw.amount),
        "amount_is_round": float(raw.amount.is_integer()),
        "hour": hour,
        "weekday": moment.weekday(),
        "is_weekend": float(moment.weekday() in (5, 6)),
        "is_night": float(moment.hour < 6),
        "day_of_month": moment.day,
        "channel": raw.channel,
        "mcc": NAN if raw.mcc < 0 else raw.mcc,
        "is_transfer": float(raw.is_transfer),
        "has_device": float(raw.device is not None),
        "has_ip": float(raw.ip is not None),
    }


def _of_role(graph: SlowGraph, node: Node | None, now: int) -> Features:
    if node is None:
        some = Node(("merchant", ""))
        return dict.fromkeys(_of_role(graph, some, now), NAN)
    out: Features = {}
    for tier in ("1h", "1d", "7d", "30d"):
        entries = node.window(tier, now)
        amounts = [entry.raw.amount for entry in entries]
        out[f"count_{tier}"] = len(amounts)
        out[f"sum_{tier}"] = math.fsum(amounts)
        out[f"mean_{tier}"] = math.fsum(amounts) / len(amounts) if amounts else NAN
        out[f"max_{tier}"] = max(amounts, default=0.0)
        out[f"distinct_{tier}"] = distinct(entry.other_token for entry in entries)
        out[f"decay_{tier}"] = node.decayed([(entry, 1.0) for entry in node.history], tier, now)
    newcomers = [(entry, float(entry.is_new_pair)) for entry in node.history]
    out["is_new"] = float(not node.history)
    out["hours_since_last"] = max(now - node.last_seen, 0) / HOUR if node.history else NAN
    out["days_since_first"] = max(now - node.history[0].raw.time, 0) / DAY if node.history else NAN
    out["degree"] = graph.degree(node)
    out["new_pairs_1d"] = node.decayed(newcomers, "1d", now)
    out["new_pairs_7d"] = node.decayed(newcomers, "7d", now)
    return out | _labels(node, now) | _runs(node, now) | _neighbours(graph, node)


def _labels(node: Node, now: int) -> Features:
    out: Features = {}
    for tier, (size, width) in LABEL_WINDOWS.items():
        told = [one for _, one in in_window([(one.known_at, one) for one in node.told], size, width, now)]
        frauds = sum(one.is_fraud for one in told)
        out[f"known_{tier}"] = len(told)
        out[f"frauds_{tier}"] = frauds
        out[f"fraud_rate_{tier}"] = frauds / len(told) if told else NAN
    out["known"] = len(node.told)
    out["frauds"] = sum(one.is_fraud for one in node.told)
    for n in (1, 8, 32):
        last = node.told[-n:]
        out[f"fraud_rate_last_{n}"] = sum(one.is_fraud for one in last) / len(last) if last else NAN
    for n in (1, 3, 5, 8, 32):
        out[f"plain_fraud_share_last_{n}"] = sum(one.is_plain for one in node.told[-n:]) / n
    return out


def _days_since(seconds: int | None, now: int) -> float:
    return NAN if seconds is None else max(now / SECOND - seconds, 0) / 86_400


def _runs(node: Node, now: int) -> Features:
    """Runs of plain frauds, in the order in which labels were told."""
    frauds = [one.happened for one in node.told if one.is_fraud]
    legit = [one.happened for one in node.told if not one.is_fraud]
    plain_at = [i for i, one in enumerate(node.told) if one.is_plain]
    legit_at = [i for i, one in enumerate(node.told) if not one.is_fraud]
    run = [node.told[i].happened for i in plain_at if not legit_at or i > legit_at[-1]]
    episode: int | None = None
    for i in plain_at:
        if episode is None or node.told[i].happened - episode > EPISODE_GAP:
            episode = node.told[i].happened
    return {
        "days_since_fraud": _days_since(max(frauds, default=None), now),
        "days_since_legit": _days_since(max(legit, default=None), now),
        "days_since_episode_start": _days_since(episode, now),
        "days_since_run_start": _days_since(run[0] if run else None, now),
        "run_length": len(run),
        "days_since_run_before": _days_since(max(legit), now) if run and legit else NAN,
        "legit_since_fraud": sum(i > plain_at[-1] for i in legit_at) if plain_at else NAN,
    }


def _neighbours(graph: SlowGraph, node: Node) -> Features:
    remembered = [
        entry.other for entry in node.history[-FANOUT:] if graph.nodes.get(entry.other.key) is entry.other
    ]
    risks = [other.risk() for other in remembered]
    return {
        "neighbour_risk_mean": math.fsum(risks) / len(risks) if risks else NAN,
        "neighbour_risk_max": max(risks, default=NAN),
    }


def _habit(graph: SlowGraph, account: Node, raw: Raw) -> Features:
    history, now = account.history, raw.time
    surprise = [(entry, max(entry.multiple - SURPRISE_FLOOR, 0)) for entry in history]
    unusual = [entry for entry in history if entry.multiple > UNUSUAL]
    first = last = None
    for entry in unusual:
        at = entry.raw.time // SECOND
        if last is None or at - last > UNUSUAL_GAP:
            first = at
        last = max(at, last or 0)
    typical = graph.typical(account)
    largest = {
        tier: max([e.raw.amount for e in account.window(tier, now)], default=0) for tier in ("7d", "30d")
    }
    return {
        "account_devices": graph.degree(account, ("device",)),
        "account_ips": graph.degree(account, ("ip",)),
        "account_pressure_7d": account.decayed(surprise, "7d", now),
        "account_pressure_30d": account.decayed(surprise, "30d", now),
        "account_unusual_7d": account.decayed([(entry, 1.0) for entry in unusual], "7d", now),
        "account_days_since_unusual": _days_since(last, now),
        "account_days_since_unusual_start": _days_since(first, now),
        "account_max_ratio_7d": largest["7d"] / typical,
        "account_max_ratio_30d": largest["30d"] / typical,
    }


def _takeover(graph: SlowGraph, account: Node, raw: Raw) -> Features:
    """The two-state filter run afresh over the account's payments: (chance of state "taken", of the payment)."""
    taken, own, last = takeover.FIRST_BELIEF, [], None
    past = [(entry.raw.amount, entry.raw.time, entry.prior, entry.latest) for entry in account.history]
    for amount, time, prior, latest in [*past, (raw.amount, raw.time, graph.population(), 0)]:
        mean = (prior + math.fsum(share * paid for share, paid in own)) / (1 + sum(share for share, _ in own))
        multiple, count = amount / mean, sum(share for share, _ in own)
        spread = takeover.NARROW * math.sqrt(1 + 1 / (count + 1))
        z = (multiple - 1) / spread
        if last is not None:
            days = max(time - last, 0) / DAY
            stay, enter = (
                math.exp(-days / takeover.MEAN_STAY_DAYS),
                -math.expm1(-days * takeover.ENTER_PER_DAY),
            )
            taken = taken * stay + (1 - taken) * enter
        owner = (
            math.exp(-(z * z) / 2) / (spread * math.sqrt(2 * math.pi)) + (0.01 if multiple < 2 else 0) + 1e-9
        )
        thief = (1 if multiple < takeover.WIDTH else (takeover.WIDTH / multiple) ** 3) / takeover.WIDTH
        by_thief = taken * thief * takeover.THIEF_SHARE
        by_owner_beside = taken * owner * (1 - takeover.THIEF_SHARE)
        evidence = by_thief + by_owner_beside + (1 - taken) * owner
        before, chance = taken, by_thief / evidence
        taken, last = min((by_thief + by_owner_beside) / evidence, takeover.CERTAIN), latest
        own.append((1 - chance, amount))
    return {
        "account_takeover_belief": takeover.log_odds(before),
        "takeover_chance": NAN if math.isnan(chance) else takeover.log_odds(chance),
        "amount_ratio_own_mean": multiple,
        "amount_z_own": z,
        "account_own_payments": count,
    }


def _flow(graph: SlowGraph, node: Node, now: int, prefix: str) -> Features:
    twin = graph.twin(node)
    names = [f"{what}_{tier}" for tier in ("1d", "7d") for what in ("count", "sum", "distinct")]
    if twin is None:
        return {f"{prefix}_{name}": NAN for name in [*names, "hours_since_last", "risk"]}
    role = _of_role(graph, twin, now)
    out = {f"{prefix}_{name}": role[name] for name in [*names, "hours_since_last"]}
    return out | {f"{prefix}_risk": twin.risk()}


def _target_mix(target: Node) -> Features:
    def share(weights: Sequence[bool]) -> float:
        if not target.history:
            return NAN
        whole = target.decayed([(entry, 1.0) for entry in target.history], "7d", target.last_seen)
        part = [(e, float(w)) for e, w in zip(target.history, weights, strict=True)]
        return target.decayed(part, "7d", target.last_seen) / whole

    return {
        "target_shared_device_share_7d": share([entry.is_shared for entry in target.history]),
        "target_young_account_share_7d": share([entry.is_young for entry in target.history]),
    }


def _log_z(node: Node, log_amount: float) -> float:
    logs = [math.log1p(entry.raw.amount) for entry in node.history]
    if not logs:
        return NAN
    mean = math.fsum(logs) / len(logs)
    squares = math.fsum((x - mean) ** 2 for x in logs)
    return (log_amount - mean) / math.sqrt((squares + 1) / (len(logs) + 2))


def _over(amount: float, base: float) -> float:
    return NAN if math.isnan(base) or base == 0 else amount / base


def _amounts(graph: SlowGraph, account: Node, target: Node, raw: Raw, known: Features) -> Features:
    amount, typical = raw.amount, graph.typical(account)
    legit = [one.raw.amount for one in account.told if not one.is_fraud]
    confirmed = (graph.population() + math.fsum(legit)) / (1 + len(legit))
    spread = 0.5 * typical * math.sqrt(1 + 1 / (len(account.history) + 0.5))
    return {
        "amount_ratio_mean_7d": _over(amount, known["account_mean_7d"]),
        "amount_ratio_mean_30d": _over(amount, known["account_mean_30d"]),
        "amount_ratio_max_30d": _over(amount, known["account_max_30d"]),
        "amount_ratio_typical": amount / typical,
        "amount_z_typical": (amount - typical) / spread,
        "amount_ratio_confirmed": amount / confirmed,
        "amount_z": _log_z(account, math.log1p(amount)),
        "target_amount_z": _log_z(target, math.log1p(amount)),
        "amount_ratio_target_mean_30d": _over(amount, known["target_mean_30d"]),
        "account_rate_1d_to_30d": 30 * known["account_count_1d"] / (known["account_count_30d"] + 1),
        "target_rate_1d_to_30d": 30 * known["target_count_1d"] / (known["target_count_30d"] + 1),
        "target_distinct_1d_to_30d": 30 * known["target_distinct_1d"] / (known["target_distinct_30d"] + 1),
    }


def _pair(pair: Pair | None, raw: Raw) -> Features:
    known = pair or Pair([0], [NAN])
    out = {
        "pair_is_new": float(pair is None),
        "pair_count": len(pair.times) if pair else 0,
        "pair_hours_since_last": max(raw.time - pair.last(), 0) / HOUR if pair else NAN,
        "pair_amount_ratio": raw.amount * len(known.amounts) / math.fsum(known.amounts),
    }
    for tier in ("1h", "1d", "7d", "30d"):
        out[f"pair_decay_{tier}"] = pair.decayed(tier, raw.time) if pair else 0.0
    return out


def _link(pair: Pair | None, end: Node | None, now: int, prefix: str) -> Features:
    if end is None:
        return {f"{prefix}_{name}": NAN for name in ("is_new", "count", "hours_since_last")}
    return {
        f"{prefix}_is_new": float(pair is None),
        f"{prefix}_count": len(pair.times) if pair else 0,
        f"{prefix}_hours_since_last": max(now - pair.last(), 0) / HOUR if pair else NAN,
    }


def _located(node: Node) -> list[Raw]:
    return [entry.raw for entry in node.history if entry.raw.latitude is not None]


def _middle(raws: list[Raw]) -> tuple[float, float]:
    n = len(raws)
    return math.fsum(x.latitude or 0 for x in raws) / n, math.fsum(x.longitude or 0 for x in raws) / n


def _kilometres(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Angle between two points on the sphere, by vectors."""

    def vector(place: tuple[float, float]) -> tuple[float, float, float]:
        north, east = math.radians(place[0]), math.radians(place[1])
        return math.cos(north) * math.cos(east), math.cos(north) * math.sin(east), math.sin(north)

    return 2 * EARTH_RADIUS_KM * math.asin(min(math.dist(vector(one), vector(other)) / 2, 1))


def _places(account: Node, target: Node, raw: Raw) -> Features:
    out = dict.fromkeys(("km_from_last", "speed_kmh", "km_from_home", "km_from_target"), NAN)
    if raw.latitude is None or raw.longitude is None:
        return out
    here, before, there = (raw.latitude, raw.longitude), _located(account), _located(target)
    if before:
        last = before[-1]
        out["km_from_last"] = _kilometres(here, (last.latitude or 0, last.longitude or 0))
        seconds = max(raw.time // SECOND - last.time // SECOND, 60)
        out["speed_kmh"] = out["km_from_last"] / (seconds / 3600)
        out["km_from_home"] = _kilometres(here, _middle(before))
    if there:
        out["km_from_target"] = _kilometres(here, _middle(there))
    return out


def messages(graph: SlowGraph, raw: Raw) -> list[Message]:
    """What each end leaves with the transaction, in 256ths; zeros from an end that is missing."""
    ends = graph.ends(raw)
    account, target, device, _ = ends
    assert account is not None
    log_amount = math.log1p(raw.amount)
    logs = [math.log1p(entry.raw.amount) for entry in account.history]
    angle = 2 * math.pi * (raw.time % DAY) / DAY
    event = [
        log_amount,
        log_amount - math.fsum(logs) / len(logs) if logs else 0.0,
        float(graph.pair(account, target) is None),
        math.log1p(graph.degree(device)) if device else 0.0,
        math.sin(angle),
        math.cos(angle),
    ]
    return [
        [0] * 16 if node is None else [_quantised(x) for x in _state(graph, node, raw.time) + event]
        for node in ends
    ]


def _quantised(value: float) -> int:
    return round(256 * min(max(value, -MESSAGE_LIMIT), MESSAGE_LIMIT))


def _state(graph: SlowGraph, node: Node, now: int) -> list[float]:
    known = _of_role(graph, node, now)
    mean = known["mean_30d"]
    return [
        *(math.log1p(known[f"count_{tier}"]) for tier in ("1h", "1d", "30d")),
        0.0 if math.isnan(mean) else math.log1p(mean),
        math.log1p(known["degree"]),
        math.log1p(known["hours_since_last"]) if node.history else MESSAGE_LIMIT,
        math.log1p(known["days_since_first"]) if node.history else 0.0,
        RISK_STRETCH * node.risk(),
        math.log1p(known["frauds"]),
        float(node.key[0] == "merchant"),
    ]
