"""The index of names in sorted pages."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import sqlalchemy as sa
from alembic import op
from numpy.typing import NDArray

revision = "0008_name_pages"
down_revision = "0007_vault"

NAME = np.dtype([("hash", "<i4"), ("row_id", "<i8")])
PAGE_NAMES = 256

eras = sa.table("eras", sa.column("era"), sa.column("stream"), sa.column("parts"))
mentions = sa.table("mentions", sa.column("era"), sa.column("name_hash"), sa.column("row_id"))


def upgrade() -> None:
    """The index of names in sorted pages; the newest era of each stream goes on as one part."""
    parts = op.create_table(
        "name_parts",
        sa.Column("era", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("batch_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("era", "batch_id"),
    )
    pages = op.create_table(
        "name_pages",
        sa.Column("era", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("last_hash", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("era", "last_hash"),
    )
    op.add_column("eras", sa.Column("parts", sa.Integer, nullable=False, server_default="0"))
    connection = op.get_bind()
    newest = set(connection.scalars(sa.select(sa.func.max(eras.c.era)).group_by(eras.c.stream)))
    for era in connection.scalars(sa.select(eras.c.era)).all():
        names = _names(connection, era)
        if era in newest:
            connection.execute(sa.insert(parts), {"era": era, "batch_id": era, "body": names.tobytes()})
            connection.execute(sa.update(eras).where(eras.c.era == era).values(parts=1))
        else:
            for page in _pages(names):
                row = {"era": era, "last_hash": int(page["hash"][-1]), "body": page.tobytes()}
                connection.execute(sa.insert(pages), row)
    op.drop_table("mentions")


def _names(connection: sa.Connection, era: int) -> NDArray[np.void]:
    query = sa.select(mentions.c.name_hash, mentions.c.row_id).where(mentions.c.era == era)
    ordered = connection.execute(query.order_by(mentions.c.name_hash, mentions.c.row_id))
    return np.array([tuple(row) for row in ordered], dtype=NAME)


def _pages(names: NDArray[np.void]) -> Iterator[NDArray[np.void]]:
    """Cut where a hash begins: all that share one are on one page."""
    hashes = names["hash"]
    cuts = np.searchsorted(hashes, hashes[PAGE_NAMES::PAGE_NAMES])
    yield from (page for page in np.split(names, np.unique(cuts)) if len(page))
