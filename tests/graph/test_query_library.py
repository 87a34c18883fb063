from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud.errors import InputError
from fraud.services.neo4j import Neo4jService
from graph.arcade import ArcadeServer
from graph.query_library import Parameter, ParameterKind, library, named, run
from graph.store import GraphStore
from tests.graph.engines import ask, connect, empty
from tests.graph.investigated import HUB_PAYERS, at, fill

EVIL = (
    "x'}) DETACH DELETE n //",
    "' OR true OR '",
    "$limit",
    "`) MATCH (n) DETACH DELETE n RETURN (`",
    "x\\' UNION MATCH (n) DETACH DELETE n //",
)


@pytest.fixture(scope="module", params=["neo4j", "arcade"])
def investigated(request: pytest.FixtureRequest) -> Iterator[GraphStore]:
    """The handmade graph, on each engine in turn; nobody changes it."""
    engine: ArcadeServer | Neo4jService = request.getfixturevalue(request.param)
    with connect(engine) as store:
        empty(store)
        store.prepare()
        fill(store)
        yield store


def answered(store: GraphStore, name: str, **given: object) -> list[tuple[Any, ...]]:
    """Rows of a query as tuples; where the embedded store cannot answer it, the test says so and is skipped."""
    if store.is_embedded() and (why := named(name).neo4j_only):
        with pytest.raises(InputError, match="Neo4j only"):
            run(store, name, given)
        pytest.skip(f"ArcadeDB cannot answer {name}: {why}")
    return [tuple(row.values()) for row in run(store, name, given)]


@pytest.mark.slow
def test_who_shares_a_device(investigated: GraphStore) -> None:
    assert answered(investigated, "device_sharers", device="phone") == [
        ("ann", 2, 230.0, at(10.0), at(10.3), 4, 2, 0.97, ["R1"]),
        ("bob", 1, 110.0, at(10.1), at(10.1), 1, 1, 0.8, ["R1"]),
        ("cid", 1, 120.0, at(10.2), at(10.2), 2, 1, 0.7, ["R1"]),
    ]
    assert answered(investigated, "device_sharers", device="unheard") == []
    assert len(answered(investigated, "device_sharers", device="terminal", limit=500)) == HUB_PAYERS + 4
    assert len(answered(investigated, "device_sharers", device="terminal", fan_out=30)) == 30


def test_who_shares_an_address(investigated: GraphStore) -> None:
    assert answered(investigated, "address_sharers", ip="cafe") == [
        ("ann", 1, 100.0, at(10.0), at(10.0), 4, 2, 0.97, ["R1"]),
        ("bob", 1, 110.0, at(10.1), at(10.1), 1, 1, 0.8, ["R1"]),
        ("dora", 1, 8.0, at(10.4), at(10.4), 1, 0, 0.01, []),
    ]


def test_the_shortest_path_keeps_off_busy_nodes(investigated: GraphStore) -> None:
    assert answered(investigated, "shortest_path", source="bob", target="hal") == [
        (1, "bob", "PAID →", "Merchant", "kiosk", 1, 110.0, at(10.1), at(10.1)),
        (2, "kiosk", "← PAID", "Account", "gus", 1, 500.0, at(13.3), at(13.3)),
        (3, "gus", "PAID →", "Account", "hal", 1, 1000.0, at(12.0), at(12.0)),
    ]
    # Both bought at the hub, from the hub device, at the hub address; round it, it is three steps.
    over_hub = answered(investigated, "shortest_path", source="ann", target="ida", busiest=10_000)
    assert [row[0] for row in over_hub] == [1, 2]
    assert over_hub[0][4] in {"hub", "terminal", "office"}
    round_hub = answered(investigated, "shortest_path", source="ann", target="ida")
    assert [row[4] for row in round_hub] == ["kiosk", "gus", "ida"]
    assert answered(investigated, "shortest_path", source="ann", target="zoe") == []


def test_money_that_comes_back(investigated: GraphStore) -> None:
    expected = (3, ["gus", "hal", "ida", "gus"], 1000.0, 900.0, at(12.0), at(13.0))
    assert answered(investigated, "money_round_trips", account="gus") == [expected]
    # Begun elsewhere, the same round could not follow in time.
    assert answered(investigated, "money_round_trips", account="hal") == []
    ida = (3, ["ida", "kim", "jon", "ida"], 990.0, 990.0, at(5.0), at(14.0))
    assert answered(investigated, "money_round_trips", account="ida") == [ida]
    assert answered(investigated, "money_round_trips", account="kim") == []
    assert answered(investigated, "money_round_trips", account="gus", share=0.96) == []


def test_where_the_money_went(investigated: GraphStore) -> None:
    to_hal = (1, "gus", "Account", "hal", 1, 1000.0, at(12.0), at(12.0))
    to_kiosk = (1, "gus", "Merchant", "kiosk", 1, 500.0, at(13.3), at(13.3))
    to_bakery = (1, "gus", "Merchant", "bakery", 1, 21.0, at(11.1), at(11.1))
    on_to_ida = (2, "hal", "Account", "ida", 1, 950.0, at(12.5), at(12.5))
    back = (3, "ida", "Account", "gus", 1, 900.0, at(13.0), at(13.0))
    everything = [to_hal, to_kiosk, to_bakery, on_to_ida, back]
    assert answered(investigated, "money_trail", account="gus") == everything
    later = answered(investigated, "money_trail", account="gus", since="2026-03-13")
    assert later == [to_hal, to_kiosk, on_to_ida, back]
    small = (2, "hal", "Account", "lea", 1, 15.0, at(13.2), at(13.2))
    assert answered(investigated, "money_trail", account="gus", share=0.01) == [*everything[:4], small, back]


def test_what_goes_through_several(investigated: GraphStore) -> None:
    assert answered(investigated, "scatter_gather", source="source", target="sink") == [
        ("m2", 310.0, 300.0, at(20.0), at(20.6), 0),
        ("m1", 300.0, 290.0, at(20.0), at(20.5), 0),
    ]
    assert answered(investigated, "scatter_gather", source="sink", target="source") == []


def test_what_an_account_did(investigated: GraphStore) -> None:
    window = {"account": "ann", "since": "2026-03-11T06:00:00Z", "until": "2026-03-12T00:00:00+01:00"}
    assert answered(investigated, "account_activity", **window) == [
        (at(10.0), at(10.3), "paid", "Merchant", "kiosk", 2, 230.0, None),
        (at(10.0), at(10.3), "used", "Device", "phone", 2, 230.0, None),
        (at(10.3), at(10.3), "transaction k4", "Merchant", "kiosk", 1, 130.0, "block"),
        (at(10.5), at(10.5), "paid", "Account", "emil", 1, 55.0, None),
    ]
    mule = answered(investigated, "account_activity", account="mule", since="2026-03-29T22:00")
    assert mule == [(at(29.0), at(29.0), "paid", "Account", "boss", 1, 480.0, None)]
    paid_by = [row[4] for row in answered(investigated, "account_activity", account="mule") if "by" in row[2]]
    assert paid_by == ["old", *(f"giver{n}" for n in range(6))]


def test_which_rings_matter_most(investigated: GraphStore) -> None:
    assert answered(investigated, "rings_at_risk", since="2026-03-05") == [
        ("R2", "cycle", "suppressed", 0.6, 1710.0, 2850.0, 3, at(13.0), at(13.0)),
        ("R1", "shared_device", "open", 0.9, 400.5, 460.0, 3, at(10.2), at(10.3)),
    ]


def test_who_is_in_a_ring(investigated: GraphStore) -> None:
    assert answered(investigated, "ring_members", ring="R1") == [
        ("ann", "Account", "organiser", 0.97, at(10.0), 2, ["PAID kiosk ×2", "USES phone ×2"]),
        ("phone", "Device", "shared device", 0.9, at(10.1), 4, []),
        ("kiosk", "Merchant", "colluding merchant", 0.85, at(10.2), 4, []),
        ("bob", "Account", "mule", 0.8, at(10.1), 1, ["PAID kiosk ×1", "USES phone ×1"]),
        ("cid", "Account", "mule", 0.7, at(10.2), 1, ["PAID kiosk ×1", "USES phone ×1"]),
    ]


def test_how_a_ring_formed(investigated: GraphStore) -> None:
    assert answered(investigated, "ring_timeline", ring="R2") == [
        (at(12.0), "joined as organiser", "gus", None, None),
        (at(12.0), "paid, review", "gus", "hal", 1000.0),
        (at(12.5), "joined as mule", "hal", None, None),
        (at(12.5), "paid, review", "hal", "ida", 950.0),
        (at(13.0), "first alert", None, None, None),
        (at(13.0), "founded: money came back after three payments", "gus, hal, ida", None, None),
        (at(13.0), "joined as mule", "ida", None, None),
        (at(13.0), "last seen", None, None, 2850.0),
        (at(13.0), "paid, review", "ida", "gus", 900.0),
        (at(13.3), "joined as colluding merchant", "kiosk", None, None),
        (at(15.0), "suppressed: a savings club", "kay", None, None),
    ]


def test_devices_of_several_rings(investigated: GraphStore) -> None:
    tablet = ("tablet", ["R1", "R2"], ["cid", "gus"], 2, 0)
    assert answered(investigated, "devices_across_rings") == [tablet]
    terminal = ("terminal", ["R1", "R2"], ["ann", "ida"], HUB_PAYERS + 4, 0)
    assert answered(investigated, "devices_across_rings", busiest=1_000) == [tablet, terminal]


def test_rings_with_a_member_in_common(investigated: GraphStore) -> None:
    assert answered(investigated, "connected_rings") == [
        ("R1", "shared_device", "R2", "cycle", ["kiosk"], 3310.0)
    ]


def test_who_is_one_step_from_confirmed_fraud(investigated: GraphStore) -> None:
    assert answered(investigated, "near_confirmed_fraud") == [
        ("bob", 2, ["ann: shares cafe, shares phone"], 1, 1, 0.8, at(21.0)),
        ("cid", 2, ["ann: shares phone"], 2, 1, 0.7, at(21.0)),
        ("dora", 2, ["ann: shares cafe"], 1, 0, 0.01, at(21.0)),
        ("emil", 2, ["ann: was paid"], 2, 0, 0.01, at(21.0)),
    ]
    # Who only bought at the same hub is near when the guard is lifted.
    lifted = answered(investigated, "near_confirmed_fraud", busiest=1_000, fan_out=1_000, limit=1_000)
    assert {row[0] for row in lifted} >= {"zoe", "buyer0", f"buyer{HUB_PAYERS - 1}"}


def test_where_new_accounts_go(investigated: GraphStore) -> None:
    # The newest time is day 29. Since day 26 seven; in the 27 days before one, so 0.04 a day.
    assert answered(investigated, "merchants_with_new_accounts") == [("rush", 7, 2.33, 0.04, 301.0, 0, 8)]
    both = answered(investigated, "merchants_with_new_accounts", least=2, times=1.0)
    assert both == [("rush", 7, 2.33, 0.04, 301.0, 0, 8), ("bakery", 2, 0.67, 0.11, 18.0, 0, 5)]
    # Of all days nothing is sudden at the hub: it had 400 new accounts, but not lately.
    assert not [row for row in both if row[0] == "hub"]


def test_who_collects_lately(investigated: GraphStore) -> None:
    # The old friend, who paid before as well, is none of the new payers.
    assert answered(investigated, "fan_in_collectors") == [("mule", 6, 615.0, 480.0, at(28.0), at(28.5), 0)]
    assert answered(investigated, "fan_in_collectors", days=0.6) == []
    assert answered(investigated, "fan_in_collectors", least=7) == []


def test_who_pays_many_lately(investigated: GraphStore) -> None:
    assert answered(investigated, "fan_out_payers") == [("spender", 5, 550.0, 700.0, at(28.2), at(28.6), 0)]


def test_what_is_given_is_never_cypher(investigated: GraphStore) -> None:
    before = (investigated.counts(), investigated.totals())
    for query in library().values():
        texts = [one.name for one in query.parameters if one.kind is ParameterKind.TEXT]
        if not texts or (query.neo4j_only and investigated.is_embedded()):
            continue
        for evil in EVIL:
            assert run(investigated, query.name, dict.fromkeys(texts, evil)) == [], (query.name, evil)
        for name in (one.name for one in query.parameters if one.name not in texts):
            with pytest.raises(InputError, match=f"{name}: "):
                run(investigated, query.name, dict.fromkeys(texts, "ann") | {name: EVIL[0]})
    assert (investigated.counts(), investigated.totals()) == before


def test_the_library_only_reads() -> None:
    for query in library().values():
        assert not re.search(
            r"\b(create|merge|set|delete|remove|drop|load|foreach|call\s+\w+)\b", query.text, re.IGNORECASE
        ), query.name


def test_all_queries_say_what_they_are_and_are_bounded() -> None:
    assert len(library()) == 16
    for query in library().values():
        assert query.title.endswith("?"), query.name
        assert query.question.endswith("."), query.name
        used = set(re.findall(r"\$([a-z_]+)", query.text))
        assert used == {one.name for one in query.parameters}, query.name
        assert all(one.meaning for one in query.parameters), query.name
        assert query.name == "shortest_path" or "limit" in used, query.name
        assert query.text.count("AS picture") == 1, query.name


def test_a_hub_costs_what_its_fan_out_costs(investigated: GraphStore) -> None:
    """By the number of touches of the store that Neo4j itself counts; without bounds they go with the hub's size."""
    if investigated.is_embedded():
        pytest.skip("ArcadeDB does not count its touches over Bolt")
    about = {
        "device_sharers": {"device": "terminal"},
        "address_sharers": {"ip": "office"},
        "shortest_path": {"source": "ann", "target": "zoe"},
        "money_trail": {"account": "ann"},
        "money_round_trips": {"account": "ann"},
        "account_activity": {"account": "ann"},
        "ring_members": {"ring": "R1"},
        "near_confirmed_fraud": {},
        "devices_across_rings": {},
    }
    for name, wanted in about.items():
        query = named(name)
        least = {one.name for one in query.parameters} & {"fan_out"}
        values = query.values(wanted | dict.fromkeys(least, 10))
        with investigated.driver.session(database=investigated.database) as session:
            summary = session.run("PROFILE " + query.text, values).consume()  # type: ignore[arg-type]
        assert summary.profile is not None
        assert touches(summary.profile) < 3 * HUB_PAYERS, name


def touches(plan: dict[str, Any]) -> int:
    return plan["args"].get("DbHits", 0) + sum(map(touches, plan.get("children", ())))


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("device_sharer", {}, "no query 'device_sharer'; did you mean device_sharers"),
        ("zzz", {}, "graph queries` lists them"),
        ("device_sharers", {}, "device_sharers: device must be given"),
        ("device_sharers", {"device": ""}, "device: '' is no text of 1 to 200 characters"),
        ("device_sharers", {"device": "x" * 201}, "is no text"),
        ("device_sharers", {"device": 7}, "device: '7' is no text"),
        ("device_sharers", {"device": "d", "limits": 3}, "no parameter 'limits'; it has device, fan_out, limit"),
        ("device_sharers", {"device": "d", "limit": "-1"}, "limit: '-1' is no whole number of 0 or more"),
        ("device_sharers", {"device": "d", "limit": "1.5"}, "limit: '1.5' is no whole number"),
        ("device_sharers", {"device": "d", "limit": True}, "limit: 'True' is no whole number"),
        ("device_sharers", {"device": "d", "limit": 2**70}, "is no whole number"),
        ("fan_in_collectors", {"days": "nan"}, "days: 'nan' is no number"),
        ("money_trail", {"account": "a", "since": "yesterday"}, "since: 'yesterday' is no time such as 2026"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(name: str, given: dict[str, object], told: str) -> None:
    with pytest.raises(InputError) as caught:
        named(name).values(given)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


@given(
    st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.none(), st.binary(), st.datetimes())
)
def test_any_value_is_read_or_refused(given: object) -> None:
    types = {
        ParameterKind.TEXT: str,
        ParameterKind.WHOLE_NUMBER: int,
        ParameterKind.NUMBER: float,
        ParameterKind.MOMENT: datetime,
    }
    for kind, type_ in types.items():
        try:
            value = Parameter("p", "", kind, None).value(given)
        except InputError as error:
            assert str(error).startswith("p: ")
        else:
            assert type(value) is type_


def test_times_are_in_utc() -> None:
    since = Parameter("since", "", ParameterKind.MOMENT, None)
    half_past_nine = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    assert since.value("2026-03-01T09:30") == half_past_nine
    assert since.value("2026-03-01T10:30:00+01:00") == half_past_nine
    assert named("money_trail").values({"account": "a"})["since"] == datetime(1970, 1, 1, tzinfo=UTC)


def test_the_embedded_store_says_what_it_cannot_answer() -> None:
    assert [query.name for query in library().values() if query.neo4j_only] == ["shortest_path"]


def test_nothing_of_the_picture_is_in_the_rows(investigated: GraphStore) -> None:
    assert "picture" not in run(investigated, "rings_at_risk")[0]
    drawn = ask(investigated, named("rings_at_risk").text, **named("rings_at_risk").values({}))
    assert "picture" in drawn[0]
