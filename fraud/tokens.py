"""Tokens that stand for personal identifiers: keyed, one-way, the same for the same key.

Accounts (payer and counterparty alike), devices and IP addresses are tokenised at the door, before anything is
stored or logged. Merchant and transaction identifiers are business identifiers and stay as they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np

from fraud.compiled import kernel
from fraud.errors import SettingsError
from fraud.local_key import local_key
from fraud.settings import MINIMUM_KEY_LENGTH, Settings
from fraud.token_memory import PADDING, TOKEN_BYTES, TokenMemory

__all__ = ["KEY_FILE", "TokenKind", "Tokeniser"]

TokenKind = Literal["account", "device", "ip"]
"""What an identifier names; equal text of two kinds gives unrelated tokens."""

KEY_FILE = "token.key"
"""Name of the local key in the home folder."""

_KINDS: tuple[TokenKind, ...] = ("account", "device", "ip")
_LETTERS = np.frombuffer(b"adi", dtype=np.uint8)
"""What tokens of each kind begin with, before an underscore."""
UNDERSCORE = ord("_")
_BLOCK = 64
"""Bytes of a SHA-256 block, to which HMAC pads its key (RFC 2104)."""

_BASE32 = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz234567", dtype=np.uint8)
_DIGEST = 16
"""Bytes of an HMAC that a token tells."""


class Tokeniser:
    """HMAC-SHA256 under one secret key, cut to 128 bits: ``a_`` and 26 characters of lower-case base32."""

    def __init__(self, key: bytes) -> None:
        if len(key) < MINIMUM_KEY_LENGTH:
            raise SettingsError(f"token key: needs at least {MINIMUM_KEY_LENGTH} bytes, got {len(key)}")
        padded = (hashlib.sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
        # The two halves of HMAC, with the key taken in once: copies of them cost a quarter of a whole HMAC.
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded))
        self.memory = TokenMemory(self._compute)

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
        return self._compute([(_KINDS.index(kind), value)])[:TOKEN_BYTES].decode()

    def _compute(self, identifiers: Sequence[tuple[int, str]]) -> bytes:
        """Tokens of identifiers (number of the kind, text), each padded as ``fraud.token_memory`` keeps it."""
        digests = bytearray()
        for kind, value in identifiers:
            inner, outer = self._inner.copy(), self._outer.copy()
            inner.update(f"{_KINDS[kind]}\0{value}".encode("utf-8", "surrogatepass"))
            outer.update(inner.digest())
            digests += outer.digest()[:_DIGEST]
        tokens = bytearray(PADDING * (8 * len(identifiers)), "ascii")
        kinds = bytearray(kind for kind, _ in identifiers)
        _write_tokens(*(np.frombuffer(part, dtype=np.uint8) for part in (digests, kinds, tokens)))
        return bytes(tokens)

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
        distinct = [value for value in dict.fromkeys(column) if value is not None]
        tokens = self._compute([(_KINDS.index(kind), value) for value in distinct]).decode().split(PADDING)
        known: dict[str | None, str | None] = dict(zip(distinct, tokens, strict=False))
        return [known.get(value) for value in column]


@kernel
def _write_tokens(digests: Any, kinds: Any, tokens: Any) -> None:
    """Write each digest's bits in base32 (RFC 4648), lower case without padding, behind the letter of its kind."""
    width = len(tokens) // len(kinds) if len(kinds) > 0 else 0
    for i in range(len(kinds)):
        at = i * width
        tokens[at], tokens[at + 1] = _LETTERS[kinds[i]], UNDERSCORE
        at += 2
        held = bits = 0
        for k in range(_DIGEST * i, _DIGEST * (i + 1)):
            held = (held << 8 | digests[k]) & 0xFFFF
            bits += 8
            while bits >= 5:
                bits -= 5
                tokens[at] = _BASE32[held >> bits & 31]
                at += 1
        tokens[at] = _BASE32[held << 5 - bits & 31]
