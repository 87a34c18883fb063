"""Hashes by which the record finds names; whoever finds by them compares the names themselves."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

__all__ = ["id_hashes", "id_name_hashes", "name_hashes"]


def id_hashes(transaction_ids: Iterable[str]) -> NDArray[np.int64]:
    """64 bits of BLAKE2b a transaction id: even among a thousand million ids, two that share one are rare."""
    blake2b = hashlib.blake2b
    digests = [blake2b(one.encode(), digest_size=8).digest() for one in transaction_ids]
    return np.frombuffer(b"".join(digests), "<i8")


def id_name_hashes(hashes: NDArray[np.int64]) -> NDArray[np.int32]:
    """The name hashes of transaction ids, from their ``id_hashes``."""
    return hashes.astype(np.int32)


def name_hashes(names: Iterable[str]) -> NDArray[np.int32]:
    """CRC-32 of the names of accounts, merchants, devices and addresses."""
    crc32 = zlib.crc32
    return np.array([crc32(name.encode()) for name in names], dtype=np.uint32).view(np.int32)
