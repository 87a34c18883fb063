"""A small simulated world and a model trained on its first weeks, made once for all tests of the shells."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from data.canonical import read_transactions
from data.simulate import simulate
from data.tokenise import tokenise_table
from fraud.settings import Settings
from fraud.tokens import Tokeniser
from gnn.training import SageConfig
from models.booster import BoosterConfig
from models.scorer import Scorer
from models.training import train

SINCE = datetime(2025, 10, 11, tzinfo=UTC)
KEY = b"0123456789abcdef0123456789abcdef"


@dataclass(frozen=True)
class World:
    """Files of a simulated world, its table with tokens, and a model fitted on what was known before ``SINCE``."""

    folder: Path
    transactions: Path
    rings: Path
    raw: pd.DataFrame
    frame: pd.DataFrame
    model: Path

    def scorer(self) -> Scorer:
        return Scorer.load(self.model)


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
