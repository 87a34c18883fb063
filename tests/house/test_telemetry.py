from __future__ import annotations

import json
import logging
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud.settings import Settings
from fraud.telemetry import configure_logging, mask


def test_text_is_key_value_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Settings.load(log_level="info"))
    logging.getLogger("graph.store").info("batch stored", extra={"rows": 3, "query": 'a "b"'})
    logging.getLogger("graph.store").debug("not shown")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.endswith(' level=info logger=graph.store event="batch stored" rows=3 query="a \\"b\\""\n')


def test_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Settings.load(log_level="info", log_format="json"))
    try:
        raise ZeroDivisionError("by nought")
    except ZeroDivisionError:
        logging.getLogger("x").exception("failed", extra={"share": float("nan"), "rows": 3})
    line = json.loads(capsys.readouterr().err, parse_constant=pytest.fail)
    assert line["event"] == "failed"
    assert line["rows"] == 3
    assert "by nought" in line["traceback"]


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_secrets_are_masked(capsys: pytest.CaptureFixture[str], log_format: str) -> None:
    configure_logging(Settings.load(log_level="info", log_format=log_format))
    log = logging.getLogger("x")
    log.info("connecting to postgresql://ringfence:hush@record:5432/ringfence")
    log.info("tried password=hush, then api_key: hush")
    log.info("asked", extra={"Authorization": "hush", "url": "bolt://neo4j:hush@graph"})
    try:
        raise ValueError("bolt://neo4j:hush@graph is away")
    except ValueError:
        log.exception("away")
    err = capsys.readouterr().err
    assert "hush" not in err
    assert "ringfence:********@record:5432" in err


@given(st.text(alphabet="ABC-0123456789", min_size=1))
def test_mask_shows_two_characters_at_most(value: str) -> None:
    shown, _, length = mask(value).partition("…")
    assert shown in {"", value[:2]}
    assert length == f" ({len(value)} characters)"
    assert len(value) > 4 or shown == ""


def test_mask_is_readable() -> None:
    assert mask("ACC-000123") == "AC… (10 characters)"
    assert mask("abcd") == "… (4 characters)"


def test_a_full_disk_stops_no_work_and_is_told_afterwards(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(Settings.load(log_level="info"))
    log = logging.getLogger("full")
    with suppress(OSError), Path("/dev/full").open("w") as disk, monkeypatch.context() as full:
        full.setattr(sys, "stderr", disk)
        log.info("one")
        log.info("two")
    log.info("three")
    log.info("four")
    lines = capsys.readouterr().err.splitlines()
    assert [line.rpartition(" ")[2] for line in lines] == ["lost_lines=2", "event=four"]
