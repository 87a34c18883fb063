from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fraud.errors import InputError
from gnn.neighbourhood import EdgeTimeNeighbourhoods, Neighbourhood, ResampledNeighbourhoods
from gnn.network import EdgeSage
from gnn.subgraph import two_hop_batch
from graph.observation import FANOUT, ROLES
from tests.gnn.random_history import Replay, random_replay


def assert_same(left: Neighbourhood, right: Neighbourhood) -> None:
    for part in fields(Neighbourhood):
        np.testing.assert_array_equal(getattr(left, part.name), getattr(right, part.name), err_msg=part.name)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), events=st.integers(1, 120))
def test_gathered_history_equals_the_observation(seed: int, events: int) -> None:
    replay = random_replay(events, seed, extreme=seed % 2 == 0)
    assert_same(EdgeTimeNeighbourhoods(replay.history).gather(np.arange(events)), replay.neighbourhood())


def test_gathering_keeps_the_order_of_rows_and_takes_none() -> None:
    replay = random_replay(80)
    rows = np.array([70, 3, 3, 41])
    gathered = EdgeTimeNeighbourhoods(replay.history).gather(rows)
    np.testing.assert_array_equal(gathered.slot_hop2, replay.observation.slot_hop2[rows])
    assert len(EdgeTimeNeighbourhoods(replay.history).gather(np.empty(0, np.int64))) == 0


@pytest.mark.parametrize("row", [-1, 80])
def test_rows_outside_the_history_are_refused(row: int) -> None:
    with pytest.raises(InputError, match="event numbers"):
        EdgeTimeNeighbourhoods(random_replay(80).history).gather(np.array([row]))


def plain_resampled_sum(replay: Replay, event: int, role: int, k: int) -> tuple[np.ndarray, int]:
    sent = replay.history.slot_serial[event, role, k]
    sender = replay.ends[sent // 2, sent % 2]
    received = [
        2 * e + (1 if r == 0 else 0)
        for e in range(event)
        for r in range(len(ROLES))
        if replay.ends[e, r] == sender
    ][-FANOUT:]
    messages = replay.history.self_message
    return sum((messages[s // 2, s % 2] for s in received), np.zeros(16, np.int16)), len(received)


def test_resampled_neighbourhoods_equal_a_plain_model() -> None:
    replay = random_replay(150, seed=4)
    rows = np.arange(1, 150, 7)
    gathered = ResampledNeighbourhoods(replay.history, replay.ends, rows).gather(rows[::-1])
    for i, event in enumerate(rows[::-1]):
        for role in range(len(ROLES)):
            for k in range(int(gathered.slot_count[i, role])):
                total, count = plain_resampled_sum(replay, event, role, k)
                assert gathered.slot_hop2_count[i, role, k] == count
                np.testing.assert_array_equal(gathered.slot_hop2[i, role, k], total)


def test_resampled_neighbourhoods_know_only_the_rows_announced() -> None:
    replay = random_replay(50)
    resampled = ResampledNeighbourhoods(replay.history, replay.ends, np.array([10, 20]))
    with pytest.raises(InputError, match="not among those given"):
        resampled.gather(np.array([15]))
    with pytest.raises(InputError, match="strictly increasing"):
        ResampledNeighbourhoods(replay.history, replay.ends, np.array([20, 10]))


@pytest.mark.parametrize("extreme", [False, True])
def test_summed_hop_two_gives_what_the_true_two_hop_batch_gives(extreme: bool) -> None:
    replay = random_replay(300, seed=2, extreme=extreme)
    torch.manual_seed(0)
    network = EdgeSage().eval()
    rows = np.array([0, 1, 5, 40, 120, 299, 298, 200, 77])
    neighbourhoods = EdgeTimeNeighbourhoods(replay.history)
    network.standardise(neighbourhoods.gather(np.arange(300)))
    with torch.no_grad():
        embedding, logit = network(two_hop_batch(replay.history, rows))
        dense_embedding, dense_logit = network.forward_dense(neighbourhoods.gather(rows))
    torch.testing.assert_close(dense_embedding, embedding, atol=1e-5, rtol=0)
    torch.testing.assert_close(dense_logit, logit, atol=1e-5, rtol=0)


def test_the_batch_reaches_only_messages_from_before_the_event() -> None:
    replay = random_replay(200, seed=6)
    rows = np.array([150, 199])
    batch = two_hop_batch(replay.history, rows)
    later = replay.history.self_message.copy()
    later[151:199] += 1
    altered = two_hop_batch(
        type(replay.history)(later, replay.history.slot_serial, replay.history.slot_age), rows[:1]
    )
    alone = two_hop_batch(replay.history, rows[:1])
    for role in ROLES:
        torch.testing.assert_close(altered[f"{role}_hop2"].x, alone[f"{role}_hop2"].x)
        torch.testing.assert_close(altered[f"{role}_slot"].x, alone[f"{role}_slot"].x)
        assert batch[role].x.shape == (2, 16)
