"""What the ring desk would have said of accounts in the past, so that training sees the marks that serving sees.

Nothing is taken that a desk could not have had at the time: payments are told to it by boosters that learned without
them (``models.ring_training.ring_chances``), and groups are judged by what the shipped groups teach alone.
A desk that begins with the later parts of the history marks nobody before them; so does one that is opened anew.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from graph.finding import Finding
from graph.ring_judge import RingJudge
from graph.ring_mark import RingMark
from graph.ring_marks import RingMarks
from graph.rings import RingWatch
from graph.suspects import Suspect
from models.group_judge import GroupJudge, fit_groups
from models.ring_prior import prior_groups
from models.ring_rules import RingRules
from models.ring_training import REPORT_FROM, Past, suspicions_of, told_from

__all__ = ["marks_of", "marks_of_past", "prior_judge"]


def marks_of_past(past: Past, chance: NDArray[np.float64], seed: int) -> list[RingMark]:
    """All that the desk would have said, in order, of payments with these chances [n] of being a ring's."""
    least = told_from(past, chance)
    told = np.flatnonzero(chance >= least)
    suspicions = suspicions_of(past.frame, past.history, told, chance)
    return marks_of(suspicions, RingWatch(judge=prior_judge(least, past.base_rate, seed)))


def marks_of(suspicions: Iterable[tuple[Suspect, tuple[Finding, ...]]], watch: RingWatch) -> list[RingMark]:
    """What a desk says of accounts on suspicions in event order, until the end of the last one's hour."""
    marks, said = RingMarks(), list[RingMark]()
    for suspect, findings in suspicions:
        said += marks.due(suspect.time)
        watch.observe(suspect, findings)
        marks.follow(watch, suspect.account)
    return said + marks.give()


def prior_judge(least: float, base_rate: float, seed: int) -> RingJudge:
    """A judge that has learned from the groups that are shipped alone."""
    groups = prior_groups()
    booster = fit_groups(groups.figures, groups.is_ring, groups.weight, seed)
    return GroupJudge(booster, RingRules(0.0, least, REPORT_FROM, base_rate))
