"""Questions of the library as text for Neo4j Browser: values go in as literals and can never become Cypher."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from graph.query_library import Value, named

__all__ = ["browser_parameters", "browser_query", "literal"]


def browser_parameters(name: str, given: Mapping[str, object]) -> str:
    """One ``:param`` command with all parameters of a query; raises InputError as ``Query.values`` does."""
    values = named(name).values(given)
    filled = ", ".join(f"{key}: {literal(value)}" for key, value in values.items())
    return f":param {{{filled}}}"


def browser_query(name: str) -> str:
    """The query itself, which names its parameters and holds no value."""
    query = named(name)
    return f"// {query.title}\n{query.text}"


def literal(value: Value) -> str:
    """A value as a Cypher literal. A text is quoted, and whatever is not a plain character in it is escaped."""
    if isinstance(value, datetime):
        return f"datetime('{value.isoformat()}')"
    if isinstance(value, str):
        # JSON escapes quotes, backslashes, control and non-ASCII characters in the way that Cypher reads.
        return json.dumps(value).replace("'", "\\u0027")
    return repr(value)
