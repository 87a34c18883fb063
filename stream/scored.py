"""What workers tell the ring desk: suspicions with their place in the ledger, and how far the worker has come."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from fraud.errors import StoreError
from stream.suspicion import Suspicion

__all__ = ["PlacedSuspicion", "ScoredMessage", "decode_scored", "encode_scored"]


class PlacedSuspicion(NamedTuple):
    """A suspicion, and the place of its transaction in the order of all: ledger entry, then source offset."""

    ledger: int
    offset: int
    suspicion: Suspicion


class ScoredMessage(msgspec.Struct, frozen=True):
    """All suspicions of some partitions below a ledger offset have been told when this message has been read."""

    upto: int
    """Ledger offset."""
    partitions: list[int]
    """Partitions of the transactions topic that this is said of."""
    suspicions: list[PlacedSuspicion] = []
    """New ones, in ledger order; after a crash some may be told again."""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(ScoredMessage)


def encode_scored(message: ScoredMessage) -> bytes:
    """As a message of the topic of scored transactions."""
    return _encoder.encode(message)


def decode_scored(content: bytes) -> ScoredMessage:
    """From a message of that topic, which only workers write; raises StoreError when it cannot be read."""
    try:
        return _decoder.decode(content)
    except msgspec.DecodeError as error:
        raise StoreError(
            f"scored: unreadable message ({error}); run the release that wrote it, or a newer one"
        ) from error
