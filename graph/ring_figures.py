"""What a group looks like in figures: its evidence, what ties it, how its payments lie in time, amount and direction.

The ring score is learned from these (``graph.ring_judge``). They are read off the desk's own memory, in work that is
bounded by what the desk keeps of a group, and do not depend on the order in which it came in.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from statistics import median_low

from graph.layout import DAY, HOUR
from graph.ring_policy import RingPolicy
from graph.ring_state import RingState
from graph.suspects import Suspect, Tie, TieKind
from graph.suspicious_graph import SuspiciousGraph

__all__ = ["FIGURES", "ring_figures"]

STRONG = 2.0
"""Evidence (nats) from which an account is suspicious by itself."""
LIKELY = 0.3
"""Probability of a ring's fraud from which a payment is likely one."""
TOP = 3
"""Payments whose probability stands for the highest."""
PASSED_ON = 0.85
"""Least share of a transfer that its receiver sends on, if it is passed on; the rest is kept as a fee."""
PASSED_WITHIN = 4 * DAY
PARTIES = (TieKind.ACCOUNT, TieKind.PAYER)

EVIDENCE = (
    "accounts", "evidence_mean", "evidence", "strong", "silent", "ring_most", "ring_mean", "evidence_median", "likely",
    "ring_top",
)  # fmt: skip
HELD = tuple(f"held_by_{kind.value}" for kind in TieKind)
TIES = (
    *HELD, "rarest", "marked_mean", "marked_most", "unmarked", "merchants", "merchant_marked", "ties_each",
    "held_twice", "largest_tie", "cycles", "gathers", "by_device_alone", "by_merchant_alone",
)  # fmt: skip
PAYMENTS = (
    "payments_each", "victims", "new_devices", "transfers", "inside", "targets", "hours", "payments_a_day",
    "amount", "amount_spread", "days_each", "hours_each", "both_ways", "hub", "same_amounts", "passed_on", "burst",
    "of_one",
)  # fmt: skip
FIGURES: tuple[str, ...] = (*EVIDENCE, *TIES, *PAYMENTS)
"""Names of the figures, in their order; shares are of the group's accounts or payments, numbers are logarithms."""


def ring_figures(ring: RingState, graph: SuspiciousGraph, policy: RingPolicy) -> tuple[float, ...]:
    """Figures of a group of at least one account, in the order of ``FIGURES``."""
    payments = [one for account in ring.accounts for one in graph.suspects.get(account, {}).values()]
    return (
        *_of_evidence(ring, graph, policy, payments),
        *_of_ties(ring, graph),
        *_of_payments(ring, payments),
    )


def _of_evidence(
    ring: RingState, graph: SuspiciousGraph, policy: RingPolicy, payments: Sequence[Suspect]
) -> Iterator[float]:
    count = len(ring.accounts)
    weights = [graph.weight(account, ring.ties) for account in ring.accounts]
    bounded = math.fsum(min(one, policy.most_evidence) for one in weights)
    yield math.log(count)
    yield bounded / count
    yield math.log1p(bounded)
    yield sum(one >= STRONG for one in weights) / count
    yield sum(account not in graph.suspects for account in ring.accounts) / count
    chances = sorted((one.of_ring for one in payments), reverse=True)
    yield max(chances, default=0.0)
    yield _mean(chances)
    yield median_low(weights)
    yield sum(one >= LIKELY for one in chances) / max(len(chances), 1)
    yield _mean(chances[:TOP])


def _of_ties(ring: RingState, graph: SuspiciousGraph) -> Iterator[float]:
    count = len(ring.accounts)
    holds = {tie: _held(tie, ring, graph) for tie in ring.ties if tie in graph.things}
    kinds: dict[str, list[TieKind]] = {account: [] for account in ring.accounts}
    for tie, held in holds.items():
        for account in held:
            kinds[account].append(tie.kind)
    each = {account: len(some) for account, some in kinds.items()}
    for kind in TieKind:
        of_kind: set[str] = set()
        for tie, held in holds.items():
            if tie.kind is kind:
                of_kind |= held
        yield len(of_kind) / count
    used = {tie: graph.users(tie) for tie in holds if tie.kind not in (TieKind.PAYER, TieKind.PATTERN)}
    marked = {tie: len(holds[tie]) / users for tie, users in used.items()}
    shops = [share for tie, share in marked.items() if tie.kind is TieKind.MERCHANT]
    unmarked = (users - len(holds[tie]) for tie, users in used.items() if tie.kind is not TieKind.MERCHANT)
    yield math.log(min(used.values(), default=1.0))
    yield _mean(marked.values())
    yield max(marked.values(), default=0.0)
    yield math.log1p(max(math.fsum(unmarked), 0.0) / count)
    yield float(len(shops))
    yield _mean(shops)
    yield sum(each.values()) / count
    yield sum(number > 1 for number in each.values()) / count
    yield max((len(held) for held in holds.values()), default=0) / count
    patterns = [tie.token for tie in holds if tie.kind is TieKind.PATTERN]
    yield math.log1p(sum(token.startswith("cycle:") for token in patterns))
    yield math.log1p(sum(token.startswith("scatter_gather:") for token in patterns))
    for kind in (TieKind.DEVICE, TieKind.MERCHANT):
        yield sum(set(some) == {kind} for some in kinds.values()) / count


def _of_payments(ring: RingState, payments: Sequence[Suspect]) -> Iterator[float]:
    count, number = len(ring.accounts), max(len(payments), 1)
    times = [one.time for one in payments]
    targets = [
        tie for one in payments for tie, _ in one.touches if tie.kind in (TieKind.MERCHANT, TieKind.ACCOUNT)
    ]
    transfers = [tie for tie in targets if tie.kind is TieKind.ACCOUNT]
    hours = (max(times, default=0) - min(times, default=0)) / HOUR
    amounts = [math.log(max(one.amount, 0.01)) for one in payments]
    mean = _mean(amounts)
    by_account = _times_by_account(payments)
    senders = _senders(ring, payments)
    sending = {account for some in senders.values() for account in some}
    yield math.log(number / count)
    yield len(ring.victims) / count
    yield sum(one.new_device for one in payments) / number
    yield len(transfers) / number
    yield sum(tie.token in ring.accounts for tie in transfers) / number
    yield len(set(targets)) / number
    yield math.log1p(hours)
    yield math.log1p(number / (1.0 + hours / 24.0))
    yield mean
    yield math.sqrt(_mean((one - mean) ** 2 for one in amounts))
    yield _mean(len({time // DAY for time in some}) for some in by_account)
    yield math.log1p(_mean((max(some) - min(some)) / HOUR for some in by_account))
    yield len(sending & senders.keys()) / count
    yield max(map(len, senders.values()), default=0) / count
    sums = Counter(round(one.amount, 2) for one in payments if _receiver(one) is not None)
    yield sum(many for many in sums.values() if many > 1) / max(len(transfers), 1)
    yield _passing_on(ring.accounts, payments) / count
    yield _most_within(sorted(times), DAY) / number
    yield max(map(len, by_account), default=0) / number


def _held(tie: Tie, ring: RingState, graph: SuspiciousGraph) -> set[str]:
    """Accounts of a group that a thing holds; those who pay or are paid hold themselves."""
    held = {account for account in graph.marked_by(tie) if account in ring.accounts}
    return held | {tie.token} if tie.kind in PARTIES and tie.token in ring.accounts else held


def _times_by_account(payments: Sequence[Suspect]) -> list[list[int]]:
    times: dict[str, list[int]] = {}
    for one in payments:
        times.setdefault(one.account, []).append(one.time)
    return list(times.values())


def _senders(ring: RingState, payments: Sequence[Suspect]) -> dict[str, set[str]]:
    """By account of the group, those of the group that paid it."""
    senders: dict[str, set[str]] = {}
    for one in payments:
        for tie, _ in one.touches:
            if tie.kind is TieKind.ACCOUNT and tie.token in ring.accounts:
                senders.setdefault(tie.token, set()).add(one.account)
    return senders


def _receiver(payment: Suspect) -> str | None:
    return next((tie.token for tie, _ in payment.touches if tie.kind is TieKind.ACCOUNT), None)


def _passing_on(accounts: Collection[str], payments: Sequence[Suspect]) -> int:
    """How many accounts sent on, within days and less a fee, what one of the others had sent them."""
    got: dict[str, list[Suspect]] = {}
    for one in payments:
        receiver = _receiver(one)
        if receiver is not None and receiver in accounts:
            got.setdefault(receiver, []).append(one)
    return len(
        {
            one.account
            for one in payments
            if _receiver(one) is not None
            and any(
                0 <= one.time - came.time <= PASSED_WITHIN
                and PASSED_ON * came.amount <= one.amount <= came.amount
                for came in got.get(one.account, ())
            )
        }
    )


def _most_within(times: Sequence[int], span: int) -> int:
    """Most of some times, in order, that lie within a span."""
    first = most = 0
    for last, time in enumerate(times):
        while times[first] < time - span:
            first += 1
        most = max(most, last - first + 1)
    return most


def _mean(values: Iterable[float]) -> float:
    some = list(values)
    return math.fsum(some) / len(some) if some else 0.0
