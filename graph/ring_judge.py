"""What tells rings from other groups: learned elsewhere, asked by the desk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

__all__ = ["RingJudge"]


class RingJudge(Protocol):
    """Holds no state: the same figures always get the same score."""

    @property
    def report_from(self) -> float:
        """Score from which a ring is reported."""

    @property
    def base_rate(self) -> float:
        """Share of ring frauds in all payments, which the evidence of one payment is weighed against."""

    def score(self, figures: Sequence[float]) -> float:
        """How probable it is that a group with these figures (``graph.ring_figures.FIGURES``) is a ring."""
