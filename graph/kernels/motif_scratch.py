"""Room that kernels need while they look at one transfer; made in compiled code, where it costs next to nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from fraud.compiled import kernel
from graph.kernels.motif_cycles import MOST_REACHED, REACHED
from graph.kernels.motif_cycles import PLACES as REACHED_PLACES
from graph.kernels.motif_fans import LISTS, NEAR, PLACES, REACH
from graph.motif_layout import LONGEST_CYCLE, MotifScratch


@kernel
def make_scratch(most_cycles: int) -> Any:
    """For so many cycles through one transfer at most."""
    return MotifScratch(
        np.empty((LISTS, REACH), dtype=NEAR),
        np.empty((LISTS, PLACES), dtype=np.int16),
        np.empty(MOST_REACHED + 1, dtype=REACHED),
        np.zeros(REACHED_PLACES, dtype=np.int16),
        np.empty((most_cycles, LONGEST_CYCLE), dtype=np.int64),
        np.empty(most_cycles, dtype=np.int64),
        np.empty(REACH, dtype=np.int32),
        np.empty(REACH, dtype=np.int32),
        np.empty((2, REACH), dtype=np.int64),
        np.empty(most_cycles * LONGEST_CYCLE, dtype=np.int32),
    )
