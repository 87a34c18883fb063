from __future__ import annotations

import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud.errors import SettingsError
from fraud.settings import Settings
from fraud.tokens import KEY_FILE, Tokeniser, TokenKind

KEY = b"0123456789abcdef0123456789abcdef"
KINDS = st.sampled_from(["account", "device", "ip"])
VALUES = st.text(st.characters(), min_size=1)
"""Lone surrogates too: JSON can carry them."""


def test_known_tokens_never_change() -> None:
    # Stored tokens must be met again by every later version. These were made with openssl and base32.
    tokeniser = Tokeniser(KEY)
    assert tokeniser.token("account", "A-1") == "a_ohfje6d7h6goxc57lw52ihjrri"
    assert tokeniser.token("device", "A-1") == "d_xf7qah4kbtgs5b7rvoaaaenry4"
    assert tokeniser.token("ip", "192.0.2.1") == "i_vqvn35l2drunuxrfecjqctcxfa"


@given(kind=KINDS, value=VALUES)
def test_token_has_its_form_and_hides_its_value(kind: TokenKind, value: str) -> None:
    token = Tokeniser(KEY).token(kind, value)
    assert re.fullmatch(r"[adi]_[a-z2-7]{26}", token)
    assert token == Tokeniser(KEY).token(kind, value)
    assert token != Tokeniser(KEY[::-1]).token(kind, value)


@given(st.lists(st.tuples(KINDS, VALUES), unique=True, max_size=20))
def test_different_identifiers_get_different_tokens(identifiers: list[tuple[TokenKind, str]]) -> None:
    tokeniser = Tokeniser(KEY)
    bodies = [tokeniser.token(kind, value)[2:] for kind, value in identifiers]
    assert len(set(bodies)) == len(identifiers)


@given(kind=KINDS, values=st.lists(st.none() | st.sampled_from(["x", "y", "é", "x\0y"])))
def test_column_equals_one_by_one(kind: TokenKind, values: list[str | None]) -> None:
    tokeniser = Tokeniser(KEY)
    assert tokeniser.tokens(kind, values) == [v if v is None else tokeniser.token(kind, v) for v in values]


def test_key_is_not_shown() -> None:
    assert KEY.decode() not in repr(Tokeniser(KEY))


def test_short_key_is_refused() -> None:
    with pytest.raises(SettingsError, match="at least 32 bytes, got 5"):
        Tokeniser(b"short")


def test_local_key_is_made_once_and_private(tmp_path: Path) -> None:
    settings = Settings.load(home=tmp_path / "new" / "home")
    first = Tokeniser.from_settings(settings).token("account", "x")
    file = settings.home / KEY_FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert Tokeniser.from_settings(settings).token("account", "x") == first
    assert [path.name for path in settings.home.iterdir()] == [KEY_FILE]
    moved = Settings.load(token_key=file.read_text())
    assert Tokeniser.from_settings(moved).token("account", "x") == first


def test_key_open_to_others_is_refused(tmp_path: Path) -> None:
    settings = Settings.load(home=tmp_path)
    Tokeniser.from_settings(settings)
    (tmp_path / KEY_FILE).chmod(0o640)
    with pytest.raises(SettingsError, match="chmod 600"):
        Tokeniser.from_settings(settings)


def test_damaged_key_is_refused(tmp_path: Path) -> None:
    file = tmp_path / KEY_FILE
    file.write_text("")
    file.chmod(0o600)
    with pytest.raises(SettingsError, match="damaged key"):
        Tokeniser.from_settings(Settings.load(home=tmp_path))


def test_production_takes_no_local_key(tmp_path: Path) -> None:
    local = Settings.load(home=tmp_path)
    Tokeniser.from_settings(local)
    with pytest.raises(SettingsError, match="RINGFENCE_TOKEN_KEY: required in production"):
        Settings.load(home=tmp_path, environment="production")


def test_processes_starting_at_once_agree_on_the_key(tmp_path: Path) -> None:
    program = (
        "from fraud.settings import Settings; from fraud.tokens import Tokeniser;"
        f"print(Tokeniser.from_settings(Settings.load(home={str(tmp_path)!r})).token('ip', 'x'))"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    tokens = {process.communicate()[0] for process in running}
    assert [process.returncode for process in running] == [0] * 4
    assert len(tokens) == 1
