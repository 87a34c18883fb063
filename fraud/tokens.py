"""Tokens that stand for personal identifiers: keyed, one-way, the same for the same key.

Accounts (payer and counterparty alike), devices and IP addresses are tokenised at the door, before anything is
stored or logged. Merchant and transaction identifiers are business identifiers and stay as they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Literal

from fraud.errors import SettingsError
from fraud.local_key import local_key
from fraud.settings import MINIMUM_KEY_LENGTH, Settings
from fraud.token_memory import TokenMemory

__all__ = ["KEY_FILE", "TokenKind", "Tokeniser"]

TokenKind = Literal["account", "device", "ip"]
"""What an identifier names; equal text of two kinds gives unrelated tokens."""

KEY_FILE = "token.key"
"""Name of the local key in the home folder."""

_PREFIXES: dict[TokenKind, str] = {"account": "a_", "device": "d_", "ip": "i_"}
_BATCH_KINDS: tuple[TokenKind, ...] = ("account", "device", "ip")
_BLOCK = 64
"""Bytes of a SHA-256 block, to which HMAC pads its key (RFC 2104)."""

_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [first + second for first in _BASE32 for second in _BASE32]


class Tokeniser:
    """HMAC-SHA256 under one secret key, cut to 128 bits: ``a_`` and 26 characters of lower-case base32."""

    def __init__(self, key: bytes) -> None:
        if len(key) < MINIMUM_KEY_LENGTH:
            raise SettingsError(f"token key: needs at least {MINIMUM_KEY_LENGTH} bytes, got {len(key)}")
        padded = (hashlib.sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
        # The two halves of HMAC, with the key taken in once: copies of them cost a quarter of a whole HMAC.
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded))
        self.memory = TokenMemory(lambda kind, value: self.token(_BATCH_KINDS[kind], value))

    @classmethod
    def from_settings(cls, settings: Settings) -> Tokeniser:
        """Takes the key of the settings, or in local mode the one kept in the home folder (made on first use).

        Raises SettingsError in production without a key, or where the local key is open to other users.
        """
        if settings.token_key is not None:
            return cls(settings.token_key.get_secret_value().strip().encode())
        if settings.environment == "production":
            raise SettingsError("RINGFENCE_TOKEN_KEY: required in production")
        return cls(local_key(settings.home / KEY_FILE))

    def __repr__(self) -> str:
        return "Tokeniser(key=********)"

    def token(self, kind: TokenKind, value: str) -> str:
        """The token of one identifier, worked out afresh."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(f"{kind}\0{value}".encode("utf-8", "surrogatepass"))
        outer.update(inner.digest())
        return _PREFIXES[kind] + _base32(outer.digest())

    def batch(
        self, accounts: list[str], devices: list[str], ips: list[str]
    ) -> tuple[list[str], list[str], list[str]]:
        """Tokens of the identifiers of a micro-batch, remembered from batch to batch: the quickest way to many."""
        found = self.memory.tokens(accounts, devices, ips)
        first, second = len(accounts), len(accounts) + len(devices)
        return found[:first], found[first:second], found[second:]

    def tokens(self, kind: TokenKind, values: Iterable[str | None]) -> list[str | None]:
        """Tokens of a whole column in its order, each distinct identifier hashed once; None stays None."""
        column = list(values)
        known: dict[str | None, str | None] = {
            value: self.token(kind, value) for value in set(column) if value is not None
        }
        return [known.get(value) for value in column]


def _base32(digest: bytes) -> str:
    """The first 128 bits in base32 (RFC 4648), lower case without padding: 26 characters, two at a time."""
    high, low = divmod(int.from_bytes(digest[:16], "big") << 2, 1 << 60)
    p = _PAIRS
    return (
        f"{p[high >> 60]}{p[high >> 50 & 1023]}{p[high >> 40 & 1023]}{p[high >> 30 & 1023]}"
        f"{p[high >> 20 & 1023]}{p[high >> 10 & 1023]}{p[high & 1023]}{p[low >> 50]}{p[low >> 40 & 1023]}"
        f"{p[low >> 30 & 1023]}{p[low >> 20 & 1023]}{p[low >> 10 & 1023]}{p[low & 1023]}"
    )
