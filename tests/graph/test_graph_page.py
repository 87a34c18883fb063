from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from fraud.label import Label
from fraud.record_rows import Following
from graph.store import GraphStore
from tests.fraud.payments import ring
from tests.graph.engines import ask
from tests.graph.test_store import decided

PAGE = Path(__file__).resolve().parents[2] / "docs" / "graph.md"


def test_the_queries_of_the_page_run_on_both_engines(store: GraphStore) -> None:
    queries = re.findall(r"```cypher\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(queries) == 5
    payments = tuple(decided(i) for i in range(200))
    frauds = tuple(Label(f"t{i}", True, datetime.now(UTC)) for i in range(1, 4))
    evidence = payments[1:4]
    store.apply("main", Following(0, 1, payments, (ring(),), frauds), evidence)
    around, devices, rings, mules, known = (ask(store, query, account="a_3") for query in queries)
    assert around
    assert {row["device"] for row in devices} == {f"d_{i}" for i in range(5)}
    assert {row["member"] for row in rings} == {"a_0", "a_1", "a_2", "d_0"}
    assert isinstance(mules, list)
    assert sum(row["frauds"] for row in known) == sum(t.device_id is not None for t in evidence)
