"""Names of nodes as bytes: packed for the kernels, 32 bytes each, and told again from them."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ACCOUNT",
    "DEVICE",
    "IP",
    "MERCHANT",
    "NAME_BYTES",
    "PAYEE",
    "WORDS",
    "kind_of_name",
    "pack_names",
    "unpack_name",
]

WORDS = 4
"""64-bit words of a name."""

NAME_BYTES = 8 * WORDS
LONGEST = NAME_BYTES - 2
"""Bytes of a name kept as it is; a longer one keeps its first half, and a digest of all of it for the other."""

PADDING = bytes(8)
"""In memory behind the last name: kernels read words, beyond its end too."""

LENGTH_BITS = 31
"""Of a packed name's last byte, those that tell its length; the others tell its kind."""

KIND_SHIFT = 5
ACCOUNT, MERCHANT, DEVICE, IP, PAYEE = 0, 1, 2, 3, 4
"""Kinds of node."""


def pack_names(names: list[str]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The bytes of all names together, and how many each has; an empty name stands for none."""
    text = "".join(names)
    sizes = list(map(len, names))
    if text.isascii() and max(sizes, default=0) <= LONGEST:
        return _padded(text.encode("ascii")), _bytes(bytearray(sizes))
    kept = [_shorten(name) for name in names]
    return _padded(b"".join(kept)), _bytes(bytearray(map(len, kept)))


def _padded(content: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(bytearray(content + PADDING), dtype=np.uint8)[: len(content)]


def _bytes(content: bytearray) -> NDArray[np.uint8]:
    return np.frombuffer(content, dtype=np.uint8)


def _shorten(name: str) -> bytes:
    content = name.encode("utf-8", "surrogatepass")
    if len(content) <= LONGEST:
        return content
    return content[: NAME_BYTES // 2 - 1] + hashlib.blake2b(content, digest_size=NAME_BYTES // 2).digest()


def unpack_name(words: NDArray[np.uint64]) -> str:
    """The text of a packed name [4]; of one too long to be kept, its beginning and its digest in hexadecimal."""
    content = words.tobytes()
    length = content[-1] & LENGTH_BITS
    if length <= LONGEST:
        return content[:length].decode("utf-8", "surrogatepass")
    begin = NAME_BYTES // 2 - 1
    return content[:begin].decode("utf-8", "replace") + "…" + content[begin:length].hex()


def kind_of_name(words: NDArray[np.uint64]) -> int:
    """The kind of node, that a packed name [4] is of."""
    return words.tobytes()[-1] >> KIND_SHIFT
