"""A small payment graph made by hand, in which every question of the library has an answer that can be told by hand.

Day 0 is the first of March 2026. Rings: R1, three accounts on one device and at one shop; R2, a round trip of money;
R3, an old one. Beside them a collector, a payer of many, a scatter–gather, a shop that new accounts rush to, a hub shop
that 400 accounts use, and a hub device.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from fraud.decision import Outcome
from fraud.label import Label
from fraud.record_rows import DecidedTransaction, Following
from fraud.ring import NodeKind, Ring, RingEvent, RingMember, RingStatus, RingStep
from graph.store import GraphStore

START = datetime(2026, 3, 1, tzinfo=UTC)
HUB_PAYERS = 400


def at(days: float) -> datetime:
    """So many days after the start."""
    return START + timedelta(days=days)


def payment(
    name: str,
    days: float,
    account: str,
    amount: float,
    *,
    shop: str | None = None,
    to: str | None = None,
    device: str | None = None,
    ip: str | None = None,
    score: float = 0.01,
) -> DecidedTransaction:
    """A payment as the record has it; its score decides."""
    outcome = Outcome.BLOCK if score > 0.9 else Outcome.REVIEW if score > 0.5 else Outcome.APPROVE
    return DecidedTransaction(
        name, at(days), account, shop, to, amount, "EUR", device, ip, "online", None, None, None, score, outcome
    )  # fmt: skip


RING_PAYMENTS = (
    payment("k1", 10.0, "ann", 100.0, shop="kiosk", device="phone", ip="cafe", score=0.95),
    payment("k2", 10.1, "bob", 110.0, shop="kiosk", device="phone", ip="cafe", score=0.8),
    payment("k3", 10.2, "cid", 120.0, shop="kiosk", device="phone", score=0.7),
    payment("k4", 10.3, "ann", 130.0, shop="kiosk", device="phone", score=0.97),
    # One step away: dora shares the cafe, emil was paid, and both have done nothing else.
    payment("k5", 10.4, "dora", 8.0, shop="bakery", ip="cafe"),
    payment("k6", 10.5, "ann", 55.0, to="emil"),
    # A second device that ties the two rings.
    payment("k7", 11.0, "cid", 20.0, shop="bakery", device="tablet"),
    payment("k8", 11.1, "gus", 21.0, shop="bakery", device="tablet"),
)

ROUND_TRIP = (
    payment("c1", 12.0, "gus", 1000.0, to="hal", score=0.6),
    payment("c2", 12.5, "hal", 950.0, to="ida", score=0.6),
    payment("c3", 13.0, "ida", 900.0, to="gus", score=0.6),
    # A round trip for ida, who paid first, and for nobody else.
    payment("c4", 5.0, "ida", 990.0, to="kim"),
    payment("c5", 14.0, "jon", 990.0, to="ida"),
    payment("c6", 13.5, "kim", 990.0, to="jon"),
    # Money goes on to a shop, and a small part elsewhere.
    payment("c7", 13.2, "hal", 15.0, to="lea"),
    payment("c8", 13.3, "gus", 500.0, shop="kiosk"),
)

FAN_IN = (
    *(payment(f"i{n}", 28.0 + n / 10, f"giver{n}", 100.0 + n, to="mule") for n in range(6)),
    payment("i9", 1.0, "old", 70.0, to="mule"),
    payment("i10", 28.9, "old", 70.0, to="mule"),
    payment("i11", 29.0, "mule", 480.0, to="boss"),
)

FAN_OUT = (
    payment("o9", 28.1, "boss2", 700.0, to="spender"),
    *(payment(f"o{n}", 28.2 + n / 10, "spender", 110.0, to=f"taker{n}") for n in range(5)),
)

SCATTER_GATHER = (
    payment("s1", 20.0, "source", 300.0, to="m1"),
    payment("s2", 20.0, "source", 310.0, to="m2"),
    payment("s3", 20.1, "source", 320.0, to="m3"),
    payment("s4", 20.5, "m1", 290.0, to="sink"),
    payment("s5", 20.6, "m2", 300.0, to="sink"),
    # Paid on before it had got anything.
    payment("s6", 19.0, "m3", 320.0, to="sink"),
)

RUSH = (
    *(payment(f"n{n}", 28.0 + n / 10, f"fresh{n}", 40.0 + n, shop="rush") for n in range(7)),
    payment("n8", 8.0, "earlier", 12.0, shop="rush"),
    *(payment(f"b{n}", 28.0, f"calm{n}", 9.0, shop="bakery") for n in range(2)),
)

HUB = tuple(
    payment(f"h{n}", 2.0 + n / 1000, f"buyer{n}", 5.0, shop="hub", device="terminal", ip="office")
    for n in range(HUB_PAYERS)
) + tuple(
    payment(f"hub-{who}", 2.5, who, 5.0, shop="hub", device="terminal", ip="office")
    for who in ("ann", "ida", "emil", "zoe")
)  # fmt: skip

PAYMENTS = (*RING_PAYMENTS, *ROUND_TRIP, *FAN_IN, *FAN_OUT, *SCATTER_GATHER, *RUSH, *HUB)


def member(name: str, kind: NodeKind, role: str, score: float, days: float) -> RingMember:
    """A member who joined so many days after the start."""
    return RingMember(name, kind, role, score, at(days))


RINGS = (
    Ring(
        "R1", 2, "shared_device",
        0.9,
        (
            member("ann", NodeKind.ACCOUNT, "organiser", 0.97, 10.0),
            member("bob", NodeKind.ACCOUNT, "mule", 0.8, 10.1),
            member("cid", NodeKind.ACCOUNT, "mule", 0.7, 10.2),
            member("phone", NodeKind.DEVICE, "shared device", 0.9, 10.1),
            member("kiosk", NodeKind.MERCHANT, "colluding merchant", 0.85, 10.2),
        ),
        at(10.2), at(10.3), 460.0, ("k1", "k2", "k3", "k4"), at_risk=400.5, accounts=3,
    ),
    Ring(
        "R2", 1, "cycle",
        0.6,
        (
            member("gus", NodeKind.ACCOUNT, "organiser", 0.6, 12.0),
            member("hal", NodeKind.ACCOUNT, "mule", 0.6, 12.5),
            member("ida", NodeKind.ACCOUNT, "mule", 0.6, 13.0),
            member("kiosk", NodeKind.MERCHANT, "colluding merchant", 0.5, 13.3),
        ),
        at(13.0), at(13.0), 2850.0, ("c1", "c2", "c3"), at_risk=1710.0, accounts=3,
        history=(
            RingEvent(1, at(13.0), RingStep.FOUNDED, "money came back after three payments", 3, ("gus", "hal", "ida")),
            RingEvent(2, at(15.0), RingStep.SUPPRESSED, "a savings club", by="kay"),
        ),
        status=RingStatus.SUPPRESSED, decided_by="kay",
    ),
    Ring(
        "R3", 1, "shared_address",
        0.4,
        (member("old", NodeKind.ACCOUNT, "mule", 0.4, 1.0),),
        at(1.0), at(1.0), 70.0, at_risk=28.0, accounts=1,
    ),
)  # fmt: skip

LABELS = (
    Label("k1", True, at(20.0), "chargeback"),
    Label("k4", True, at(21.0), "chargeback"),
    Label("k3", False, at(22.0), "investigator"),
)


def fill(store: GraphStore) -> None:
    """Put it into an empty graph by the door that all goes through."""
    evidence = [one for one in PAYMENTS if one.transaction_id in {"k1", "k2", "k3", "k4", "c1", "c2", "c3"}]
    assert store.apply("main", Following(0, 1, PAYMENTS, RINGS, LABELS), evidence)
