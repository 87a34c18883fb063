"""What the pipeline tells the ring desk about a transaction that is suspicious, if only a little."""

from __future__ import annotations

import msgspec

from fraud.decision import Reason
from graph.finding import Finding
from graph.suspects import Suspect

__all__ = ["Suspicion"]


class Suspicion(msgspec.Struct, frozen=True):
    """One transaction that was not approved, or is weak evidence for a ring, with all that the desk needs of it.

    It stands on its own, so that the desk may run in another process than the pipeline that scored the transaction.
    """

    suspect: Suspect
    reasons: tuple[Reason, ...]
    """Strongest first; of a transaction that was approved, none."""
    marks: bool
    """Whether it is evidence for rings."""
    alerts: bool = True
    """Whether it was not approved, so that its account is to be alerted where no ring's alert speaks for it."""
    findings: tuple[Finding, ...] = ()
    """Structural patterns that it completes or extends."""
