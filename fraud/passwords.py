"""Passwords: Argon2id hashes, what a password must be, and random ones that people can type."""

from __future__ import annotations

import secrets
import threading
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from fraud.errors import InputError

__all__ = ["check_new_password", "hash_password", "needs_rehash", "random_password", "verify_password"]

SHORTEST, LONGEST = 12, 256
SHORTEST_NAME = 4
"""Shorter names come about in passwords by chance."""
FEWEST_CHARACTERS = 5
"""Different characters that a password has at least."""

ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without what looks alike: i, l, o, 0, 1."""
GROUPS, GROUP = 5, 4

_HASHER = PasswordHasher()
"""Argon2id with the first choice of RFC 9106 that fits a server: what the library's release recommends."""

_AT_ONCE = threading.BoundedSemaphore(4)
"""Each hash takes 64 MiB: a flood of sign-ins must not take the memory of the whole house."""


def hash_password(password: str) -> str:
    """Argon2id hash as text, its salt and parameters within."""
    with _AT_ONCE:
        return _HASHER.hash(password)


def verify_password(known: str | None, password: str) -> bool:
    """Whether a password is the one hashed; takes as long where there is no hash to compare with."""
    if len(password) > LONGEST:
        password = ""
    try:
        with _AT_ONCE:
            _HASHER.verify(known or _nobodys(), password)
    except (VerificationError, InvalidHashError, UnicodeError):
        return False
    return known is not None


def needs_rehash(known: str) -> bool:
    """Whether a hash was made with weaker parameters than today's."""
    return _HASHER.check_needs_rehash(known)


def random_password() -> str:
    """Five groups of four characters, 99 bits in all."""
    groups = ("".join(secrets.choice(ALPHABET) for _ in range(GROUP)) for _ in range(GROUPS))
    return "-".join(groups)


def check_new_password(password: str, name: str) -> None:
    """Raise InputError for a password that is too short, too long, too uniform or made of the person's name.

    Nothing is asked of its kinds of characters: length counts (NIST SP 800-63B).
    """
    if len(password) < SHORTEST:
        raise InputError(f"password: needs at least {SHORTEST} characters; a few random words do well")
    if len(password) > LONGEST:
        raise InputError(f"password: may have at most {LONGEST} characters")
    if len(set(password.lower())) < FEWEST_CHARACTERS:
        raise InputError("password: repeats the same few characters; choose another")
    if len(name) >= SHORTEST_NAME and name.lower() in password.lower():
        raise InputError("password: holds your name; choose another")


@cache
def _nobodys() -> str:
    """A hash that no password has."""
    return _HASHER.hash(secrets.token_hex(16))
