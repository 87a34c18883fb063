"""Training rows against serving rows, both from the real online graph."""

from __future__ import annotations

import numpy as np
import torch

from gnn.neighbourhood import ResampledNeighbourhoods
from gnn.network import EdgeSage
from gnn.serving import SageKernel, embed_history
from graph.events import Events
from graph.observation import NeighbourHistory, Observation
from graph.online import OnlineGraph

EVENTS = 1500
HOUR = 3_600_000_000


def random_events(random: np.random.Generator) -> Events:
    """Payments and, one event in ten, a label of an earlier one; some accounts also receive money."""

    def names(prefix: str, count: int, share_none: float = 0.0) -> np.ndarray:
        column = np.array([f"{prefix}{i}" for i in random.integers(0, count, EVENTS)], dtype=object)
        column[random.random(EVENTS) < share_none] = None
        return column

    time = 1_700_000_000_000_000 + np.cumsum(random.integers(1, HOUR, EVENTS))
    is_transfer = random.random(EVENTS) < 0.3
    account = names("a", 60)
    payee = np.array([f"a{(int(name[1:]) + 7) % 60}" for name in account], dtype=object)
    return Events.from_columns(
        kind=(random.random(EVENTS) < 0.1).astype(np.uint8),
        time=time,
        event_time=time - HOUR,
        is_fraud=random.integers(0, 2, EVENTS).astype(np.int8),
        amount=random.lognormal(3.0, 1.0, EVENTS),
        account=account.tolist(),
        target=np.where(is_transfer, payee, names("m", 15)).tolist(),
        is_transfer=is_transfer,
        device=names("d", 40, 0.2).tolist(),
        ip=names("i", 20, 0.4).tolist(),
        channel=np.zeros(EVENTS, np.uint8),
        mcc=np.full(EVENTS, -1, np.int32),
        latitude=np.full(EVENTS, np.nan, np.float32),
        longitude=np.full(EVENTS, np.nan, np.float32),
    )


def history_of(observation: Observation) -> NeighbourHistory:
    return NeighbourHistory(observation.self_message, observation.slot_serial, observation.slot_age)


def test_history_embeds_to_the_bits_that_serving_gave() -> None:
    events = random_events(np.random.default_rng(0))
    history = history_of(OnlineGraph().observe(events, neighbourhoods=False))
    torch.manual_seed(0)
    weights = EdgeSage().to_weights()
    kernel, graph = SageKernel(weights), OnlineGraph()
    served = [kernel.embed(graph.observe(events.part(i, i + 7))) for i in range(0, EVENTS, 7)]
    embedding, logit = embed_history(weights, history, np.arange(len(history)))
    assert np.concatenate([e for e, _ in served]).tobytes() == embedding.tobytes()
    assert np.concatenate([z for _, z in served]).tobytes() == logit.tobytes()


def test_every_end_that_is_there_leaves_a_message_that_is_not_all_zero() -> None:
    observation = OnlineGraph().observe(random_events(np.random.default_rng(1)))
    np.testing.assert_array_equal(observation.self_message.any(axis=2), observation.ends >= 0)


def test_resampling_holds_at_least_what_the_sender_held_at_edge_time() -> None:
    observation = OnlineGraph().observe(random_events(np.random.default_rng(2)))
    rows = np.arange(len(observation))
    resampled = ResampledNeighbourhoods(history_of(observation), observation.ends, rows).gather(rows)
    filled = observation.slot_serial >= 0
    assert (resampled.slot_hop2_count[filled] >= observation.slot_hop2_count[filled]).all()
    assert (resampled.slot_hop2_count[filled] >= 1).all()
