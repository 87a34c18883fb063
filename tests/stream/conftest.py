"""A small simulated world and a model trained on its first weeks, made once for all tests of the shells."""

from __future__ import annotations

import pytest

from data.canonical import read_transactions
from data.simulate import simulate
from data.tokenise import tokenise_table
from fraud.services.kafka import KafkaService
from fraud.settings import Settings
from fraud.tokens import Tokeniser
from gnn.training import SageConfig
from models.booster import BoosterConfig
from models.training import train
from tests.stream.streamed import Streamed, stream_all
from tests.stream.world import KEY, SINCE, World

__all__ = ["KEY", "SINCE", "World"]


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("world")
    made = simulate(folder, days=45, accounts=800, seed=3)
    raw = read_transactions(made.transactions)
    frame = tokenise_table(raw, Tokeniser(KEY))
    model = folder / "model"
    train(
        frame,
        model,
        Settings.load(home=folder / "home"),
        until=SINCE,
        device="cpu",
        seed=0,
        sage_config=SageConfig(epochs=2),
        booster_config=BoosterConfig(trees=40, depth=4),
    )
    return World(folder, made.transactions, made.rings, raw, frame, model)


@pytest.fixture(scope="session")
def streamed(world: World, kafka: KafkaService, tmp_path_factory: pytest.TempPathFactory) -> Streamed:
    """Good, bad and repeated records through two workers, one after another; read it, don't change it."""
    return stream_all(world, tmp_path_factory.mktemp("streamed") / "home", kafka.address)
