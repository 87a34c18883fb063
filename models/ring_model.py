"""What a model has learned of rings: which payments look like a ring's, and which groups are one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from models.booster import load_booster, save_booster
from models.group_judge import GroupJudge
from models.ring_rows import RingRows
from models.ring_rules import RingRules

__all__ = ["RING_FILES", "RingModel"]

ROWS, GROUPS, RULES = RING_FILES = ("ring_rows.ubj", "ring_groups.ubj", "ring_rules.json")
"""Files of an artefact that has learned of rings."""


@dataclass(frozen=True, slots=True)
class RingModel:
    """Both parts; a model that learned from a history without confirmed rings has neither."""

    rows: RingRows
    judge: GroupJudge
    rules: RingRules

    def save(self, folder: Path) -> None:
        """Write ``RING_FILES`` into a folder."""
        save_booster(self.rows.booster, folder / ROWS)
        save_booster(self.judge.booster, folder / GROUPS)
        (folder / RULES).write_text(self.rules.to_json(), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What ``save`` wrote; raises ArtefactError."""
        rules = RingRules.from_json((folder / RULES).read_text(encoding="utf-8"))
        rows, groups = load_booster(folder / ROWS), load_booster(folder / GROUPS)
        return cls(RingRows(rows), GroupJudge(groups, rules), rules)
