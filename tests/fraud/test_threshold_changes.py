"""Thresholds that people put in force: by whose role it is, one after another, each on the audit trail."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from fraud.access import Person, Role
from fraud.audit_trail import entries, verify
from fraud.errors import Conflict, Forbidden, InputError
from fraud.record import Record
from fraud.threshold_changes import ThresholdChanges, artefact_of, change_of

ADMIN = Person("ada", "Ada", Role.ADMIN)
MODEL = "1f0c5e2a9b3d4c6f"


@pytest.fixture
def record(record_url: str) -> Iterator[Record]:
    record = Record.open(record_url)
    yield record
    record.close()


def test_the_newest_change_of_a_model_is_in_force(record: Record) -> None:
    changes = ThresholdChanges(record.engine)
    assert changes.in_force(MODEL) is None
    first = changes.put_in_force(MODEL, 0.4, 0.9, "More reviews", by=ADMIN, after=None)
    second = changes.put_in_force(MODEL, 0.5, 0.9, "Too many", by=ADMIN, after=first.number)
    assert changes.in_force(MODEL) == second
    assert changes.change(first.number) == first
    assert changes.history(MODEL) == [second, first]
    assert changes.in_force("another") is None
    assert artefact_of(second.version) == MODEL
    assert change_of(second.version) == second.number
    assert (artefact_of(MODEL), change_of(MODEL)) == (MODEL, None)


def test_each_change_is_on_the_audit_trail(record: Record) -> None:
    changes = ThresholdChanges(record.engine)
    first = changes.put_in_force(MODEL, 0.4, 0.9, "More reviews", by=ADMIN, after=None)
    changes.put_in_force(MODEL, 0.5, 0.8, "Too many", by=ADMIN, after=first.number)
    told = [entry for entry in entries(record.engine) if entry.act == "set_thresholds"]
    assert {entry.by for entry in told} == {"ada"}
    detail = max((msgspec.json.decode(entry.detail) for entry in told), key=lambda one: one["number"])
    assert (detail["review_before"], detail["review"], detail["block"]) == (0.4, 0.5, 0.8)
    assert verify(record.engine).number == len(list(entries(record.engine)))


@pytest.mark.parametrize("role", [Role.VIEWER, Role.ANALYST, Role.SUPERVISOR])
def test_only_an_admin_may(record: Record, role: Role) -> None:
    changes = ThresholdChanges(record.engine)
    with pytest.raises(Forbidden):
        changes.put_in_force(MODEL, 0.4, 0.9, "Why not", by=Person("x", "X", role), after=None)
    assert changes.in_force(MODEL) is None
    assert list(entries(record.engine)) == []


def test_who_comes_second_is_told(record: Record) -> None:
    changes = ThresholdChanges(record.engine)
    changes.put_in_force(MODEL, 0.4, 0.9, "First", by=ADMIN, after=None)
    with pytest.raises(Conflict, match="ada has changed them meanwhile"):
        changes.put_in_force(MODEL, 0.5, 0.9, "Second", by=Person("eve", "Eve", Role.ADMIN), after=None)


@pytest.mark.parametrize(
    ("review", "block", "reason"),
    [
        (0.0, 0.9, "x"),
        (0.9, 0.4, "x"),
        (0.4, 1.1, "x"),
        (float("nan"), 0.9, "x"),
        (0.4, 0.9, " "),
        (0.4, 0.9, "two\nlines"),
    ],
)
def test_what_does_not_fit_is_refused(record: Record, review: float, block: float, reason: str) -> None:
    with pytest.raises(InputError):
        ThresholdChanges(record.engine).put_in_force(MODEL, review, block, reason, by=ADMIN, after=None)
