"""What all groups of settings share: frozen, no unknown fields, no value in an error; and the kinds of their values."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

__all__ = ["MINIMUM_KEY_LENGTH", "Group", "Money", "Port", "long_key"]

MINIMUM_KEY_LENGTH = 32

Port = Annotated[int, Field(ge=0, le=65_535)]
Money = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Group(BaseModel):
    """Settings of one part, a field of the tree."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def long_key(key: SecretStr | None) -> SecretStr | None:
    """The key itself; raises ValueError where it has fewer than ``MINIMUM_KEY_LENGTH`` characters."""
    if key is not None and len(key.get_secret_value().strip()) < MINIMUM_KEY_LENGTH:
        raise ValueError(f"needs at least {MINIMUM_KEY_LENGTH} characters, as `openssl rand -hex 32` gives")
    return key
