"""The page's examples are what the commands print."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from fraud.__main__ import main
from fraud.services.neo4j import Neo4jService
from graph.query_library import library
from tests.graph.engines import connect, empty
from tests.graph.investigated import fill

PAGE = Path(__file__).resolve().parents[2] / "docs" / "investigating.md"
EXAMPLE = re.compile(r"```\n\$ python -m fraud ([^\n]*)\n(.*?)```", re.DOTALL)


def test_the_page_shows_what_each_question_answers(
    neo4j: Neo4jService, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with connect(neo4j) as store:
        empty(store)
        store.prepare()
        fill(store)
    monkeypatch.setenv("RINGFENCE_GRAPH__URI", neo4j.address)
    monkeypatch.setenv("RINGFENCE_GRAPH__PASSWORD", neo4j.password)
    asked = []
    for words, shown in (match.groups() for match in EXAMPLE.finditer(PAGE.read_text())):
        assert main(shlex.split(words)) == 0
        printed = [line.rstrip() for line in capsys.readouterr().out.splitlines() if line.strip()]
        assert printed == shown.splitlines(), words
        asked.append(words.split()[2])
    assert sorted(asked) == sorted(library())


def test_the_page_tells_each_question() -> None:
    page = " ".join(PAGE.read_text().split())
    for query in library().values():
        assert f"**{query.title}** `{query.name}` {query.question}" in page, query.name
        assert query.neo4j_only is None or f"Neo4j only: {query.neo4j_only}" in page
