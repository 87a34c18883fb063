"""Which payments the ring desk is told of, and which groups it reports, as a model learned them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Self

from fraud.errors import ArtefactError

__all__ = ["RingRules"]


@dataclass(frozen=True, slots=True)
class RingRules:
    """All of them probabilities."""

    look_from: float
    """Score of the deciding model from which a payment is looked at."""
    told_from: float
    """Probability of a ring's fraud from which a payment is evidence."""
    report_from: float
    """Probability from which a group is reported as a ring."""
    base_rate: float
    """Share of ring frauds in the payments learned from, which evidence is weighed against."""

    def __post_init__(self) -> None:
        """Refuse what is no probability."""
        numbers = (self.look_from, self.told_from, self.report_from)
        if not all(0.0 <= one <= 1.0 for one in numbers) or not 0.0 < self.base_rate < 1.0:
            raise ArtefactError("ring rules: not all of them are probabilities; train the model again")

    def to_json(self) -> str:
        """Text from which ``from_json`` makes the same rules."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Inverse of ``to_json``; raises ArtefactError."""
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise ArtefactError(f"ring rules: unreadable ({error}); train the model again") from error
