"""Identifiers that tell nothing: drawn at random, all of one form, whoever holds them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.world.streams import stream

__all__ = ["Names", "give_names", "transaction_names"]

_TEN_NET = 1 << 24


@dataclass(frozen=True, slots=True)
class Names:
    """Names by number of every account, merchant, device and address."""

    accounts: pa.Array
    merchants: pa.Array
    devices: pa.Array
    ips: pa.Array


def give_names(seed: int, *, accounts: int, merchants: int, devices: int, ips: int) -> Names:
    """Name everything; addresses lie in the private block 10.0.0.0/8."""
    return Names(
        accounts=_numbered(seed, "A", accounts, 9),
        merchants=_numbered(seed, "M", merchants, 7),
        devices=_numbered(seed, "D", devices, 10),
        ips=_addresses(seed, ips),
    )


def transaction_names(first: int, count: int) -> pa.Array:
    """Name transactions by their place in time, the first of them ``first``."""
    return _lettered("T", pa.array(np.arange(first, first + count)), 12)


def _numbered(seed: int, letter: str, count: int, digits: int) -> pa.Array:
    drawn = stream(seed, f"names {letter}").choice(10**digits, count, replace=False)
    return _lettered(letter, pa.array(drawn), digits)


def _lettered(letter: str, numbers: pa.Array, digits: int) -> pa.Array:
    padded = pc.utf8_lpad(pc.cast(numbers, pa.string()), digits, "0")
    return pc.binary_join_element_wise(letter, padded, "")


def _addresses(seed: int, count: int) -> pa.Array:
    drawn = stream(seed, "names ip").choice(_TEN_NET, count, replace=False)
    octets = [pc.cast(pa.array((drawn >> shift) & 255), pa.string()) for shift in (16, 8, 0)]
    return pc.binary_join_element_wise("10", *octets, ".")
