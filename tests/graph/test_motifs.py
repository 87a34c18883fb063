from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from graph.features import FEATURE_NAMES, MOTIF_NAMES
from graph.finding import Finding, FindingKind
from graph.kernels.motif_cycles import MOST_CYCLES
from graph.kernels.motif_fans import REACH
from graph.layout import ACCOUNT
from graph.motif_layout import MOST_SHOWN, PATTERN_KINDS, Census
from graph.motifs import LATENESS, WINDOW, MotifState
from graph.observation import Observation
from graph.online import OnlineGraph
from tests.graph.slow_motifs import Pattern, SlowMotifs
from tests.graph.streams import DAY, HOUR, SECOND, Raw, assert_same_bits, to_events

TODAY = 20_000 * DAY
AMOUNTS = (100.0, 97.0, 95.0, 90.5, 81.0, 40.0)
GAPS = (1, SECOND, 7 * 60 * SECOND, HOUR, 9 * HOUR, 2 * DAY, 6 * DAY)


def transfer(time: int, payer: str, payee: str, amount: float = 100.0) -> Raw:
    return Raw(TODAY + time, payer, payee, is_transfer=True, amount=amount)


def motif_row(seen: Observation, row: int) -> dict[str, float]:
    first = FEATURE_NAMES.index(MOTIF_NAMES[0])
    return dict(zip(MOTIF_NAMES, seen.features[row, first:].tolist(), strict=True))


def patterns(seen: Observation, row: int) -> list[Pattern]:
    start, stop = seen.found.spans[row].tolist()
    held = seen.found.patterns[start:stop]
    return [
        (PATTERN_KINDS[one["kind"]], int(one["size"]), frozenset(finding.accounts))
        for one, finding in zip(held, seen.found.findings(row), strict=True)
    ]


@st.composite
def transfers(draw: st.DrawFn, *, accounts: int = 6, late: bool = True, longest: int = 45) -> list[Raw]:
    stream: list[Raw] = []
    now = 0
    for _ in range(draw(st.integers(0, longest))):
        now += draw(st.sampled_from(GAPS))
        behind = (
            draw(st.sampled_from((0, 0, 0, 0, 90 * SECOND, LATENESS, LATENESS + 1, 2 * DAY))) if late else 0
        )
        payer, payee = draw(st.tuples(*[st.integers(0, accounts - 1)] * 2))
        stream.append(transfer(now - behind, f"a_{payer}", f"a_{payee}", draw(st.sampled_from(AMOUNTS))))
    return stream


@settings(max_examples=120, deadline=None)
@given(transfers())
def test_patterns_equal_those_of_networkx_after_every_event(stream: list[Raw]) -> None:
    slow = SlowMotifs()
    graph = OnlineGraph(memory_budget=1 << 22)
    seen = graph.observe(to_events(stream))
    for row, raw in enumerate(stream):
        wanted = Counter(slow.insert(raw))
        cycles = [one for one in wanted.elements() if one[0] is FindingKind.CYCLE]
        got = Counter(patterns(seen, row))
        if len(cycles) > 3:  # only so many are shown
            shown = Counter({one: n for one, n in got.items() if one[0] is FindingKind.CYCLE})
            assert shown.total() == 3
            assert shown <= wanted
            got, wanted = got - shown, wanted - Counter(cycles)
        assert got == wanted, row
    assert graph.motifs.late == slow.late
    assert graph.motifs.dropped == 0


WHO_PAYS_THEMSELVES_LATER = [
    transfer(0, "a_0", "a_1", 100.0),
    transfer(HOUR, "a_4", "a_1", 100.0),
    transfer(8 * DAY, "a_3", "a_1", 100.0),
    transfer(WINDOW + LATENESS, "a_0", "a_0", 100.0),
    transfer(12 * DAY, "a_2", "a_1", 100.0),
]


@settings(max_examples=80, deadline=None)
@given(transfers())
@example(WHO_PAYS_THEMSELVES_LATER)
def test_every_transfer_of_a_finding_is_one_that_was_made_within_the_window(stream: list[Raw]) -> None:
    seen = OnlineGraph(memory_budget=1 << 22).observe(to_events(stream))
    for row, raw in enumerate(stream):
        made = {(x.account, x.target, x.time, x.amount) for x in stream[: row + 1]}
        # Who pays themselves moves no window.
        clock = max((x.time for x in stream[: row + 1] if x.account != x.target), default=0)
        for finding in seen.found.findings(row):
            assert {tuple(edge) for edge in finding.edges} <= made
            assert [edge.time for edge in finding.edges] == sorted(edge.time for edge in finding.edges)
            assert all(clock - WINDOW - LATENESS < edge.time <= clock for edge in finding.edges)
            assert {raw.account, raw.target} & set(finding.accounts)
            assert finding.centre is None or finding.centre in finding.accounts
            assert 0 <= finding.strength <= 1


def cycles_of(findings: Sequence[Finding]) -> set[tuple[tuple[str, str, int, float], ...]]:
    return {tuple(one.edges) for one in findings if one.kind is FindingKind.CYCLE}


@settings(max_examples=80, deadline=None)
@given(transfers(late=False, accounts=5, longest=30), st.randoms(use_true_random=False))
def test_cycles_out_of_order_within_the_lateness_are_those_in_order(
    stream: list[Raw], chance: random.Random
) -> None:
    """Each is found when its last transfer arrives, whichever that is."""
    shuffled = sorted(stream, key=lambda raw: raw.time + chance.randrange(LATENESS))
    found = []
    for order in (stream, shuffled):
        graph = OnlineGraph(memory_budget=1 << 22)
        seen = graph.observe(to_events(order))
        assert graph.motifs.late == 0
        told = [seen.found.findings(row) for row in range(len(order))]
        most = max([sum(one.kind is FindingKind.CYCLE for one in findings) for findings in told], default=0)
        found.append((most, {cycle for findings in told for cycle in cycles_of(findings)}))
    (most, in_order), (most_shuffled, out_of_order) = found
    if max(most, most_shuffled) < 3:  # beyond that not all of them are told
        assert out_of_order == in_order


@settings(max_examples=60, deadline=None)
@given(transfers(late=False, longest=40), st.randoms(use_true_random=False))
def test_features_out_of_order_are_those_of_the_transfers_known_then(
    stream: list[Raw], chance: random.Random
) -> None:
    """The last transfer of a shuffled hour sees what it would have seen in order."""
    if not stream:
        return
    last = transfer(stream[-1].time - TODAY + LATENESS, "a_0", "a_1")
    shuffled = sorted(stream, key=lambda raw: raw.time + chance.randrange(LATENESS))
    rows = []
    for order in (stream, shuffled):
        seen = OnlineGraph(memory_budget=1 << 22).observe(to_events([*order, last]))
        row = motif_row(seen, len(order))
        rows.append(
            [row[name] for name in MOTIF_NAMES if "fan_" in name or "cycle_" in name or "gather_" in name]
        )
    np.testing.assert_allclose(rows[0], rows[1], rtol=1e-6)


def test_a_transfer_that_is_too_late_is_counted_and_kept_out() -> None:
    stream = [transfer(0, "a", "b"), transfer(DAY, "c", "d"), transfer(DAY - LATENESS - 1, "b", "a")]
    graph = OnlineGraph()
    seen = graph.observe(to_events(stream))
    assert graph.motifs.late == 1
    assert np.isnan(motif_row(seen, 2)["account_fan_out_1d"])
    after = graph.observe(to_events([transfer(DAY + 1, "b", "c")]))
    assert motif_row(after, 0)["account_fan_out_14d"] == 1


@pytest.mark.parametrize("length", range(2, 11))
def test_cycles_of_three_to_eight_transfers_count(length: int) -> None:
    stream = [transfer(i * HOUR, f"a_{i}", f"a_{(i + 1) % length}", 100.0 * 0.97**i) for i in range(length)]
    seen = OnlineGraph().observe(to_events(stream))
    row = motif_row(seen, length - 1)
    assert row["cycles_closed"] == (3 <= length <= 8)
    if 3 <= length <= 8:
        assert (row["cycle_length"], row["cycle_hours"]) == (length, length - 1)
        (cycle,) = [f for f in seen.found.findings(length - 1) if f.kind is FindingKind.CYCLE]
        assert cycle.strength == pytest.approx(0.97 ** (length - 1))
        assert [edge.source for edge in cycle.edges] == [f"a_{i}" for i in range(length)]


@pytest.mark.parametrize(
    ("amounts", "closes"),
    [((100, 99, 98), 1), ((100, 79, 78), 0), ((100, 101, 100), 0), ((100, 100, 100), 1)],
)
def test_money_goes_round_only_so_far_as_it_is_the_same_money(
    amounts: tuple[float, ...], closes: int
) -> None:
    stream = [transfer(i, f"a_{i}", f"a_{(i + 1) % 3}", amount) for i, amount in enumerate(amounts)]
    assert motif_row(OnlineGraph().observe(to_events(stream)), 2)["cycles_closed"] == closes


def test_a_cycle_must_fit_into_the_window_and_come_in_order() -> None:
    wide = [transfer(0, "a", "b"), transfer(1, "b", "c"), transfer(WINDOW, "c", "a")]
    assert motif_row(OnlineGraph().observe(to_events(wide)), 2)["cycles_closed"] == 0
    wrong = [transfer(1, "b", "c"), transfer(2, "a", "b"), transfer(3, "c", "a")]
    assert motif_row(OnlineGraph().observe(to_events(wrong)), 2)["cycles_closed"] == 0


def test_a_graph_may_be_told_to_look_within_a_longer_window() -> None:
    slow = [transfer(30 * DAY * leg, f"a_{leg}", f"a_{(leg + 1) % 3}") for leg in range(3)]
    for window, found in ((WINDOW, 0), (90 * DAY, 1)):
        seen = OnlineGraph(memory_budget=1 << 22, motif_window=window).observe(to_events(slow))
        assert len(cycles_of(seen.found.findings(2))) == found


def test_scattered_money_that_meets_again_is_found_with_all_its_legs() -> None:
    scatter = [transfer(i, "source", f"m{i}", 100.0 + i) for i in range(5)]
    gather = [transfer(HOUR + i, f"m{i}", "sink", 95.0 + i) for i in range(5)]
    seen = OnlineGraph().observe(to_events([*scatter, *gather]))
    assert [motif_row(seen, 5 + i)["scatter_gather_width"] for i in range(5)] == [0, 2, 3, 4, 5]
    (found,) = [f for f in seen.found.findings(9) if f.kind is FindingKind.SCATTER_GATHER]
    assert found.centre == "sink"
    assert set(found.accounts) == {"source", "sink", *(f"m{i}" for i in range(5))}
    assert len(found.edges) == 10


def test_a_hub_is_looked_at_no_further_than_its_bound() -> None:
    graph = OnlineGraph()
    count = 3 * REACH
    graph.observe(to_events([transfer(i, f"a_{i}", "hub") for i in range(count)]))
    seen = graph.observe(to_events([transfer(count, "a_new", "hub")]))
    assert motif_row(seen, 0)["target_fan_in_14d"] == REACH
    (fan,) = seen.found.findings(0)
    assert fan.centre == "hub"
    assert len(fan.edges) == MOST_SHOWN
    assert fan.edges[-1].source == "a_new"


def test_a_search_that_grows_too_large_is_cut_off_and_counted() -> None:
    """Everybody pays everybody the same all the time."""
    chance = random.Random(7)  # noqa: S311
    stream = [transfer(i, *(f"a_{x}" for x in chance.sample(range(12), 2))) for i in range(600)]
    graph = OnlineGraph()
    seen = graph.observe(to_events(stream))
    assert graph.motifs.truncated > 0
    closed = [motif_row(seen, row)["cycles_closed"] for row in range(600)]
    assert max(closed) == MOST_CYCLES


def test_where_room_is_short_the_oldest_transfers_go_first() -> None:
    graph = OnlineGraph(memory_budget=0)
    room = int(graph.motifs.arrays.census[Census.RING])
    graph.observe(to_events([transfer(i, f"a_{i % 7}", f"b_{i % 5}") for i in range(room + 10)]))
    assert graph.motifs.dropped == 10


def test_the_ring_of_transfers_grows_in_place_and_shrinks_in_use() -> None:
    graph = OnlineGraph()
    ring = int(graph.motifs.arrays.census[Census.RING])
    stream = [transfer(i, f"a_{i % 50}", f"a_{(i * 7 + 1) % 50}") for i in range(3 * ring)]
    seen = graph.observe(to_events(stream), neighbourhoods=False)
    assert graph.motifs.arrays.census[Census.RING] == 4 * ring
    assert graph.motifs.dropped == 0
    slow = SlowMotifs()
    for raw in stream[-200:]:
        slow.insert(raw)
    assert motif_row(seen, 3 * ring - 1)["account_fan_out_14d"] > 0
    graph.observe(to_events([transfer(40 * DAY, "a_0", "a_1")]))
    census = graph.motifs.arrays.census
    assert census[Census.HEAD] - census[Census.TAIL] == 1


def test_a_forgotten_account_leaves_its_transfers_and_its_name_behind() -> None:
    graph = OnlineGraph(retention_days=1)
    graph.observe(to_events([transfer(0, "gone", "b"), transfer(1, "b", "c", 99.0)]))
    later = DAY + 12 * HOUR
    graph.observe(to_events([Raw(TODAY + 23 * HOUR, "b", "shop"), Raw(TODAY + later, "z", "shop")]))
    assert graph.index.find(ACCOUNT, "gone") == -1
    seen = graph.observe(to_events([transfer(later + 1 + i, f"n{i}", "b", 7.0) for i in range(3)]))
    (fan,) = seen.found.findings(2)
    assert set(fan.accounts) == {"b", "gone", "n0", "n1", "n2"}
    back = graph.observe(to_events([transfer(later + 9, "c", "gone", 98.0)]))
    assert motif_row(back, 0)["cycles_closed"] == 0, "who comes back is somebody new"


def test_purchases_have_no_motifs_but_those_of_the_payers_past() -> None:
    ring = [transfer(i, f"a_{i}", f"a_{(i + 1) % 3}") for i in range(3)]
    seen = OnlineGraph().observe(
        to_events([*ring, Raw(TODAY + 9, "a_1", "shop"), Raw(TODAY + 9, "z", "shop")])
    )
    bought, other = motif_row(seen, 3), motif_row(seen, 4)
    assert bought["account_cycles_30d"] == pytest.approx(1.0)
    assert {name for name, x in bought.items() if not np.isnan(x)} == {
        "account_cycles_30d", "account_days_since_cycle", "account_gathers_30d",
    }  # fmt: skip
    assert all(np.isnan(x) for x in other.values())
    assert MotifState(64, 64).memory() == 0


def test_taking_rows_takes_their_findings() -> None:
    chance = random.Random(3)  # noqa: S311
    stream = [transfer(i * 60, *(f"a_{x}" for x in chance.sample(range(9), 2))) for i in range(80)]
    seen = OnlineGraph().observe(to_events(stream))
    rows = np.array([79, 3, 3, 40, 61])
    taken = seen.take(rows)
    assert [taken.found.findings(i) for i in range(5)] == [seen.found.findings(row) for row in rows.tolist()]
    assert_same_bits(taken.take(np.array([0, 4])), seen.take(np.array([79, 61])))
    assert seen.take(np.array([], dtype=np.int64)).found.spans.shape == (0, 2)
