"""Views that people keep: the filters of a page under a name, each person's own."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from sqlalchemy import Engine, delete, func, select

from fraud.access import Permission, Person, require
from fraud.database import store_errors, upsert, writing
from fraud.desk_tables import saved_views
from fraud.errors import InputError

__all__ = ["SavedView", "SavedViews"]

LONGEST_NAME = 60
LONGEST_QUERY = 2_000
MOST_VIEWS = 50


class SavedView(msgspec.Struct, frozen=True):
    """Filters under a name; ``query`` is the query string of the page's address, without its question mark."""

    name: str
    query: str


class SavedViews:
    """The views of everyone; a view is shared by sending its address on."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of(self, owner: Person, page: str) -> list[SavedView]:
        """A person's views of a page, by name."""
        view = saved_views.c
        query = select(view.name, view.query).where(view.owner == owner.name, view.page == page)
        with store_errors("read"), self._engine.connect() as connection:
            rows = connection.execute(query.order_by(view.name)).all()
        return [SavedView(row.name, row.query) for row in rows]

    def save(self, owner: Person, page: str, name: str, query: str) -> SavedView:
        """Keep a view; one of the same name is replaced. Raises InputError for a name or filters that do not fit."""
        require(owner, Permission.VIEW)
        view = SavedView(name.strip(), query.removeprefix("?"))
        if not view.name or len(view.name) > LONGEST_NAME or not view.name.isprintable():
            raise InputError(f"name: must be a line of 1 to {LONGEST_NAME} characters")
        if len(view.query) > LONGEST_QUERY or not view.query.isprintable():
            raise InputError(f"query: longer than {LONGEST_QUERY} characters; choose fewer filters")
        row = {
            "owner": owner.name,
            "page": page,
            "made_at": datetime.now(UTC),
            **msgspec.structs.asdict(view),
        }
        with store_errors("write"), self._engine.connect() as connection, writing(connection):
            mine = (saved_views.c.owner == owner.name) & (saved_views.c.page == page)
            others = select(func.count()).where(mine, saved_views.c.name != view.name)
            if (connection.scalar(others) or 0) >= MOST_VIEWS:
                raise InputError(f"name: there are {MOST_VIEWS} views already; remove one first")
            statement = upsert(connection, saved_views)
            changed = {"query": statement.excluded.query, "made_at": statement.excluded.made_at}
            connection.execute(
                statement.on_conflict_do_update(index_elements=["owner", "page", "name"], set_=changed), [row]
            )
        return view

    def remove(self, owner: Person, page: str, name: str) -> None:
        """Forget a view; one that is not there is no error."""
        view = saved_views.c
        these = delete(saved_views).where(view.owner == owner.name, view.page == page, view.name == name)
        with store_errors("write"), self._engine.connect() as connection, writing(connection):
            connection.execute(these)
