from __future__ import annotations

import itertools
from dataclasses import fields

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fraud.errors import InputError
from gnn.layout import EMBEDDING
from gnn.neighbourhood import EdgeTimeNeighbourhoods, Neighbourhood
from gnn.network import EdgeSage
from gnn.serving import SageKernel, embed_history
from gnn.subgraph import two_hop_batch
from gnn.weights import SageWeights
from graph.observation import FANOUT, MESSAGE_WIDTH, ROLES
from tests.gnn.random_history import Replay, random_replay

EVENTS = 600


@pytest.fixture(scope="module")
def replay() -> Replay:
    return random_replay(EVENTS, seed=1)


@pytest.fixture(scope="module")
def weights(replay: Replay) -> SageWeights:
    return lively_weights(replay)


def lively_weights(replay: Replay) -> SageWeights:
    """Untrained weights, but with every bias and the vectors of absent ends away from zero."""
    torch.manual_seed(3)
    network = EdgeSage()
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim == 1 or parameter is network.absent:
                parameter.normal_(0.0, 0.5)
    network.standardise(replay.neighbourhood())
    return network.to_weights()


def part(whole: Neighbourhood, rows: NDArray[np.int64] | slice) -> Neighbourhood:
    return Neighbourhood(*(getattr(whole, f.name)[rows] for f in fields(Neighbourhood)))


def assert_equals_pyg(replay: Replay, weights: SageWeights) -> None:
    rows = np.arange(len(replay.history))
    embedding, logit = SageKernel(weights).embed(replay.observation)
    with torch.no_grad():
        expected, expected_logit = EdgeSage.from_weights(weights)(two_hop_batch(replay.history, rows))
    np.testing.assert_allclose(embedding, expected.numpy(), atol=1e-5, rtol=0)
    np.testing.assert_allclose(logit, expected_logit.numpy(), atol=1e-5, rtol=0)


@pytest.mark.parametrize("seed", [1, 5])
@pytest.mark.parametrize("extreme", [False, True])
def test_kernel_equals_pyg(weights: SageWeights, seed: int, extreme: bool) -> None:
    replay = random_replay(EVENTS, seed, extreme)
    counts = replay.observation.slot_count
    assert (replay.ends < 0).any() and (counts == 0).any() and (counts == FANOUT).any()
    assert_equals_pyg(replay, weights)


def test_kernel_equals_pyg_when_every_message_is_at_its_limit(weights: SageWeights) -> None:
    replay = random_replay(100, seed=9)
    message = replay.history.self_message
    sign = np.where(np.random.default_rng(0).random(message.shape) < 0.5, -1, 1)
    message[:] = np.where(message.any(axis=2, keepdims=True), sign * 4070, 0)
    history = replay.history
    gathered = EdgeTimeNeighbourhoods(history).gather(np.arange(100))
    embedding, _ = SageKernel(weights).embed(gathered)
    with torch.no_grad():
        expected, _ = EdgeSage.from_weights(weights)(two_hop_batch(history, np.arange(100)))
    np.testing.assert_allclose(embedding, expected.numpy(), atol=1e-5, rtol=0)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_slicing_gives_the_same_bits(replay: Replay, weights: SageWeights, data: st.DataObject) -> None:
    kernel = SageKernel(weights)
    whole = replay.neighbourhood()
    embedding, logit = kernel.embed(whole)
    cuts = sorted(data.draw(st.lists(st.integers(0, EVENTS), max_size=12)))
    bounds = [0, *cuts, EVENTS]
    parts = [kernel.embed(part(whole, slice(a, b))) for a, b in itertools.pairwise(bounds)]
    assert np.concatenate([e for e, _ in parts]).tobytes() == embedding.tobytes()
    assert np.concatenate([z for _, z in parts]).tobytes() == logit.tobytes()
    order = np.array(data.draw(st.permutations(range(40))))
    assert kernel.embed(part(whole, order))[0].tobytes() == embedding[order].tobytes()


@pytest.mark.parametrize("chunk", [1, 64, 4096])
def test_history_embeds_to_the_bits_of_serving(replay: Replay, weights: SageWeights, chunk: int) -> None:
    rows = np.arange(EVENTS - 1, 0, -3)
    embedding, logit = SageKernel(weights).embed(replay.observation)
    from_history, logit_from_history = embed_history(weights, replay.history, rows, chunk)
    assert from_history.tobytes() == embedding[rows].tobytes()
    assert logit_from_history.tobytes() == logit[rows].tobytes()


def test_what_lies_beyond_the_filled_slots_does_not_matter(replay: Replay, weights: SageWeights) -> None:
    whole = replay.neighbourhood()
    embedding, _ = SageKernel(weights).embed(whole)
    empty = np.arange(FANOUT) >= whole.slot_count[:, :, None]
    dirty = Neighbourhood(
        whole.self_message,
        np.where(empty[..., None], np.int16(777), whole.slot_message),
        np.where(empty[..., None], np.int16(-777), whole.slot_hop2),
        np.where(empty, np.uint8(5), whole.slot_hop2_count),
        np.where(empty, np.float32(99.0), whole.slot_age),
        whole.slot_count,
    )
    assert SageKernel(weights).embed(dirty)[0].tobytes() == embedding.tobytes()


def test_a_new_account_on_a_new_device_still_gets_an_embedding(weights: SageWeights) -> None:
    first = part(random_replay(1).neighbourhood(), slice(0, 1))
    embedding, logit = SageKernel(weights).embed(first)
    assert first.slot_count.sum() == 0
    assert embedding.shape == (1, EMBEDDING) and (np.abs(embedding) < 1).all() and np.isfinite(logit).all()


def test_no_transactions_give_no_rows(replay: Replay, weights: SageWeights) -> None:
    embedding, logit = SageKernel(weights).embed(part(replay.neighbourhood(), slice(0, 0)))
    assert embedding.shape == (0, EMBEDDING) and logit.shape == (0,)


def test_another_fan_out_is_refused(replay: Replay, weights: SageWeights) -> None:
    whole = replay.neighbourhood()
    other = Neighbourhood(
        whole.self_message,
        np.zeros((EVENTS, len(ROLES), FANOUT + 1, MESSAGE_WIDTH), np.int16),
        whole.slot_hop2,
        whole.slot_hop2_count,
        whole.slot_age,
        whole.slot_count,
    )
    with pytest.raises(InputError, match="slot_message"):
        SageKernel(weights).embed(other)
