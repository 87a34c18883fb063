from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard.canvas_style import STYLES
from dashboard.legend import STANDINGS
from fraud.errors import InputError
from fraud.ring import NodeKind
from fraud.services.neo4j import Neo4jService
from graph.arcade import ArcadeServer
from graph.marks import mark
from graph.query_library import run
from graph.retention import Open
from graph.standing import Standing
from graph.store import GraphStore
from tests.graph.engines import ask, connect, empty
from tests.graph.investigated import HUB_PAYERS, fill

STYLE = Path(__file__).resolve().parents[2] / "graph" / "queries" / "style.grass"
R1 = Open(frozenset({"R1"}), frozenset({"ann", "bob", "cid", "phone", "kiosk"}))


@pytest.fixture(scope="module")
def marked(neo4j: Neo4jService) -> Iterator[GraphStore]:
    """The handmade graph, for tests that mark it."""
    with connect(neo4j) as store:
        empty(store)
        store.prepare()
        fill(store)
        yield store


def having(store: GraphStore, label: str) -> set[str]:
    return {row["id"] for row in ask(store, f"MATCH (n:{label}) RETURN n.id AS id")}


def test_nodes_are_marked_with_their_standing(marked: GraphStore) -> None:
    counts = mark(marked, R1)
    assert counts[Standing.FLAGGED] == 5
    assert having(marked, "Flagged") == {"ann", "bob", "cid", "phone", "kiosk", "R1", "k1", "k4"}
    # Members of other rings, an address most of whose payments were held, payments that are to be reviewed.
    suspicious = {"gus", "hal", "ida", "old", "cafe", "R2", "R3", "k2", "c1", "c2", "c3"}
    assert having(marked, "Suspicious") == suspicious
    # Blocked or in review, and reported as no fraud since.
    assert having(marked, "Cleared") == {"k3"}
    assert counts[Standing.NEUTRAL] > HUB_PAYERS


def test_marks_follow_what_changes(marked: GraphStore) -> None:
    mark(marked, R1)
    mark(marked, Open(frozenset({"R2"}), frozenset({"gus"})))
    assert having(marked, "Flagged") == {"gus", "R2", "k1", "k4"}
    assert having(marked, "Suspicious") >= {"ann", "bob", "R1"}
    both = "MATCH (n:Flagged) WHERE n:Suspicious OR n:Cleared RETURN count(n) AS n"
    assert ask(marked, both) == [{"n": 0}]


def test_what_is_marked_is_read_and_written_as_before(marked: GraphStore) -> None:
    before = (
        marked.ring("R1"),
        marked.around(NodeKind.ACCOUNT, "ann"),
        run(marked, "ring_members", {"ring": "R1"}),
    )
    mark(marked, R1)
    after = (
        marked.ring("R1"),
        marked.around(NodeKind.ACCOUNT, "ann"),
        run(marked, "ring_members", {"ring": "R1"}),
    )
    for one, other in zip(before[:2], after[:2], strict=True):
        assert set(one.nodes) == set(other.nodes)
        assert set(one.edges) == set(other.edges)
    assert before[2] == after[2]


def test_marking_may_be_stopped_between_pages(marked: GraphStore) -> None:
    mark(marked, R1)
    assert not mark(marked, Open(), go_on=lambda: False)
    assert having(marked, "Flagged") >= R1.node_ids


def test_the_embedded_store_has_no_browser(arcade: ArcadeServer) -> None:
    with connect(arcade) as store, pytest.raises(InputError, match="only Neo4j has a Browser"):
        mark(store, R1)


def rules() -> dict[str, dict[str, str]]:
    """Selectors of the style with their properties, in order."""
    found = re.findall(r"([\w.]+) \{(.*?)\n\}", STYLE.read_text(), re.DOTALL)
    return {
        selector: dict(re.findall(r"^\s+([\w-]+): \"?(.*?)\"?;$", body, re.MULTILINE))
        for selector, body in found
    }


def test_colours_of_the_style_mean_what_they_mean_on_the_pages() -> None:
    style = rules()
    for standing, name in (("flagged", "Flagged"), ("suspicious", "Suspicious"), ("cleared", "Cleared")):
        fill, border = page_colours(standing)
        assert style[f"node.{name}"]["color"] == fill
        assert style[f"node.{name}"]["border-color"] == border
    for kind in ("Account", "Merchant", "Device", "IP", "Ring", "Transaction"):
        assert (style[f"node.{kind}"]["color"], style[f"node.{kind}"]["border-color"]) == page_colours(
            "neutral"
        )
    shown = [(fill, border) for _, fill, border in STANDINGS[:4]]
    assert shown == [page_colours(one) for one in ("flagged", "suspicious", "cleared", "neutral")]


def test_standings_come_after_kinds_in_the_style() -> None:
    # Of the rules that fit a node, the Browser lets the last one win.
    order = list(rules())
    assert max(
        map(order.index, (f"node.{kind}" for kind in ("Account", "Merchant", "Device", "IP", "Ring")))
    ) < min(map(order.index, ("node.Cleared", "node.Suspicious", "node.Flagged")))
    assert order.index("node.Flagged") > order.index("node.Suspicious")


def page_colours(standing: str) -> tuple[str, str]:
    fits = (one["style"] for one in STYLES["light"] if one["selector"] == f".{standing}")
    style = next(one for one in fits if "background-color" in one)
    return style["background-color"], style["border-color"]
