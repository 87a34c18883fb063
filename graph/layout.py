"""The flat records of the online state: what is kept of a node, of a pair of nodes, and of an event.

Times are int64 microseconds since 1970-01-01 UTC unless a field says seconds. A zeroed record is an empty one.
"""

from __future__ import annotations

import numpy as np

from graph.name_layout import ACCOUNT, DEVICE, IP, MERCHANT, PAYEE
from graph.observation import FANOUT, MESSAGE_WIDTH

__all__ = [
    "ACCOUNT",
    "BUCKETS",
    "BUCKET_WIDTH",
    "DAY",
    "DEVICE",
    "EVENT",
    "HALF_LIVES",
    "HOUR",
    "IP",
    "LABEL",
    "LABEL_BUCKETS",
    "LABEL_BUCKET_WIDTH",
    "LABEL_OFFSET",
    "LABEL_TIERS",
    "LAST_DAY",
    "MERCHANT",
    "NODE",
    "NODE_KINDS",
    "OFFSET",
    "PAIR",
    "PAYEE",
    "RING_LEVELS",
    "RING_MARK",
    "RING_MARK_DAYS",
    "TIERS",
    "TRANSACTION",
]

HOUR = 3_600_000_000
DAY = 24 * HOUR

TRANSACTION, LABEL, RING_MARK = 0, 1, 2
"""Kinds of event."""

NODE_KINDS: tuple[str, ...] = ("account", "merchant", "device", "ip", "payee")
"""An account that receives transfers has a second node, its payee side, so that money in and money out never mix."""

TIERS: tuple[str, ...] = ("1h", "1d", "7d", "30d")
"""Sliding windows. A window of width W is B whole buckets of W / B, the current one included, so it covers between
W − W/B and W; memory is bounded whatever the traffic, and there is nothing to subtract and so no drift."""
BUCKETS = np.array([4, 6, 7, 6], dtype=np.int64)
BUCKET_WIDTH = np.array([HOUR // 4, DAY // 6, DAY, 5 * DAY], dtype=np.int64)
OFFSET = np.concatenate([[0], np.cumsum(BUCKETS)[:-1]]).astype(np.int64)
TOTAL_BUCKETS = int(BUCKETS.sum())

LABEL_TIERS: tuple[str, ...] = ("7d", "30d")
"""Windows over the time at which labels were reported."""
LABEL_BUCKETS = np.array([7, 6], dtype=np.int64)
LABEL_BUCKET_WIDTH = BUCKET_WIDTH[2:]
"""Those of the two longest windows: what is reported is counted by the same buckets of time."""
LABEL_OFFSET = np.array([0, 7], dtype=np.int64)

RING_MARK_DAYS = 30
"""Days for which what the ring desk said of an account counts: as long as the desk itself remembers a suspicion."""
RING_LEVELS = 255
"""Steps in which a ring's score is kept."""
LAST_DAY = 65_535
"""Latest day (since 1970) that a record holds: in 2149."""

HALF_LIVES = np.array([HOUR, DAY, 7 * DAY, 30 * DAY], dtype=np.float64)
"""Half-lives of the exponentially decayed counters, in the order of ``TIERS``."""

NODE = np.dtype(
    [
        # read of every neighbour's neighbour too, and so put together
        ("kind", np.uint8),
        ("slot_next", np.uint8),
        ("slot_count", np.uint8),
        ("label_bits_count", np.uint8),
        ("label_bits", np.uint32),  # the last 32 labels, newest lowest; 1 for fraud
        ("count", np.int32),
        ("born", np.uint32),  # serial of its first transaction: tells it from earlier owners of its number
        # the rest, larger numbers first, so that nothing is lost between them
        ("first_seen", np.int64),
        ("last_seen", np.int64),
        ("hash", np.uint8),  # of its name
        ("ring_level", np.uint8),  # score of the ring that it belongs to, in steps of 1 / RING_LEVELS
        ("ring_day", np.uint16),  # since 1970, on which the ring desk said so; 0 for never
        ("twin", np.int32),  # node number + 1 of the other side of the same account, 0 for none
        ("degree", np.int32, (3,)),  # account: targets, devices, addresses; others: accounts, -, -
        (
            "plain_bits",
            np.uint32,
        ),  # as label_bits, 1 for a fraud that its amount does not explain ("plain fraud")
        ("log_mean", np.float32),  # of log amounts, Welford
        ("log_m2", np.float32),
        ("capped_mean", np.float32),  # of amounts, each capped at CAP times what was typical before it
        ("latitude", np.float32),
        ("longitude", np.float32),
        ("located", np.int32),
        ("located_at", np.uint32),  # seconds
        ("mean_latitude", np.float32),
        ("mean_longitude", np.float32),
        ("decay", np.float32, (4,)),
        ("new_pair_decay", np.float32, (2,)),  # half-lives 1 d and 7 d
        ("shared_decay", np.float32),  # half-life 7 d
        ("young_decay", np.float32),  # half-life 7 d
        ("pressure", np.float32, (2,)),  # unusual amounts, half-lives 7 d and 30 d
        ("unusual_decay", np.float32),  # half-life 7 d
        ("unusual_first", np.uint32),  # seconds: start and end of the latest bout of unusual amounts
        ("unusual_last", np.uint32),
        ("belief", np.float64),  # that the account is taken over, after its last payment
        ("party", np.int32),  # its number in the motif state + 1 (``graph.motif_layout.PARTY``), 0 for none
        ("soft_count", np.float32),  # payments and money believed to be the owner's own
        ("soft_sum", np.float32),
        # labels, as they became known
        ("known", np.int32),
        ("frauds", np.int32),
        ("legit_since_fraud", np.int32),
        ("last_fraud", np.uint32),  # event times, in seconds
        ("last_legit", np.uint32),
        ("episode_start", np.uint32),
        ("run_start", np.uint32),  # first plain fraud since the last legitimate label
        ("run_before", np.uint32),  # the legitimate label before it
        ("run_length", np.int32),
        ("legit_count", np.int32),  # labelled legitimate as payer
        ("legit_sum", np.float32),
        ("label_day", np.int32),  # the latest day on which a label was reported
        ("label_known", np.uint16, (13,)),
        ("label_fraud", np.uint16, (13,)),
        # windows, written up to the buckets that hold ``last_seen``
        ("bucket_count", np.int32, (TOTAL_BUCKETS,)),
        ("bucket_sum", np.float32, (TOTAL_BUCKETS,)),
        ("bucket_max", np.float32, (TOTAL_BUCKETS,)),
        ("bucket_bits", np.uint32, (TOTAL_BUCKETS,)),
        # most recent transactions
        ("slot_other", np.int32, (FANOUT,)),
        ("slot_seconds", np.uint32, (FANOUT,)),
        ("slot_serial", np.uint32, (FANOUT,)),
        ("slot_hop2_count", np.uint8, (FANOUT,)),
        ("slot_message", np.int16, (FANOUT, MESSAGE_WIDTH)),
        ("slot_hop2", np.int16, (FANOUT, MESSAGE_WIDTH)),
    ],
    align=True,
)
"""All that is kept of one node, read and written in one pass."""

PAIR = np.dtype(
    [
        ("left", np.int32),  # node number + 1 of the account, 0 for an empty slot
        ("right", np.int32),
        ("last", np.int64),
        ("count", np.int32),
        ("sum", np.float32),
        ("decay", np.float32, (4,)),
    ],
    align=True,
)
"""One account with one target, device or address."""

EVENT = np.dtype(
    [
        ("kind", np.uint8),  # 0 transaction, 1 label, 2 ring mark
        ("is_fraud", np.int8),  # labels only
        ("channel", np.uint8),
        ("is_transfer", np.uint8),
        ("mcc", np.int32),  # of a ring mark, its level
        ("ends", np.int32, (4,)),
        ("time", np.int64),  # when it happened; of a label, when it became known
        ("event_time", np.int64),  # of a label, when its transaction happened
        ("amount", np.float64),
        ("latitude", np.float32),
        ("longitude", np.float32),
    ],
    align=True,
)
