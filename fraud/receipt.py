"""Receipts: everything that went into a score, kept so that the score can be made again.

A receipt holds arrays by name, one row of ``graph.observation.Observation`` each, and never a pickle.
Receipts are encoded by the batch: neighbouring rows share their header and compress together, and a batch is
what the scorer hands over anyway. Layout of an encoded batch::

    b"RFR2" | crc32 of all that follows, u32 | length of the content, u64 | content, compressed with Zstandard
    content = length of the header, u32 | header, JSON | arrays one after another, raw little-endian, C order
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import pyarrow
from numpy.typing import NDArray

from fraud.decision import Reason
from fraud.errors import InputError, StoreError

__all__ = ["Receipt", "ReceiptBatch"]

MAGIC = b"RFR2"
PREFIX = struct.Struct("<4sIQ")
LENGTH = struct.Struct("<Q")
LONGEST = 1 << 30
CODEC = pyarrow.Codec("zstd", compression_level=-3)
"""Level -3 takes half the time of level 1 on receipts, for a quarter more bytes."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What one transaction was scored from.

    ``arrays`` holds ``features`` [F] and the sampled subgraph under the field names of ``Observation``,
    without the leading axis; ``thresholds`` are the scores from which review and block begin.
    """

    transaction_id: str
    score: float
    reasons: tuple[Reason, ...]
    model_version: str
    feature_hash: str
    thresholds: Mapping[str, float]
    arrays: Mapping[str, NDArray[Any]]

    def to_bytes(self) -> bytes:
        """Encode as a batch of one."""
        return ReceiptBatch(
            transaction_ids=(self.transaction_id,),
            scores=np.array([self.score]),
            reasons=(self.reasons,),
            model_version=self.model_version,
            feature_hash=self.feature_hash,
            thresholds=self.thresholds,
            arrays={name: array[None] for name, array in self.arrays.items()},
        ).to_bytes()

    @classmethod
    def from_bytes(cls, blob: bytes) -> Receipt:
        """Decode a batch of one; raises StoreError when it is damaged or holds another number of receipts."""
        batch = ReceiptBatch.from_bytes(blob)
        if len(batch) != 1:
            raise StoreError(f"receipt: expected one receipt, found {len(batch)}; read it with ReceiptBatch")
        return batch.row(0)


@dataclass(frozen=True, slots=True)
class ReceiptBatch:
    """Receipts of n transactions scored together by one model; every array has n rows."""

    transaction_ids: Sequence[str]
    scores: NDArray[np.float64]
    reasons: Sequence[tuple[Reason, ...]]
    model_version: str
    feature_hash: str
    thresholds: Mapping[str, float]
    arrays: Mapping[str, NDArray[Any]]

    def __post_init__(self) -> None:
        """Refuse parts of unequal length and arrays that have no portable bytes."""
        n = len(self.transaction_ids)
        parts: dict[str, Any] = {"scores": self.scores, "reasons": self.reasons, **self.arrays}
        for name, part in parts.items():
            if len(part) != n:
                raise InputError(f"receipt {name}: {len(part)} rows for {n} transactions; give one row each")
        for name, array in self.arrays.items():
            if array.dtype.kind not in "biuf":
                raise InputError(
                    f"receipt {name}: dtype {array.dtype} has no portable bytes; use a number type"
                )

    def __len__(self) -> int:
        return len(self.transaction_ids)

    def row(self, i: int) -> Receipt:
        """The receipt of the i-th transaction; its arrays are views."""
        return Receipt(
            transaction_id=self.transaction_ids[i],
            score=float(self.scores[i]),
            reasons=self.reasons[i],
            model_version=self.model_version,
            feature_hash=self.feature_hash,
            thresholds=self.thresholds,
            arrays={name: array[i] for name, array in self.arrays.items()},
        )

    def take(self, rows: Sequence[int]) -> ReceiptBatch:
        """Only the named rows, in the order given."""
        index = np.asarray(rows, dtype=np.int64)
        return ReceiptBatch(
            transaction_ids=[self.transaction_ids[i] for i in rows],
            scores=self.scores[index],
            reasons=[self.reasons[i] for i in rows],
            model_version=self.model_version,
            feature_hash=self.feature_hash,
            thresholds=self.thresholds,
            arrays={name: array[index] for name, array in self.arrays.items()},
        )

    def to_bytes(self) -> bytes:
        """Encode; the same batch always gives the same bytes."""
        arrays = {name: _portable(array) for name, array in self.arrays.items()}
        header = msgspec.json.encode(
            _Header(
                transaction_ids=list(self.transaction_ids),
                reasons={str(i): reasons for i, reasons in enumerate(self.reasons) if reasons},
                model_version=self.model_version,
                feature_hash=self.feature_hash,
                thresholds=dict(self.thresholds),
                arrays=[_ArrayHeader(name, array.dtype.str, array.shape) for name, array in arrays.items()],
            )
        )
        scores = np.ascontiguousarray(self.scores, dtype="<f8")
        content = b"".join(
            (
                struct.pack("<I", len(header)),
                header,
                scores.data,
                *(a.data for a in arrays.values()),
            )
        )
        checked: bytes = LENGTH.pack(len(content)) + CODEC.compress(content, asbytes=True)
        return PREFIX.pack(MAGIC, zlib.crc32(checked), len(content)) + checked[LENGTH.size :]

    @classmethod
    def from_bytes(cls, blob: bytes) -> ReceiptBatch:
        """Decode; the arrays are read-only. Raises StoreError when the bytes are damaged or of another format."""
        content = _content(blob)
        try:
            (length,) = struct.unpack_from("<I", content)
            header = msgspec.json.decode(content[4 : 4 + length], type=_Header)
            reader = _ArrayReader(content, 4 + length)
            scores = reader.read("<f8", (len(header.transaction_ids),))
            arrays = {a.name: reader.read(a.dtype, a.shape) for a in header.arrays}
        except (struct.error, msgspec.MsgspecError, ValueError, TypeError) as error:
            raise StoreError(
                f"receipt: unreadable header or arrays ({error}); restore it from a backup"
            ) from error
        return cls(
            transaction_ids=header.transaction_ids,
            scores=scores,
            reasons=[header.reasons.get(str(i), ()) for i in range(len(header.transaction_ids))],
            model_version=header.model_version,
            feature_hash=header.feature_hash,
            thresholds=header.thresholds,
            arrays=arrays,
        )


class _ArrayHeader(msgspec.Struct, array_like=True):
    name: str
    dtype: str
    shape: tuple[int, ...]


class _Header(msgspec.Struct):
    transaction_ids: list[str]
    reasons: dict[str, tuple[Reason, ...]]
    model_version: str
    feature_hash: str
    thresholds: dict[str, float]
    arrays: list[_ArrayHeader]


class _ArrayReader:
    """Takes arrays one after another out of a content."""

    def __init__(self, content: bytes, start: int) -> None:
        self.content = content
        self.position = start

    def read(self, dtype: str, shape: tuple[int, ...]) -> NDArray[Any]:
        """The next array; raises ValueError when the content ends before it does."""
        kind = np.dtype(dtype)
        if kind.kind not in "biuf":
            raise ValueError(f"dtype {dtype}")
        count = math.prod(shape)
        array = np.frombuffer(self.content, kind, count, self.position).reshape(shape)
        self.position += count * kind.itemsize
        return array


def _portable(array: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))


def _content(blob: bytes) -> bytes:
    if len(blob) < PREFIX.size:
        raise StoreError(f"receipt: {len(blob)} bytes are too few; restore it from a backup")
    magic, checksum, length = PREFIX.unpack_from(blob)
    if magic != MAGIC or length > LONGEST:
        raise StoreError(f"receipt: format mark {magic!r}, length {length}: not a receipt of this version")
    if zlib.crc32(memoryview(blob)[PREFIX.size - LENGTH.size :]) != checksum:
        raise StoreError("receipt: checksum differs; the bytes are damaged, restore them from a backup")
    try:
        content: bytes = CODEC.decompress(blob[PREFIX.size :], decompressed_size=length, asbytes=True)
    except (OSError, ValueError) as error:
        raise StoreError(f"receipt: cannot be decompressed ({error}); restore it from a backup") from error
    return content
