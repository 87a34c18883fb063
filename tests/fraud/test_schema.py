from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Engine, Integer, MetaData, Table, inspect, text

from fraud import schema_upgrade
from fraud.database import open_engine, writing
from fraud.errors import StoreError
from fraud.record import Record
from fraud.record_hashes import id_hashes, id_name_hashes, name_hashes
from fraud.record_tables import ROW_BITS, since_epoch
from fraud.schema import HEAD, REVISIONS
from fraud.schema_upgrade import differences, revision, upgrade
from tests.fraud.payments import decision, transaction


@pytest.fixture
def engine(record_url: str) -> Iterator[Engine]:
    engine = open_engine(record_url)
    yield engine
    engine.dispose()


def execute(engine: Engine, *statements: str) -> None:
    with engine.connect() as connection, writing(connection):
        for statement in statements:
            connection.execute(text(statement))


def as_before_revisions(engine: Engine, version: int) -> None:
    """The record as the release before revisions made it: the first revision's tables, and a version."""
    upgrade(engine, REVISIONS[0])
    with engine.connect() as connection, writing(connection):
        connection.execute(text("DROP TABLE alembic_version"))
        old = Table("schema_version", MetaData(), Column("version", Integer, primary_key=True))
        old.create(connection)
        connection.execute(old.insert().values(version=version))


def triggers(engine: Engine) -> set[str]:
    query = (
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        if engine.dialect.name == "sqlite"
        else "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"
    )
    with engine.connect() as connection:
        return set(connection.execute(text(query)).scalars())


def test_the_scripts_are_the_revisions_in_their_order() -> None:
    config = Config()
    config.set_main_option("script_location", str(schema_upgrade.MIGRATIONS))
    scripts = ScriptDirectory.from_config(config)
    assert tuple(reversed([script.revision for script in scripts.walk_revisions()])) == REVISIONS
    assert scripts.get_current_head() == HEAD


def test_the_scripts_make_the_tables_that_a_fresh_record_has(
    engine: Engine, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    upgrade(engine, REVISIONS[0])
    assert upgrade(engine) == REVISIONS[0]
    assert differences(engine) == []
    on_sqlite = engine.dialect.name == "sqlite"
    url = (
        f"sqlite:///{tmp_path}/fresh.sqlite3"
        if on_sqlite
        else request.getfixturevalue("postgres").new_database()
    )
    fresh = Record.open(url)
    assert triggers(engine) == triggers(fresh.engine)
    assert set(inspect(engine).get_table_names()) == set(inspect(fresh.engine).get_table_names())
    fresh.close()


def test_a_difference_is_seen(engine: Engine) -> None:
    upgrade(engine)
    execute(engine, "DROP INDEX labels_by_batch", "ALTER TABLE runs ADD COLUMN mood INTEGER")
    found = differences(engine)
    assert len(found) == 2
    assert any("mood" in one for one in found)


def test_tables_of_others_are_no_difference(engine: Engine) -> None:
    upgrade(engine)
    execute(engine, "CREATE TABLE api_keys (prefix INTEGER)")
    assert differences(engine) == []


def test_a_fresh_record_is_up_to_date(record_url: str, engine: Engine) -> None:
    Record.open(record_url).close()
    assert revision(engine) == HEAD
    assert upgrade(engine) == HEAD
    assert differences(engine) == []


def test_a_record_from_before_revisions_is_refused_until_it_is_upgraded(
    record_url: str, engine: Engine
) -> None:
    as_before_revisions(engine, 3)
    execute(engine, "INSERT INTO streams (stream, batch_id) VALUES ('main', 7)")
    with pytest.raises(StoreError, match="database upgrade"):
        Record.open(record_url)
    assert upgrade(engine) == REVISIONS[0]
    assert differences(engine) == []
    assert not inspect(engine).has_table("schema_version")
    record = Record.open(record_url)
    assert record.streams() == {"main": 7}
    record.close()


def test_names_of_an_earlier_record_are_found_after_it_is_upgraded(record_url: str, engine: Engine) -> None:
    """Three eras of two streams, of which the newest of each stream go on."""
    upgrade(engine, "0007_vault")
    old, eras = MetaData(), {1: ("a", range(600)), 2: ("b", range(600, 620)), 3: ("a", range(620, 640))}
    with engine.connect() as connection, writing(connection):
        old.reflect(connection)
        for era, (stream, rows) in eras.items():
            kept = [transaction(i) for i in rows]
            times = [since_epoch(one.event_time) for one in kept]
            hashes = id_hashes([one.transaction_id for one in kept])
            batch = {
                "stream": stream,
                "transactions": len(kept),
                "id_hashes": hashes.tobytes(),
            }
            connection.execute(old.tables["batches"].insert(), batch)
            extent = {"transactions": len(kept), "earliest": times[0], "latest": times[-1]}
            connection.execute(old.tables["eras"].insert(), {"era": era, "stream": stream, **extent})
            for row_id, one in enumerate(kept, era << ROW_BITS):
                values = {"event_time": since_epoch(one.event_time), "row_id": row_id}
                values = {**msgspec.structs.asdict(one), **values}
                connection.execute(old.tables["transactions"].insert(), values)
                ends = [name for name in (one.account_id, one.merchant_id, one.device_id, one.ip) if name]
                found = {
                    *name_hashes(ends).tolist(),
                    *id_name_hashes(id_hashes([one.transaction_id])).tolist(),
                }
                connection.execute(
                    old.tables["mentions"].insert(),
                    [{"era": era, "name_hash": name, "row_id": row_id} for name in found],
                )
    assert upgrade(engine) == "0007_vault"
    assert differences(engine) == []
    record = Record.open(record_url)
    more = [transaction(i) for i in range(640, 650)]
    record.write_batch(more, [decision(i) for i in range(640, 650)], stream="a")
    for node in ("shop1", "d_2"):
        at = [
            f"t{i}"
            for i in reversed(range(650))
            if node in (transaction(i).merchant_id, transaction(i).device_id)
        ]
        assert [one.transaction_id for one in record.transactions_around(node, limit=1_000)] == at
    asked = record.transactions(f"t{i}" for i in range(0, 700, 7))
    assert len(asked) == len(range(0, 650, 7))
    with engine.connect() as connection:
        parts = connection.execute(text("SELECT era, parts FROM eras ORDER BY era")).all()
        assert [tuple(row) for row in parts] == [(1, 0), (2, 1), (3, 2)]
    record.close()


def test_a_record_of_a_version_that_no_script_knows_is_refused(engine: Engine) -> None:
    as_before_revisions(engine, 2)
    with pytest.raises(StoreError, match="version 2, upgrades begin at 3"):
        upgrade(engine)
    assert revision(engine) is None


def test_a_record_of_a_later_release_is_refused(record_url: str, engine: Engine) -> None:
    upgrade(engine)
    execute(engine, "UPDATE alembic_version SET version_num = '9999_later'")
    for act in (lambda: Record.open(record_url), lambda: upgrade(engine)):
        with pytest.raises(StoreError, match="9999_later is not known"):
            act()


def test_a_failing_upgrade_changes_nothing(engine: Engine) -> None:
    as_before_revisions(engine, 3)
    execute(engine, "CREATE TABLE alembic_version (unlike INTEGER)")
    with pytest.raises(StoreError):
        upgrade(engine)
    assert inspect(engine).has_table("schema_version")


def test_the_command(tmp_path: Path) -> None:
    def run(action: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "RINGFENCE_HOME": str(tmp_path / "home")}
        words = [sys.executable, "-m", "fraud", "database", action]
        return subprocess.run(words, capture_output=True, text=True, env=environment, check=False)

    assert run("check").returncode == 1
    assert run("upgrade").stdout == f"no tables → {HEAD}\n"
    assert run("upgrade").stdout == f"{HEAD}: up to date already\n"
    assert run("current").stdout == f"record {HEAD}, this release reads {HEAD}\n"
    assert run("check").returncode == 0
