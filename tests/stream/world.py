"""What the tests of the shells know of their small simulated world."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from models.scorer import Scorer

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
