"""What the pipeline tells the ring desk about a transaction that was not approved."""

from __future__ import annotations

import msgspec

from fraud.decision import Reason
from graph.rings import Suspect

__all__ = ["Suspicion"]


class Suspicion(msgspec.Struct, frozen=True):
    """One transaction above the review threshold, with all that rings and alerts need to know of it.

    It stands on its own, so that the desk may run in another process than the pipeline that scored the transaction.
    """

    suspect: Suspect
    reasons: tuple[Reason, ...]
    """Strongest first."""
    marks: bool
    """Whether it is suspicious enough to leave marks for ring detection."""
