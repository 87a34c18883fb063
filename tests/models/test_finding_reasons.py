"""What detectors found, as sentences."""

from __future__ import annotations

import pytest

from fraud.ring import NodeKind
from graph.finding import Finding, FindingKind, FoundEdge
from models.finding_reasons import finding_reasons


def shared(*edges: tuple[str, str], thing: NodeKind = NodeKind.DEVICE, transfer: bool = False) -> Finding:
    found = tuple(FoundEdge(source, target, 10 + i, 5.0) for i, (source, target) in enumerate(edges))
    accounts = [edge.source for edge in found] + (["to"] if transfer else [])
    return Finding(FindingKind.SHARED_ATTRIBUTE, tuple(dict.fromkeys(accounts)), "thing", found, 0.6, thing)


@pytest.mark.parametrize(
    ("found", "text", "value"),
    [
        (
            shared(("b", "shop"), ("a", "shop")),
            "1 other account on the same device paid the same merchant in the last 14 days",
            1.0,
        ),
        (
            shared(("b", "to"), ("c", "to"), ("d", "thing"), ("a", "to"), thing=NodeKind.IP, transfer=True),
            "2 other accounts on the same IP address paid the same receiver in the last 14 days, "
            "and 1 more is as new as this account",
            3.0,
        ),
        (
            shared(("b", "thing"), ("c", "thing"), ("a", "shop")),
            "2 other accounts on the same device are as new as this account",
            2.0,
        ),
    ],
)
def test_who_shares_a_thing_is_told_in_one_sentence(found: Finding, text: str, value: float) -> None:
    (reason,) = finding_reasons([found])
    assert (reason.feature, reason.text, reason.value) == ("shared_attribute", text, value)
    assert reason.contribution == 0.0


def test_a_block_is_told_by_the_number_of_the_others() -> None:
    edges = tuple(FoundEdge(account, "front", 10, 5.0) for account in "abc")
    block = Finding(FindingKind.DENSE_BLOCK, ("a", "b", "c"), "front", edges, 0.4, NodeKind.MERCHANT)
    (reason,) = finding_reasons([block])
    assert (
        reason.text
        == "2 other accounts buy at the same few merchants and from the same devices as this account"
    )
    assert (reason.feature, reason.value, reason.contribution) == ("dense_block", 2.0, 0.0)


def test_patterns_of_transfers_are_told_by_their_features() -> None:
    fan = Finding(FindingKind.FAN_IN, ("a", "b"), "b", (FoundEdge("a", "b", 1, 2.0),), 0.5, NodeKind.ACCOUNT)
    assert finding_reasons([fan]) == ()
