"""Views that people keep: each their own, replaced under the same name, bounded."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fraud.access import Person, Role
from fraud.errors import InputError
from fraud.record import Record
from fraud.saved_views import MOST_VIEWS, SavedView, SavedViews

ANA = Person("ana", "Ana", Role.ANALYST)
BEN = Person("ben", "Ben", Role.VIEWER)


@pytest.fixture
def views(record_url: str) -> Iterator[SavedViews]:
    record = Record.open(record_url)
    yield SavedViews(record.engine)
    record.close()


def test_each_person_and_page_has_its_own(views: SavedViews) -> None:
    views.save(ANA, "queue", " Worst ", "?severity=critical")
    views.save(BEN, "queue", "Worst", "severity=high")
    views.save(ANA, "trends", "May", "since=2026-05-01")
    assert views.of(ANA, "queue") == [SavedView("Worst", "severity=critical")]
    assert views.of(BEN, "queue") == [SavedView("Worst", "severity=high")]
    views.remove(ANA, "queue", "Worst")
    views.remove(ANA, "queue", "never there")
    assert views.of(ANA, "queue") == []
    assert len(views.of(ANA, "trends")) == len(views.of(BEN, "queue")) == 1


def test_the_same_name_is_replaced(views: SavedViews) -> None:
    views.save(ANA, "queue", "Mine", "assignee=me")
    views.save(ANA, "queue", "Mine", "assignee=me&due=overdue")
    assert views.of(ANA, "queue") == [SavedView("Mine", "assignee=me&due=overdue")]


@pytest.mark.parametrize(
    ("name", "query"), [("", "q=1"), ("x" * 61, "q=1"), ("two\nlines", "q=1"), ("x", "q=" + "1" * 2_000)]
)
def test_what_does_not_fit_is_refused(views: SavedViews, name: str, query: str) -> None:
    with pytest.raises(InputError):
        views.save(ANA, "queue", name, query)
    assert views.of(ANA, "queue") == []


def test_there_is_an_end_to_them(views: SavedViews) -> None:
    for number in range(MOST_VIEWS):
        views.save(ANA, "queue", f"{number}", "")
    with pytest.raises(InputError, match="remove one"):
        views.save(ANA, "queue", "one more", "")
    views.save(ANA, "queue", "0", "q=changed")
