from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from fraud.__main__ import main
from fraud.services.neo4j import Neo4jService
from fraud.settings import Settings
from graph.arcade import ArcadeServer
from graph.query_command import show_rows
from graph.query_library import library
from tests.graph.engines import connect, empty
from tests.graph.investigated import fill


@pytest.fixture(scope="module")
def filled(neo4j: Neo4jService) -> Iterator[Neo4jService]:
    """A Neo4j with the handmade graph."""
    with connect(neo4j) as store:
        empty(store)
        store.prepare()
        fill(store)
    yield neo4j


@pytest.fixture
def asked(filled: Neo4jService, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings that lead to it."""
    monkeypatch.setenv("RINGFENCE_GRAPH__URI", filled.address)
    monkeypatch.setenv("RINGFENCE_GRAPH__PASSWORD", filled.password)


def test_a_question_is_answered_with_a_table(asked: None, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "graph",
        "query",
        "account_activity",
        "--param",
        "account=ann",
        "--param",
        "since=2026-03-11T06:00",
    ]
    assert main([*words, "--param", "limit=2"]) == 0
    shown = capsys.readouterr()
    assert [line.split() for line in shown.out.splitlines() if line.strip()][2:] == [
        ["2026-03-11", "00:00:00", "2026-03-11", "07:12:00", "paid", "Merchant", "kiosk", "2", "230"],
        ["2026-03-11", "00:00:00", "2026-03-11", "07:12:00", "used", "Device", "phone", "2", "230"],
    ]
    assert shown.err == ""


def test_nothing_found_is_said(asked: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["graph", "query", "device_sharers", "--param", "device=unheard"]) == 0
    assert capsys.readouterr().out == "no rows: nothing in the graph answers this\n"


def test_asking_needs_no_record(asked: None) -> None:
    assert main(["graph", "query", "rings_at_risk"]) == 0
    assert not Settings.load().home.exists()


def test_the_library_is_listed_without_a_store(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["graph", "queries"]) == 0
    shown = capsys.readouterr().out
    assert all(f" {name} " in shown for name in library())
    assert main(["graph", "queries", "shortest_path"]) == 0
    shown = capsys.readouterr().out
    assert "How are two accounts tied?" in shown
    assert "Neo4j only" in shown
    assert "must be given" in shown
    assert "shortestPath(" in shown


def test_the_embedded_store_answers_too(
    arcade: ArcadeServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with connect(arcade) as store:
        empty(store)
        store.prepare()
        fill(store)
    assert arcade.endpoint is not None
    monkeypatch.setenv("RINGFENCE_GRAPH__URI", arcade.endpoint.uri)
    monkeypatch.setenv("RINGFENCE_GRAPH__USER", "root")
    monkeypatch.setenv("RINGFENCE_GRAPH__DATABASE", "ringfence")
    monkeypatch.setenv("RINGFENCE_GRAPH__PASSWORD", (arcade.folder / "password").read_text())
    assert main(["graph", "query", "fan_in_collectors"]) == 0
    assert "mule" in capsys.readouterr().out
    assert main(["graph", "query", "shortest_path", "--param", "source=ann", "--param", "target=hal"]) == 2
    assert "shortest_path: Neo4j only: ArcadeDB" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["query"], "which one?"),
        (["query", "device_sharer"], "did you mean device_sharers"),
        (["queries", "nothing_like_it"], "no query 'nothing_like_it'"),
        (["query", "device_sharers"], "device must be given (The device)"),
        (["query", "device_sharers", "--param", "device"], "--param 'device': give name=value"),
        (["query", "device_sharers", "--param", "device=a", "--param", "device=b"], "device: given twice"),
        (
            ["query", "device_sharers", "--param", "device=a", "--param", "limit=many"],
            "limit: 'many' is no whole",
        ),
        (["status", "device_sharers"], "only with queries or query"),
        (["queries", "--param", "device=a"], "--param: only with query"),
        (["query", "rings_at_risk", "--once"], "--once: only with follow"),
    ],
)
def test_what_is_wrong_ends_with_2(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["graph", *words]) == 2
    shown = capsys.readouterr()
    assert told in shown.err
    assert shown.err.count("\n") == 1
    assert shown.out == ""


def test_ids_from_outside_cannot_write_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows([{"merchant": "\x1b[31mred[/bold]\r\n", "amount": 1.5}])
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "·[31mred[/bold]··" in shown


def test_a_pipe_gets_whole_lines(asked: None) -> None:
    command = [sys.executable, "-m", "fraud", "graph", "query", "ring_members", "--param", "ring=R1"]
    shown = subprocess.run(command, env=os.environ, capture_output=True, text=True, check=True).stdout
    assert "colluding merchant" in shown
    assert len(shown.strip().splitlines()) == 2 + 5
