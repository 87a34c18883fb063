"""What the detectors of the online graph found, in plain words: reasons beside those of the score.

Patterns of transfers are features, and told as such where they count; what is told here moves no score.
"""

from __future__ import annotations

from collections.abc import Iterable

from fraud.decision import Reason
from fraud.ring import NodeKind
from graph.finding import Finding, FindingKind
from graph.shared_attributes import SharingPolicy

__all__ = ["finding_reasons"]

THINGS = {NodeKind.DEVICE: "device", NodeKind.IP: "IP address"}


def finding_reasons(findings: Iterable[Finding]) -> tuple[Reason, ...]:
    """A reason without a contribution for each finding of a detector, as it was when the payment came."""
    said = {FindingKind.SHARED_ATTRIBUTE: _shared, FindingKind.DENSE_BLOCK: _block}
    return tuple(said[one.kind](one) for one in findings if one.kind in said)


def _shared(found: Finding) -> Reason:
    """Who else is on the device or address: first those who paid the same target, then others as new as the payer."""
    paid = [edge for edge in found.edges if edge.target != found.centre]
    there, peers = len(paid) - 1, len(found.edges) - len(paid)
    thing = THINGS[found.centre_kind or NodeKind.DEVICE]
    said = []
    if there:
        target = "receiver" if paid[0].target in found.accounts else "merchant"
        days = SharingPolicy().recent_days
        said.append(
            f"{_accounts(there)} on the same {thing} paid the same {target} in the last {days:.0f} days"
        )
    if peers:
        verb = "is" if peers == 1 else "are"
        more = f"{peers} more" if there else f"{_accounts(peers)} on the same {thing}"
        said.append(f"{more} {verb} as new as this account")
    return Reason(found.kind.value, ", and ".join(said), float(there + peers))


def _block(found: Finding) -> Reason:
    """The others of the block."""
    others = len(found.accounts) - 1
    text = f"{_accounts(others)} buy at the same few merchants and from the same devices as this account"
    return Reason(found.kind.value, text, float(others))


def _accounts(count: int) -> str:
    return f"{count} other account" + ("s" if count > 1 else "")
