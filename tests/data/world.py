"""Simulated worlds that several test modules look at; made once a session."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from data.simulate import simulate


@lru_cache(maxsize=8)
def simulated(seed: int, preset: str = "payments", **size: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    with TemporaryDirectory() as folder:
        made = simulate(Path(folder), seed=seed, preset=preset, **size)
        return pq.read_table(made.transactions).to_pandas(), pd.read_csv(made.rings)
