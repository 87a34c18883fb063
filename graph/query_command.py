"""What the ``graph`` command shows of the investigator's library: its list, one query in full, and rows as a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fraud.errors import InputError
from graph.portion import Row
from graph.query_library import Parameter, library, named

__all__ = ["given_values", "show_queries", "show_query", "show_rows"]

UNBOUNDED = 10_000
"""Columns of a file or a pipe: nothing is folded there."""

NOTHING = "no rows: nothing in the graph answers this"


def given_values(words: Iterable[str]) -> dict[str, str]:
    """Parameters from words such as ``device=d_1``; raises InputError for others, and for one that comes twice."""
    values: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not (name and equals):
            raise InputError(f"--param {word!r}: give name=value")
        if name in values:
            raise InputError(f"--param {name}: given twice")
        values[name] = value
    return values


def show_queries() -> None:
    """Print what there is to ask."""
    table = _table(("query", "question", "parameters"))
    for query in library().values():
        parameters = ", ".join(map(_short, query.parameters))
        table.add_row(query.name, query.title, parameters)
    _console().print(table)
    print("`python -m fraud graph queries NAME` tells more of one.")


def show_query(name: str) -> None:
    """Print what a query answers, takes, and asks the store."""
    query = named(name)
    console = _console()
    console.print(Text(query.title, style="bold"))
    console.print(Text(query.question))
    if query.neo4j_only:
        console.print(Text(f"Neo4j only: {query.neo4j_only}"))
    table = _table(("parameter", "type", "default", "meaning"))
    for parameter in query.parameters:
        default = "must be given" if parameter.default is None else _cell(parameter.default)
        table.add_row(parameter.name, parameter.kind.value, default, parameter.meaning)
    console.print(table)
    print(query.text)


def show_rows(rows: Sequence[Row]) -> None:
    """Print the rows of a query, times in UTC; a line says so where there are none."""
    if not rows:
        print(NOTHING)
        return
    first = rows[0]
    table = _table(tuple(first))
    for column, (name, value) in zip(table.columns, first.items(), strict=True):
        numbers = [row[name] for row in rows if row[name] is not None]
        column.justify = "right" if numbers and all(isinstance(n, int | float) for n in numbers) else "left"
        column.no_wrap = isinstance(value, datetime)
    for row in rows:
        # Text, not str: square brackets in an id are no markup.
        table.add_row(*(Text(_cell(value)) for value in row.values()))
    _console().print(table)


def _table(columns: Iterable[str]) -> Table:
    return Table(*columns, box=SIMPLE_HEAD, pad_edge=False)


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=UNBOUNDED)


def _short(parameter: Parameter) -> str:
    return parameter.name if parameter.default is None else f"{parameter.name}={_cell(parameter.default)}"


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case float():
            return format(value, ",.12g")
        case int():
            return format(value, ",")
        case datetime():
            return format(value, "%Y-%m-%d %H:%M:%S")
        case list():
            return ", ".join(map(_cell, value))
        case _:
            # Shop ids come from outside: what would move the cursor or change colours is shown as a dot.
            return "".join(sign if sign.isprintable() else "·" for sign in str(value))
