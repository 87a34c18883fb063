"""The whole tree of settings."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableValue

from fraud.errors import SettingsError
from fraud.settings.api import ApiSettings
from fraud.settings.cases import AlertSettings, CaseSettings
from fraud.settings.costs import CapacitySettings, CostSettings
from fraud.settings.dashboard import DashboardSettings
from fraud.settings.graph import ArcadeSettings, GraphSettings, OnlineSettings
from fraud.settings.group import long_key
from fraud.settings.services import ServicesSettings
from fraud.settings.stream import StreamSettings
from fraud.settings.variables import PREFIX, explain, flatten, refuse_unknown

__all__ = ["Settings"]


class Settings(BaseSettings):
    """Effective settings of one process; make them with ``Settings.load()``, never at import."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        validate_default=True,
    )

    home: Path = Path("var")
    """Folder of everything that Ringfence writes for itself; made absolute."""
    environment: Literal["local", "production"] = "local"
    token_key: SecretStr | None = None
    """Key of the tokens that stand for personal data; required in production, else kept in ``home``."""
    vault_key: SecretStr | None = None
    """Encrypts personal values that are kept for those who may reveal them; None: none are kept."""
    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")
    """ISO 4217 code assumed where a transaction names none; costs are in it."""
    label_delay_days: float = Field(default=7.0, ge=0, allow_inf_nan=False)
    """Days from a transaction to its label where the file does not say."""
    database_url: SecretStr = Field(
        default_factory=lambda fields: SecretStr(f"sqlite:///{fields['home']}/record.sqlite3")
    )
    """SQLAlchemy address of the record. Secret, as it may hold a password."""
    alert_outbox: Path = Field(default_factory=lambda fields: fields["home"] / "outbox")
    """Folder that alerts are delivered to when no other channel is set."""
    kernel_cache: Path = Path.home() / ".cache" / "ringfence" / "kernels"
    """Folder of compiled kernels; ``fraud.compiled`` reads this one variable itself, at import."""
    log_level: Literal["debug", "info", "warning", "error"] = "warning"
    log_format: Literal["text", "json"] = "text"

    graph: GraphSettings = GraphSettings()
    arcade: ArcadeSettings = ArcadeSettings()
    online: OnlineSettings = OnlineSettings()
    stream: StreamSettings = StreamSettings()
    costs: CostSettings = CostSettings()
    capacity: CapacitySettings = CapacitySettings()
    cases: CaseSettings = CaseSettings()
    dashboard: DashboardSettings = DashboardSettings()
    api: ApiSettings = ApiSettings()
    alerts: AlertSettings = AlertSettings()
    services: ServicesSettings = ServicesSettings()

    @field_validator("home", "alert_outbox", "kernel_cache")
    @classmethod
    def _is_absolute(cls, path: Path) -> Path:
        return path.expanduser().absolute()

    @field_validator("database_url")
    @classmethod
    def _is_database_url(cls, url: SecretStr) -> SecretStr:
        if not re.match(r"[a-z0-9]+(\+[a-z0-9]+)?://", url.get_secret_value()):
            raise ValueError("must look like sqlite:///file or postgresql+psycopg://user:password@host/name")
        return url

    @field_validator("token_key", "vault_key")
    @classmethod
    def _is_long_enough(cls, key: SecretStr | None) -> SecretStr | None:
        return long_key(key)

    @model_validator(mode="after")
    def _is_fit_for_production(self) -> Self:
        if self.environment == "production" and self.token_key is None:
            raise ValueError("token_key: required in production, make one with `openssl rand -hex 32`")
        return self

    @classmethod
    def load(cls, **overrides: object) -> Settings:
        """Reads the environment; ``overrides`` (field name to value) win over it.

        Raises SettingsError with one line that names every variable at fault.
        """
        refuse_unknown(cls, os.environ)
        try:
            return cls(**overrides)  # type: ignore[arg-type]
        except ValidationError as error:
            raise SettingsError("; ".join(explain(error))) from None
        except UnreadableValue as error:
            field = re.search(r'field "(\w+)"', str(error))
            variable = PREFIX + field[1].upper() if field else PREFIX
            raise SettingsError(f"{variable}: not readable as JSON; set its parts as {variable}__…") from None

    def masked(self) -> dict[str, str]:
        """Variable name to value in force, secrets masked, in the order of declaration."""
        return dict(flatten(self, PREFIX))
