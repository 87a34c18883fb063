from __future__ import annotations

import hmac
from base64 import b32encode
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraud import token_memory
from fraud.token_memory import LONGEST_REMEMBERED, TokenMemory
from fraud.tokens import Tokeniser

TOKENISER = Tokeniser(b"0123456789abcdef0123456789abcdef")
NAMES = st.one_of(
    st.sampled_from(
        ["", "a", "b", "a\0", "a b", "é", "\ud800", "x" * 24, "x" * 25, "x" * 88, "x" * 89, "x" * 300]
    ),
    st.text(st.characters(), max_size=20),
    st.text("xy", min_size=LONGEST_REMEMBERED - 2, max_size=LONGEST_REMEMBERED + 2),
)


@given(st.binary(min_size=32, max_size=100), st.text())
def test_tokens_are_hmac_sha256_in_base32(key: bytes, name: str) -> None:
    tokeniser = Tokeniser(key)
    for kind, letter in (("account", "a"), ("device", "d"), ("ip", "i")):
        digest = hmac.digest(key, f"{kind}\0{name}".encode(), "sha256")
        expected = f"{letter}_{b32encode(digest[:16]).decode().lower().rstrip('=')}"
        assert tokeniser.token(kind, name) == expected  # type: ignore[arg-type]


COLUMNS = st.lists(NAMES, max_size=12)


@given(st.lists(st.tuples(COLUMNS, COLUMNS, COLUMNS), max_size=3))
def test_remembered_tokens_are_the_computed_ones(
    batches: list[tuple[list[str], list[str], list[str]]],
) -> None:
    for accounts, devices, ips in batches:
        assert TOKENISER.batch(accounts, devices, ips) == (
            [TOKENISER.token("account", name) for name in accounts],
            [TOKENISER.token("device", name) for name in devices],
            [TOKENISER.token("ip", name) for name in ips],
        )


def token_of(kind: int, name: str) -> str:
    return f"{kind}_{name[:20]}_{len(name)}".ljust(28, ".")


def tokens_of(identifiers: Sequence[tuple[int, str]]) -> bytes:
    return "".join(token_of(kind, name) + token_memory.PADDING for kind, name in identifiers).encode()


@settings(max_examples=30)
@given(st.lists(st.lists(st.integers(0, 300), max_size=40), max_size=10))
def test_a_full_memory_forgets_and_never_mixes_up(batches: list[list[int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(token_memory, "ROWS", 16)
        memory = TokenMemory(tokens_of)
    for batch in batches:
        names = [f"n{number}" for number in batch]
        assert memory.tokens(names, names) == [token_of(kind, name) for kind in (0, 1) for name in names]


def test_what_is_remembered_is_not_computed_again() -> None:
    asked: list[tuple[int, str]] = []

    def compute(identifiers: Sequence[tuple[int, str]]) -> bytes:
        asked.extend(identifiers)
        return tokens_of(identifiers)

    memory = TokenMemory(compute)
    too_long = "x" * (LONGEST_REMEMBERED + 1)
    for _ in range(2):
        memory.tokens(["a", "x" * LONGEST_REMEMBERED], ["a", too_long])
    assert asked == [(0, "a"), (0, "x" * LONGEST_REMEMBERED), (1, "a"), (1, too_long), (1, too_long)]


def test_several_threads_get_their_own_tokens() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(token_memory, "ROWS", 1024)
        memory = TokenMemory(tokens_of)

    def ask(seed: int) -> bool:
        names = [f"n{(seed * 7919 + i * 31) % 5000}" for i in range(2000)]
        return memory.tokens(names) == [token_of(0, name) for name in names]

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(ask, range(60)))
