"""A small simulated world and a model trained on its first weeks, made once for all tests of the shells."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

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
    """Made by the process that asks first, for all of them; read it, don't change it."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "world"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "made").exists():
            _make(folder)
            (folder / "made").touch()
    raw = read_transactions(folder / "transactions.parquet")
    frame = tokenise_table(raw, Tokeniser(KEY))
    return World(folder, folder / "transactions.parquet", folder / "rings.csv", raw, frame, folder / "model")


def _make(folder: Path) -> None:
    made = simulate(folder, days=45, accounts=800, seed=3)
    train(
        tokenise_table(read_transactions(made.transactions), Tokeniser(KEY)),
        folder / "model",
        Settings.load(home=folder / "home"),
        until=SINCE,
        device="cpu",
        seed=0,
        sage_config=SageConfig(epochs=2),
        booster_config=BoosterConfig(trees=40, depth=4),
    )


@pytest.fixture(scope="session")
def streamed(world: World, kafka: KafkaService, tmp_path_factory: pytest.TempPathFactory) -> Streamed:
    """Good, bad and repeated records through two workers, one after another; read it, don't change it."""
    return stream_all(world, tmp_path_factory.mktemp("streamed") / "home", kafka.address)
