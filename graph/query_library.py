"""The investigator's library: questions to the stored graph, each one file of Cypher in ``graph/queries``.

A file begins with comments: its title, what it answers, and its parameters, each with its meaning above a line that
Neo4j Browser takes as well (``:param limit => 50``). The literal there gives the type and the default; an empty text
must be given. A column called ``picture`` holds what the Browser is to draw, all others plain values.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from importlib.resources import files

import msgspec
from neo4j import ManagedTransaction, Record
from neo4j.time import DateTime

from fraud.errors import InputError
from graph.connection import GraphConnection
from graph.portion import Row

__all__ = ["Parameter", "ParameterKind", "Query", "Value", "library", "named", "run"]

PICTURE = "picture"
NEO4J_ONLY = "Neo4j only: "

LONGEST_TEXT = 200
SHOWN = 40
"""Characters of a refused value that an error repeats."""

PARAM = re.compile(r":param (?P<name>[a-z_]+) => (?P<literal>.+)")
MOMENT = re.compile(r"datetime\('([^']+)'\)")

Value = str | int | float | datetime


class ParameterKind(StrEnum):
    """What a parameter takes."""

    TEXT = "text"
    WHOLE_NUMBER = "whole number"
    NUMBER = "number"
    MOMENT = "time"


class Parameter(msgspec.Struct, frozen=True):
    """One parameter of a query; without a default it must be given."""

    name: str
    meaning: str
    kind: ParameterKind
    default: Value | None

    def value(self, given: object) -> Value:
        """What a person gave, a text or a value of the right type already, as the driver is to have it.

        Times are ISO 8601 and in UTC where they name no zone; numbers are not negative. Raises InputError.
        """
        try:
            return READERS[self.kind](given)
        except (ValueError, TypeError, OverflowError) as error:
            shown = str(given)
            shown = shown if len(shown) <= SHOWN else shown[:SHOWN] + "…"
            raise InputError(f"{self.name}: {shown!r} is no {EXPECTED[self.kind]}") from error


class Query(msgspec.Struct, frozen=True):
    """One question of the library."""

    name: str
    title: str
    question: str
    parameters: tuple[Parameter, ...]
    text: str
    """The Cypher, without the comments on top."""
    neo4j_only: str | None = None
    """Why the embedded store does not answer it, where it does not."""

    def values(self, given: Mapping[str, object]) -> dict[str, Value]:
        """All parameters: those given, checked, and the defaults of the others.

        Raises InputError for an unknown name, a missing one, or a value of another type.
        """
        known = {parameter.name: parameter for parameter in self.parameters}
        for name in given:
            if name not in known:
                raise InputError(f"{self.name}: no parameter {name[:SHOWN]!r}; it has {', '.join(known)}")
        values: dict[str, Value] = {}
        for name, parameter in known.items():
            value = parameter.value(given[name]) if name in given else parameter.default
            if value is None:
                raise InputError(f"{self.name}: {name} must be given ({parameter.meaning.rstrip('.')})")
            values[name] = value
        return values


@cache
def library() -> Mapping[str, Query]:
    """All queries by name, in the order of their names."""
    folder = files("graph") / "queries"
    names = sorted(file.name for file in folder.iterdir() if file.name.endswith(".cypher"))
    return {
        name.removesuffix(".cypher"): _read(
            name.removesuffix(".cypher"), (folder / name).read_text(encoding="utf-8")
        )
        for name in names
    }


def named(name: str) -> Query:
    """The query of that name; raises InputError, naming the nearest ones, when there is none."""
    found = library().get(name)
    if found is None:
        near = difflib.get_close_matches(name, library(), n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "`python -m fraud graph queries` lists them"
        raise InputError(f"no query {name[:SHOWN]!r}; {hint}")
    return found


def run(store: GraphConnection, name: str, given: Mapping[str, object] | None = None) -> list[Row]:
    """The rows of a query in their order, as plain values: texts, numbers, lists, and times in UTC.

    It runs as a read, so nothing that it is given can change the graph. Raises InputError for what ``named`` and
    ``Query.values`` refuse, and for a query that the store's engine cannot answer.
    """
    query = named(name)
    values = query.values(given or {})
    if query.neo4j_only is not None and store.is_embedded():
        raise InputError(f"{name}: {NEO4J_ONLY}{query.neo4j_only}")

    def ask(work: ManagedTransaction) -> list[Row]:
        # The text is a file of ours, never put together; what a person gave goes beside it, as parameters.
        found = work.run(query.text, values)
        return [_plain_row(record) for record in found]

    return store.read(ask)


def _read(name: str, text: str) -> Query:
    lines = text.splitlines()
    end = next(i for i, line in enumerate(lines) if not line.startswith("//"))
    comment = [line.removeprefix("//").strip() for line in lines[:end]]
    title, *rest = comment
    gap = rest.index("")
    question = [line for line in rest[:gap] if not line.startswith(NEO4J_ONLY)]
    only = [line.removeprefix(NEO4J_ONLY) for line in rest[:gap] if line.startswith(NEO4J_ONLY)]
    return Query(
        name=name,
        title=title,
        question=" ".join(question),
        parameters=tuple(_parameters(name, rest[gap + 1 :])),
        text="\n".join(lines[end:]),
        neo4j_only=only[0] if only else None,
    )


def _parameters(query: str, comment: list[str]) -> list[Parameter]:
    found = []
    meaning: list[str] = []
    for line in comment:
        match = PARAM.fullmatch(line)
        if match is None:
            meaning.append(line)
            continue
        kind, default = _typed(match["literal"])
        found.append(Parameter(match["name"], " ".join(meaning), kind, default))
        meaning = []
    if meaning:
        raise InputError(f"graph/queries/{query}.cypher: no `:param` line follows {meaning[0]!r}")
    return found


def _typed(literal: str) -> tuple[ParameterKind, Value | None]:
    """The type and the value of a Cypher literal; an empty text stands for none."""
    moment = MOMENT.fullmatch(literal)
    if moment:
        return ParameterKind.MOMENT, _moment(moment[1])
    if literal.startswith("'"):
        return ParameterKind.TEXT, literal.strip("'") or None
    if "." in literal:
        return ParameterKind.NUMBER, float(literal)
    return ParameterKind.WHOLE_NUMBER, int(literal)


def _text(given: object) -> str:
    if not isinstance(given, str) or not given or len(given) > LONGEST_TEXT:
        raise ValueError
    return given


def _whole_number(given: object) -> int:
    if not isinstance(given, str | int) or isinstance(given, bool):
        raise TypeError
    number = int(given)
    if not 0 <= number < 2**63:
        raise ValueError
    return number


def _number(given: object) -> float:
    if not isinstance(given, str | int | float) or isinstance(given, bool):
        raise TypeError
    number = float(given)
    if not (math.isfinite(number) and number >= 0):
        raise ValueError
    return number


def _moment(given: object) -> datetime:
    found = given if isinstance(given, datetime) else datetime.fromisoformat(_text(given))
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


READERS: dict[ParameterKind, Callable[[object], Value]] = {
    ParameterKind.TEXT: _text,
    ParameterKind.WHOLE_NUMBER: _whole_number,
    ParameterKind.NUMBER: _number,
    ParameterKind.MOMENT: _moment,
}

EXPECTED = {
    ParameterKind.TEXT: f"text of 1 to {LONGEST_TEXT} characters",
    ParameterKind.WHOLE_NUMBER: "whole number of 0 or more",
    ParameterKind.NUMBER: "number of 0 or more",
    ParameterKind.MOMENT: "time such as 2026-03-01 or 2026-03-01T09:30:00Z",
}


def _plain_row(record: Record) -> Row:
    values = record.items()  # type: ignore[no-untyped-call]
    return {
        name: value.to_native().astimezone(UTC) if isinstance(value, DateTime) else value
        for name, value in values
        if name != PICTURE
    }
