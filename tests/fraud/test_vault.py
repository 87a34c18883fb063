from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select, update

from fraud import audit_trail
from fraud.__main__ import main
from fraud.access import SYSTEM, Person, Role
from fraud.database import open_engine, writing
from fraud.errors import Forbidden, InputError, StoreError
from fraud.record import Record
from fraud.settings import Settings
from fraud.tokens import Tokeniser
from fraud.vault import Vault
from fraud.vault_tables import vault as table

KEY = "k" * 40
SUE = Person("sue", "Sue", Role.SUPERVISOR)


@pytest.fixture
def engine(record_url: str) -> Iterator[Engine]:
    record = Record.open(record_url)
    yield record.engine
    record.close()


def test_a_value_is_sealed_and_revealed_with_a_reason_on_the_trail(engine: Engine) -> None:
    vault = Vault(engine, KEY)
    assert vault.keep([("a_1", "DE02 1203 0000"), ("d_1", "phone")], SYSTEM) == 2
    assert vault.keep([("a_1", "another")], SYSTEM) == 0
    with engine.connect() as connection:
        sealed = [bytes(row.sealed) for row in connection.execute(select(table))]
    assert not any(b"1203" in one or b"phone" in one for one in sealed)
    assert vault.reveal("a_1", "police file 17", SUE).value == "DE02 1203 0000"
    assert vault.reveal("a_2", "police file 17", SUE).value is None
    entries = [(e.by, e.act, e.subject, e.detail) for e in audit_trail.walk(engine)][-2:]
    assert entries[0] == ("sue", "reveal", "token a_1", '{"known":true,"reason":"police file 17"}')
    assert '"known":false' in entries[1][3]
    assert "1203" not in str(entries)


def test_who_may_not_reveal_leaves_without_and_without_a_reason_nobody_may(engine: Engine) -> None:
    vault = Vault(engine, KEY)
    vault.keep([("a_1", "DE02")], SYSTEM)
    with pytest.raises(Forbidden):
        vault.reveal("a_1", "curious", Person("ann", "Ann", Role.ANALYST))
    for reason in ("", "  ", "x" * 401, "two\nlines"):
        with pytest.raises(InputError, match="reason"):
            vault.reveal("a_1", reason, SUE)
    assert [entry.act for entry in audit_trail.walk(engine)] == ["keep_values"]


def test_without_a_key_nothing_is_kept_and_it_is_said(engine: Engine) -> None:
    vault = Vault(engine, None)
    with pytest.raises(InputError, match="RINGFENCE_VAULT_KEY: not set"):
        vault.keep([("a_1", "DE02")], SYSTEM)
    assert "No personal values are kept here" in vault.reveal("a_1", "police file", SUE).words


def test_another_key_or_a_moved_row_opens_nothing(engine: Engine) -> None:
    vault = Vault(engine, KEY)
    vault.keep([("a_1", "DE02"), ("a_2", "FR76")], SYSTEM)
    with pytest.raises(StoreError, match="another key"):
        Vault(engine, "z" * 40).reveal("a_1", "why", SUE)
    with engine.connect() as connection, writing(connection):
        moved = connection.execute(select(table.c.sealed).where(table.c.token == "a_2")).scalar_one()
        connection.execute(update(table).where(table.c.token == "a_1").values(sealed=moved))
    with pytest.raises(StoreError, match="not its own"):
        vault.reveal("a_1", "why", SUE)


def test_what_is_forgotten_is_gone(engine: Engine) -> None:
    vault = Vault(engine, KEY)
    vault.keep([("a_1", "DE02")], SYSTEM)
    assert vault.forget("a_1", SYSTEM)
    assert not vault.forget("a_1", SYSTEM)
    assert vault.reveal("a_1", "why", SUE).value is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(value=st.text(st.characters(codec="utf-8"), max_size=200))
def test_any_value_comes_back_as_it_went_in(tmp_path: Path, value: str) -> None:
    url = f"sqlite:///{tmp_path}/record.sqlite3"
    Record.open(url).close()
    engine = open_engine(url)
    vault = Vault(engine, KEY)
    vault.forget("a_1", SYSTEM)
    vault.keep([("a_1", value)], SYSTEM)
    assert vault.reveal("a_1", "why", SUE).value == value
    engine.dispose()


def test_the_command_keeps_the_values_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "past.csv"
    file.write_text(
        "transaction_id,event_time,account_id,amount,merchant_id,device_id,ip\n"
        "t1,2026-01-01T00:00:00Z,alice@example,10,shop,phone-1,192.0.2.1\n"
        "t2,2026-01-01T01:00:00Z,alice@example,20,shop,,\n"
    )
    assert main(["vault", "keep", str(file)]) == 2
    assert "RINGFENCE_VAULT_KEY: not set" in capsys.readouterr().err
    monkeypatch.setenv("RINGFENCE_VAULT_KEY", KEY)
    assert main(["vault", "keep", str(file)]) == 0
    assert "3 values are new" in capsys.readouterr().out
    loaded = Settings.load()
    token = Tokeniser.from_settings(loaded).token("account", "alice@example")
    record = Record.open(loaded.database_url.get_secret_value())
    assert Vault.from_settings(record.engine, loaded).reveal(token, "why", SUE).value == "alice@example"
    record.close()
    assert main(["vault", "forget", token]) == 0
    assert "forgotten" in capsys.readouterr().out
