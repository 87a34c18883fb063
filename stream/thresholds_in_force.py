"""Thresholds that people put in force, taken up by a running scorer: looked for every few seconds, never waited for."""

from __future__ import annotations

import logging
import threading
import time

from sqlalchemy import Engine

from fraud.errors import StoreError
from fraud.threshold_changes import ThresholdChanges
from models.scorer import Scorer

__all__ = ["LOOK_SECONDS", "ThresholdsInForce"]

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
"""Time between two looks at the record."""


class ThresholdsInForce:
    """A scorer by the thresholds of the newest change for its model, or by its own; safe to share between threads.

    What is not to be read now leaves the thresholds as they were: scoring goes on.
    """

    def __init__(self, engine: Engine, scorer: Scorer, *, every: float = LOOK_SECONDS) -> None:
        self._changes = ThresholdChanges(engine)
        self._every = every
        self._lock = threading.Lock()
        self._looked_at: float | None = None
        self.known = scorer
        """As of the last look."""

    def scorer(self) -> Scorer:
        """The scorer to use from now on; the record is asked when the last look is old enough."""
        with self._lock:
            now = time.monotonic()
            if self._looked_at is None or now - self._looked_at >= self._every:
                self._look()
                self._looked_at = now
            return self.known

    def _look(self) -> None:
        try:
            change = self._changes.in_force(self.known.artefact_version)
        except StoreError as error:
            log.warning("thresholds: as before, the record does not tell of others now: %s", error)
            return
        under = self.known.under(change)
        if under.version != self.known.version:
            log.warning(
                "thresholds: %s, review from %s, block from %s",
                under.version,
                under.thresholds.review,
                under.thresholds.block,
            )
            self.known = under
