"""Every setting in one frozen tree, read from the environment only when asked for.

Variables start with ``RINGFENCE_``; a nested field is reached with two underscores, as in
``RINGFENCE_GRAPH__URI``. An empty variable counts as not set; an unknown one is refused, so that a misspelt
setting never passes in silence. No password has a default: the embedded parts make their own on first use.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableValue

from fraud.access import Role
from fraud.errors import SettingsError

__all__ = [
    "AlertSettings",
    "ApiSettings",
    "ArcadeSettings",
    "CapacitySettings",
    "CaseSettings",
    "CostSettings",
    "DashboardSettings",
    "GraphSettings",
    "OidcSettings",
    "OnlineSettings",
    "ServicesSettings",
    "Settings",
    "StreamSettings",
]

PREFIX = "RINGFENCE_"
SECRET_MASK = "********"  # noqa: S105 - what is shown in place of a secret
MINIMUM_KEY_LENGTH = 32

Port = Annotated[int, Field(ge=0, le=65_535)]
Money = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class GraphSettings(_Group):
    """Where the graph store is. Without a ``uri`` an embedded ArcadeDB is started on this machine."""

    uri: str | None = None
    """Bolt address of a Neo4j server, for example ``neo4j+s://graph.internal:7687``; None: embedded."""
    user: str = "neo4j"
    password: SecretStr | None = None
    """Required as soon as ``uri`` is set; the embedded store makes its own."""
    database: str = "neo4j"
    ca_file: Path | None = None
    """Certificates (PEM) that the server's is checked against; None: the system's."""
    connections: int = Field(default=16, ge=1, le=1_000)
    """Connections of one process to the store, at most."""
    patience_seconds: float = Field(default=5.0, gt=0, le=600, allow_inf_nan=False)
    """How long connecting may take, and how long a transient refusal is tried again."""
    query_seconds: float = Field(default=30.0, gt=0, le=3_600, allow_inf_nan=False)
    """When the server gives one transaction up."""
    transactions: Literal["all", "window", "alerted"] = "alerted"
    """Which transactions get a node of their own (``graph.kept``); relationships sum them all in any case."""
    window_days: float = Field(default=30.0, gt=0, allow_inf_nan=False)
    """How far back ``window`` reaches."""
    retention_days: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """What was last used longer ago is removed by ``graph follow``; None: nothing is."""
    retention_every_hours: float = Field(default=24.0, gt=0, allow_inf_nan=False)
    """Time between two such removals."""

    @field_validator("uri")
    @classmethod
    def _is_bolt(cls, uri: str | None) -> str | None:
        if uri is None:
            return None
        parts = urlsplit(uri)
        if not re.fullmatch(r"(bolt|neo4j)(\+s|\+ssc)?", parts.scheme) or not parts.hostname:
            raise ValueError("must look like bolt://host:7687 or neo4j+s://host:7687")
        if "@" in parts.netloc:
            raise ValueError("must not hold a user or password; set graph user and password instead")
        return uri

    @model_validator(mode="after")
    def _has_password(self) -> Self:
        if self.uri is not None and self.password is None:
            raise ValueError("password: required when the graph uri is set")
        return self


class ArcadeSettings(_Group):
    """Local ports of the embedded graph store; 0 takes a free one."""

    bolt_port: Port = 0
    http_port: Port = 0
    memory_mb: int = Field(default=512, ge=128)
    """Java heap of the embedded store, in MiB."""


class OnlineSettings(_Group):
    """Bounds of the online graph and of the micro-batches it is fed."""

    memory_mb: int = Field(default=4096, ge=64)
    """Memory budget of the online graph in MiB; the nodes quiet for longest go first when it is reached."""
    retention_days: float = Field(default=120.0, gt=0, allow_inf_nan=False)
    """Nodes quiet for longer than this may be forgotten."""
    batch_size: int = Field(default=256, ge=1, le=65_536)
    """Transactions scored together, at most. Scores do not depend on it."""


class StreamSettings(_Group):
    """The broker, and how workers and what publishes to them use it."""

    broker: str = Field(default="127.0.0.1:9092", pattern=r"^[^\s,/@]+:\d+(,[^\s,/@]+:\d+)*$")
    """Kafka's addresses, ``host:port``, with commas between them."""
    tls: bool = False
    ca_file: Path | None = None
    """Certificates that the broker's is checked against; None: the system's."""
    user: str | None = None
    """Name for SASL/SCRAM-SHA-512; None: no SASL."""
    password: SecretStr | None = None
    prefix: str = Field(default="ringfence.", pattern=r"^[a-zA-Z0-9._-]{0,100}$")
    """What the names of all topics begin with."""
    group: str = Field(default="ringfence-workers", pattern=r"^[a-zA-Z0-9._-]{1,100}$")
    """Consumer group of the workers."""
    instance: str | None = None
    """Name of this worker for static membership: a restart within the session time-out then moves no partition."""
    partitions: int = Field(default=8, ge=1, le=1_000)
    """Partitions of the transactions topic when it is made: the most workers that can score."""
    replication: int = Field(default=1, ge=1, le=7)
    """Copies of each partition when topics are made."""
    model: Path | None = None
    """Artefact folder that the workers score with; None: ``model`` in the home folder."""
    batch_ms: float = Field(default=0.0, ge=0, le=1_000)
    """Longest wait for a micro-batch to fill; 0 takes what has arrived."""
    in_flight: int = Field(default=16_384, ge=1)
    """Transactions taken from the broker that are not yet in the record, at most: the back-pressure."""
    snapshot_seconds: float = Field(default=300.0, gt=0, allow_inf_nan=False)
    """Longest time between snapshots of the state while events come in."""
    snapshot_events: int = Field(default=2_000_000, ge=1)
    """Most events between snapshots: what bounds the replay after a restart."""
    seen_ids: int = Field(default=4_000_000, ge=1)
    """Transaction ids remembered at least, so that one sent twice moves the state once."""
    label_patience_seconds: float = Field(default=30.0, ge=0, allow_inf_nan=False)
    """How long a label waits for its transaction to be decided before it is refused."""
    metrics_host: str = Field(default="127.0.0.1", min_length=1)
    """Where a worker, or the graph writer, answers Prometheus and health checks."""
    metrics_port: Port = 0
    """Port for that; 0: it does not."""

    @model_validator(mode="after")
    def _has_whole_login(self) -> Self:
        if (self.user is None) != (self.password is None):
            raise ValueError("password: set user and password together, or neither")
        return self


class CostSettings(_Group):
    """What a decision costs, in the currency of the settings; thresholds follow from these."""

    review_cost: Money = 5.0
    """One analyst look at one transaction."""
    recovery_rate: float = Field(default=1.0, ge=0, le=1)
    """Part of a stopped fraud's amount that is really kept."""
    false_positive_cost: Money = 15.0
    """Blocking one honest payment: the fee lost, the call, the goodwill."""


class CapacitySettings(_Group):
    """What the analysts can look at."""

    alerts_per_day: float = Field(default=100.0, gt=0, allow_inf_nan=False)


class CaseSettings(_Group):
    """How soon cases are to be closed, and which decisions need a second person."""

    due_hours_low: float = Field(default=120.0, gt=0, le=8_760, allow_inf_nan=False)
    """Time from a case's opening to its due date, by severity; a rise brings the date forward."""
    due_hours_medium: float = Field(default=72.0, gt=0, le=8_760, allow_inf_nan=False)
    due_hours_high: float = Field(default=24.0, gt=0, le=8_760, allow_inf_nan=False)
    due_hours_critical: float = Field(default=4.0, gt=0, le=8_760, allow_inf_nan=False)
    four_eyes_amount: Money | None = None
    """Confirmed fraud of this sum or more needs a second person; None: none does."""
    attachment_bytes: int = Field(default=10_485_760, ge=1_024, le=134_217_728)
    """Largest file that may be attached to a case."""


class OidcSettings(_Group):
    """Sign-in through a provider of OpenID Connect; off without an ``issuer``."""

    issuer: str | None = Field(default=None, pattern=r"^https?://[^\s?#]+$")
    """Address of the provider; ``/.well-known/openid-configuration`` lies below it."""
    client_id: str | None = None
    client_secret: SecretStr | None = None
    """None: a public client, kept safe by PKCE alone."""
    name: str = Field(default="single sign-on", min_length=1, max_length=40)
    """What the button on the sign-in page calls the provider."""
    name_claim: str = "preferred_username"
    """Claim that gives a person's name here."""
    role_claim: str = "groups"
    """Claim whose value, or each of whose values, is looked up in ``roles``."""
    roles: dict[str, Role] = Field(default_factory=dict)
    """Role by value of that claim; of several the highest counts, without any the sign-in is refused."""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.issuer is not None and self.client_id is None:
            raise ValueError("client_id: required when the issuer is set")
        if self.issuer is not None and not self.roles:
            raise ValueError('roles: required when the issuer is set, as {"fraud-desk": "analyst"}')
        return self


class DashboardSettings(_Group):
    """Where the dashboard listens, and how long people stay signed in to it."""

    host: str = Field(default="127.0.0.1", min_length=1)
    port: Port = 8050
    public_url: str | None = Field(default=None, pattern=r"^https?://[^\s/?#@]+/?$")
    """Address that people open, such as ``https://desk.example``; None: what the browser asked for."""
    proxy: str | None = None
    """Address of the proxy in front, whose X-Forwarded-For, -Proto and -Host are believed; None: nobody's are."""
    secret_key: SecretStr | None = None
    """Signs session cookies; required in production, else kept in ``home``."""
    idle_minutes: float = Field(default=30.0, gt=0, le=1_440, allow_inf_nan=False)
    """A session that nothing was asked in for as long has ended."""
    session_hours: float = Field(default=12.0, gt=0, le=168, allow_inf_nan=False)
    """A session ends after as long whatever is asked."""
    oidc: OidcSettings = OidcSettings()

    @field_validator("secret_key")
    @classmethod
    def _is_long_enough(cls, key: SecretStr | None) -> SecretStr | None:
        return _long_key(key)


class AlertSettings(_Group):
    """Alerts that reach people."""

    file: Path | None = None
    """The alerts file (TOML): channels, contacts, routes. None: every alert goes to the alert outbox folder."""
    base_url: str = Field(default="http://127.0.0.1:8050", pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$")
    """Where people reach the pages; messages link to the case there."""


class ApiSettings(_Group):
    """The HTTP interface: where it listens, how it comes by decisions, and what it lets in."""

    mode: Literal["broker", "embedded"] | None = None
    """``broker`` asks the workers, ``embedded`` scores in this one process; None: embedded in local mode only."""
    host: str = Field(default="127.0.0.1", min_length=1)
    port: Port = 8060
    require_keys: bool = False
    """Ask for a key even in local mode on a loopback address; anywhere else one is always asked for."""
    docs: bool | None = None
    """Serve the OpenAPI description; None: in local mode only."""
    decision_seconds: float = Field(default=5.0, gt=0, le=600, allow_inf_nan=False)
    """Longest wait for a decision; then the answer says where to ask for it."""
    request_seconds: float = Field(default=30.0, gt=0, le=3_600, allow_inf_nan=False)
    """Longest time that a request may take, its own sending included."""
    body_bytes: int = Field(default=2_097_152, ge=1_024, le=134_217_728)
    """Largest body of a request."""
    concurrency: int = Field(default=256, ge=1, le=65_536)
    """Requests under way at once; more are told to come again."""
    requests_per_second: float = Field(default=500.0, gt=0, allow_inf_nan=False)
    """Requests that one key may send a second, on average; a second's worth may come at once."""

    @model_validator(mode="after")
    def _waits_in_time(self) -> Self:
        if self.decision_seconds >= self.request_seconds:
            raise ValueError("decision_seconds: must be below the request_seconds")
        return self


class ServicesSettings(_Group):
    """The local Kafka and Neo4j of ``python -m fraud services``; port 0 takes a free one."""

    cache: Path = Path.home() / ".cache" / "ringfence" / "services"
    """Folder of their class paths; the jars lie in Maven's own repository."""
    kafka_port: Port = 0
    kafka_memory_mb: int = Field(default=512, ge=256)
    """Java heap of Kafka, in MiB."""
    neo4j_bolt_port: Port = 0
    neo4j_http_port: Port = 0
    neo4j_memory_mb: int = Field(default=512, ge=256)
    """Java heap of Neo4j, in MiB."""
    neo4j_page_cache_mb: int = Field(default=256, ge=64)
    """Its cache of the graph's files, in MiB, beside the heap."""

    @field_validator("cache")
    @classmethod
    def _is_absolute(cls, path: Path) -> Path:
        return path.expanduser().absolute()


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
        return _long_key(key)

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
        _refuse_unknown(os.environ)
        try:
            return cls(**overrides)  # type: ignore[arg-type]
        except ValidationError as error:
            raise SettingsError("; ".join(_explain(error))) from None
        except UnreadableValue as error:
            field = re.search(r'field "(\w+)"', str(error))
            variable = PREFIX + field[1].upper() if field else PREFIX
            raise SettingsError(f"{variable}: not readable as JSON; set its parts as {variable}__…") from None

    def masked(self) -> dict[str, str]:
        """Variable name to value in force, secrets masked, in the order of declaration."""
        return dict(_flatten(self, PREFIX))


def _long_key(key: SecretStr | None) -> SecretStr | None:
    if key is not None and len(key.get_secret_value().strip()) < MINIMUM_KEY_LENGTH:
        raise ValueError(f"needs at least {MINIMUM_KEY_LENGTH} characters, as `openssl rand -hex 32` gives")
    return key


def _flatten(group: BaseModel, prefix: str) -> Iterator[tuple[str, str]]:
    for name in type(group).model_fields:
        value = getattr(group, name)
        variable = prefix + name.upper()
        if isinstance(value, BaseModel):
            yield from _flatten(value, f"{variable}__")
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


def _variable_names(group: type[BaseModel], prefix: str) -> Iterator[str]:
    """Every variable that may be set; a group may also be set whole, as JSON."""
    for name, field in group.model_fields.items():
        variable = prefix + name.upper()
        yield variable
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _variable_names(field.annotation, f"{variable}__")


def _refuse_unknown(environment: Mapping[str, str]) -> None:
    known = set(_variable_names(Settings, PREFIX))
    for variable in sorted(environment):
        if variable.upper().startswith(PREFIX) and variable.upper() not in known:
            near = difflib.get_close_matches(variable.upper(), known, n=1)
            hint = f"did you mean {near[0]}?" if near else "see `python -m fraud settings`"
            raise SettingsError(f"{variable}: no such setting; {hint}")


def _explain(error: ValidationError) -> Iterator[str]:
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        where = [str(part) for part in problem["loc"]]
        text = problem["msg"].removeprefix("Value error, ")
        # A rule over a whole group names its field first, as "password: required when …".
        named = re.match(r"([a-z_]+): (.*)", text)
        if problem["type"] == "value_error" and named:
            where, text = [*where, named[1]], named[2]
        yield f"{PREFIX}{'__'.join(where).upper()}: {text[0].lower()}{text[1:]}"
