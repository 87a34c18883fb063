"""The tree of settings as environment variables: their names, what is misspelt or wrong, and what may be shown."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping

from pydantic import BaseModel, SecretStr, ValidationError

from fraud.errors import SettingsError

__all__ = ["PREFIX", "explain", "flatten", "refuse_unknown"]

PREFIX = "RINGFENCE_"
SECRET_MASK = "********"  # noqa: S105 - what is shown in place of a secret


def flatten(group: BaseModel, prefix: str) -> Iterator[tuple[str, str]]:
    """Variable name to value in force, secrets masked, in the order of declaration."""
    for name in type(group).model_fields:
        value = getattr(group, name)
        variable = prefix + name.upper()
        if isinstance(value, BaseModel):
            yield from flatten(value, f"{variable}__")
        elif isinstance(value, SecretStr):
            yield variable, _masked_secret(value.get_secret_value())
        else:
            yield variable, "" if value is None else str(value)


def _masked_secret(secret: str) -> str:
    """A URL stays readable but for its password; anything else is masked whole."""
    if "://" not in secret:
        return SECRET_MASK
    without_query = secret.split("?", 1)[0]
    return re.sub(r"(?<=://)([^:/@]*):.*@", rf"\1:{SECRET_MASK}@", without_query)


def refuse_unknown(tree: type[BaseModel], environment: Mapping[str, str]) -> None:
    """Raise SettingsError for the first variable of ours, by name, that no field of the tree has."""
    known = set(_variable_names(tree, PREFIX))
    for variable in sorted(environment):
        if variable.upper().startswith(PREFIX) and variable.upper() not in known:
            near = difflib.get_close_matches(variable.upper(), known, n=1)
            hint = f"did you mean {near[0]}?" if near else "see `python -m fraud settings`"
            raise SettingsError(f"{variable}: no such setting; {hint}")


def _variable_names(group: type[BaseModel], prefix: str) -> Iterator[str]:
    """Every variable that may be set; a group may also be set whole, as JSON."""
    for name, field in group.model_fields.items():
        variable = prefix + name.upper()
        yield variable
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _variable_names(field.annotation, f"{variable}__")


def explain(error: ValidationError) -> Iterator[str]:
    """One line a fault, beginning with the variable at fault."""
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        where = [str(part) for part in problem["loc"]]
        text = problem["msg"].removeprefix("Value error, ")
        # A rule over a whole group names its field first, as "password: required when …".
        named = re.match(r"([a-z_]+): (.*)", text)
        if problem["type"] == "value_error" and named:
            where, text = [*where, named[1]], named[2]
        yield f"{PREFIX}{'__'.join(where).upper()}: {text[0].lower()}{text[1:]}"
