"""Suspicions made of the rows that the online graph observed: what each payment touches, and how many share it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from graph.events import Events
from graph.features import FEATURE_NAMES
from graph.suspects import Suspect, Tie, TieKind

__all__ = ["suspect_of"]

SATURATED = 90.0
"""Estimated distinct payers from which the 32-bit sketch tells no more; the exact degree stands in."""

DEVICE_USERS = FEATURE_NAMES.index("device_degree")
IP_USERS = FEATURE_NAMES.index("ip_degree")
TARGET_USERS = FEATURE_NAMES.index("target_degree")
NEW_DEVICE = FEATURE_NAMES.index("account_device_is_new")
TARGET_RECENT = FEATURE_NAMES.index("target_distinct_30d")
PAYERS_RECENT = FEATURE_NAMES.index("target_distinct_7d")
"""Of a receiver of transfers: what ties its payers is a campaign of days, whoever paid it in the months before."""


def suspect_of(
    payments: Events,
    row: int,
    transaction_id: str,
    features: NDArray[np.float32],
    score: float,
    ring: float | None,
) -> Suspect:
    """One payment of a batch as the ring desk is told of it; ``features`` [F] are those of the payment."""
    return Suspect(
        transaction_id=transaction_id,
        time=int(payments.time[row]),
        score=score,
        amount=float(payments.amount[row]),
        account=payments.account[row],
        touches=_touches(payments, row, features),
        new_device=bool(features[NEW_DEVICE] == 1.0),
        ring=ring,
    )


def _touches(payments: Events, row: int, features: NDArray[np.float32]) -> tuple[tuple[Tie, float], ...]:
    touched = []
    device, address = payments.device[row], payments.ip[row]
    if device is not None:
        touched.append((Tie(TieKind.DEVICE, device), float(features[DEVICE_USERS])))
    if address is not None:
        touched.append((Tie(TieKind.IP, address), float(features[IP_USERS])))
    if payments.is_transfer[row]:
        touched.append((Tie(TieKind.ACCOUNT, payments.target[row]), float(features[PAYERS_RECENT])))
    else:
        ever, recent = float(features[TARGET_USERS]), float(features[TARGET_RECENT])
        users = recent if recent < SATURATED else max(ever, recent)
        touched.append((Tie(TieKind.MERCHANT, payments.target[row]), users))
    return tuple(touched)
