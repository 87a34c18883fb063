"""The index of names: which rows of the record name an account, merchant, device, address or transaction.

A batch's names lie all over any sorted index, so that to keep one sorted costs a commit more than all else that it
writes. Here each batch adds its names as they come, as one *part* of its era. An era that is full is sorted once and
cut into *pages*; until then its parts, few enough since small ones are joined (``fraud.record_eras`` says when), are
read whole. Readers know names by a hash and compare the names themselves, since two may share one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, bindparam, delete, func, insert, select

from fraud.bulk_insert import bulk_insert
from fraud.database import portions
from fraud.record_hashes import id_name_hashes, name_hashes
from fraud.record_tables import eras, name_pages, name_parts
from fraud.transaction import Transaction

__all__ = ["NAME", "add_part", "join_parts", "names_of", "rows_naming", "seal"]

NAME = np.dtype([("hash", "<i4"), ("row_id", "<i8")])
"""One name in one row, as parts and pages hold it."""

PAGE_NAMES = 256
"""Names of a page, about: all that share a hash are on one page."""

FEW_HASHES = 32
"""Of more hashes whole eras are read, one after the other: that costs about as much as so many pages of each."""

# Made once: to build a statement anew costs more than to carry it out.
ADD = insert(name_parts)
PARTS = (
    select(name_parts.c.batch_id, name_parts.c.body)
    .where(name_parts.c.era == bindparam("of"))
    .order_by(name_parts.c.batch_id)
)
ALL_PAGES = (
    select(name_pages.c.body).where(name_pages.c.era == bindparam("of")).order_by(name_pages.c.last_hash)
)
FORGET = delete(name_parts).where(
    name_parts.c.era == bindparam("of"), name_parts.c.batch_id >= bindparam("since")
)
_other = name_pages.alias()
PAGES = (
    select(name_pages.c.body)
    .join(eras, eras.c.era == name_pages.c.era)
    .where(
        eras.c.era.in_(bindparam("of", expanding=True)),
        name_pages.c.last_hash
        == select(func.min(_other.c.last_hash))
        .where(_other.c.era == eras.c.era, _other.c.last_hash >= bindparam("hash"))
        .scalar_subquery(),
    )
)
"""Of each era the one page that has a hash if any has."""


def names_of(
    transactions: Sequence[Transaction], first: int, hashes: NDArray[np.int64] | None
) -> NDArray[np.void]:
    """The names in a batch whose first row is ``first``; of ids only where their hashes are given."""
    ends = (
        [one.account_id for one in transactions],
        [one.merchant_id for one in transactions],
        [one.counterparty_id for one in transactions],
        [one.device_id for one in transactions],
        [one.ip for one in transactions],
    )
    rows = np.arange(first, first + len(transactions))
    found = [] if hashes is None else [(id_name_hashes(hashes), rows)]
    for end in ends:
        there = [name for name in end if name is not None]
        at = rows if len(there) == len(rows) else rows[[name is not None for name in end]]
        found.append((name_hashes(there), at))
    names = np.empty(sum(len(at) for _, at in found), dtype=NAME)
    np.concatenate([hashed for hashed, _ in found], out=names["hash"])
    np.concatenate([at for _, at in found], out=names["row_id"])
    return names


def add_part(connection: Connection, era: int, batch_id: int, names: NDArray[np.void]) -> None:
    """Add a batch's names to an era."""
    connection.execute(ADD, {"era": era, "batch_id": batch_id, "body": names.tobytes()})


def join_parts(connection: Connection, era: int) -> int:
    """Make one part of the newest ones that are at most twice as large as all after them together.

    Returns how many there are then. So parts double in size from the newest to the oldest, and a name is written again
    but a few times.
    """
    parts = connection.execute(PARTS, {"of": era}).all()
    start, size = len(parts) - 1, len(parts[-1].body)
    while start and len(parts[start - 1].body) <= 2 * size:
        start -= 1
        size += len(parts[start].body)
    joined = {
        "era": era,
        "batch_id": parts[-1].batch_id,
        "body": b"".join(part.body for part in parts[start:]),
    }
    connection.execute(FORGET, {"of": era, "since": parts[start].batch_id})
    connection.execute(ADD, joined)
    return start + 1


def seal(connection: Connection, era: int) -> None:
    """Sort the names of an era's parts into its pages; nothing is added to it afterwards."""
    names = np.frombuffer(b"".join(part.body for part in connection.execute(PARTS, {"of": era})), NAME)
    names = names[np.argsort(np.ascontiguousarray(names["hash"]))]
    pages = [(era, int(page["hash"][-1]), page.tobytes()) for page in _pages(names)]
    bulk_insert(connection, name_pages, pages)
    connection.execute(FORGET, {"of": era, "since": 0})


def rows_naming(connection: Connection, hashes: NDArray[np.int32], among: Sequence[int]) -> list[int]:
    """Rows that name anything of these hashes, in these eras, the oldest batches first."""
    if len(hashes) <= FEW_HASHES:
        found = _rows_in(_parts_of(connection, among), hashes)
        # Parts before pages: an era that is sealed in between is then read twice rather than not at all.
        for one in hashes.tolist():
            of_one = connection.execute(PAGES, {"of": among, "hash": one}).scalars()
            found |= _rows_in(of_one, np.array([one], dtype=np.int32))
        return sorted(found)
    wanted = np.unique(hashes)
    found = set()
    for era in among:
        found |= _rows_in(_parts_of(connection, [era]), wanted)
        found |= _rows_on_pages(connection, era, wanted)
    return sorted(found)


def _pages(names: NDArray[np.void]) -> Iterator[NDArray[np.void]]:
    """Sorted names in pages, cut where a hash begins."""
    hashes = names["hash"]
    cuts = np.searchsorted(hashes, hashes[PAGE_NAMES::PAGE_NAMES])
    yield from (page for page in np.split(names, np.unique(cuts)) if len(page))


def _parts_of(connection: Connection, among: Sequence[int]) -> Iterator[bytes]:
    for some in portions(among):
        query = select(name_parts.c.body).where(name_parts.c.era.in_(some))
        yield from connection.execute(query).scalars()


def _rows_in(bodies: Iterable[bytes], hashes: NDArray[np.int32]) -> set[int]:
    names = np.frombuffer(b"".join(bodies), NAME)
    there = names["hash"] == hashes[0] if len(hashes) == 1 else np.isin(names["hash"], hashes)
    return set(names["row_id"][there].tolist())


def _rows_on_pages(connection: Connection, era: int, wanted: NDArray[np.int32]) -> set[int]:
    names = np.frombuffer(b"".join(connection.execute(ALL_PAGES, {"of": era}).scalars()), NAME)
    hashes, rows = np.ascontiguousarray(names["hash"]), names["row_id"]
    begin, end = (np.searchsorted(hashes, wanted, side=side).tolist() for side in ("left", "right"))
    return {row for first, last in zip(begin, end, strict=True) for row in rows[first:last].tolist()}
