"""Structural findings as ties of the suspicious graph."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from graph.finding import Finding
from graph.ring_policy import RingPolicy
from graph.suspects import Pattern, Tie, TieKind

__all__ = ["patterns"]


def patterns(findings: Iterable[Finding], policy: RingPolicy) -> list[Pattern]:
    """Those findings that the policy takes note of; one with a centre is the same pattern as it grows."""
    rules = dict(policy.findings)
    found = []
    for one in findings:
        rule = rules.get(one.kind)
        if rule is not None and one.strength >= rule.strength and len(one.accounts) > 1:
            found.append(Pattern(_tie(one), one.accounts, rule.evidence))
    return found


def _tie(finding: Finding) -> Tie:
    """Named after the kind, and the centre or else the accounts."""
    name = (
        finding.centre
        or hashlib.blake2b("\n".join(sorted(finding.accounts)).encode(), digest_size=8).hexdigest()
    )
    return Tie(TieKind.PATTERN, f"{finding.kind.value}:{name}")
