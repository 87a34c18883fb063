from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from fraud.errors import SettingsError
from fraud.settings import Settings

KEY = "0123456789abcdef0123456789abcdef"


def test_defaults_are_local_embedded_and_below_home(tmp_path: Path) -> None:
    settings = Settings.load()
    home = tmp_path / "home"
    assert settings.environment == "local"
    assert settings.graph.uri is None
    assert settings.home == home
    assert settings.database_url.get_secret_value() == f"sqlite:///{home}/record.sqlite3"
    assert settings.alert_outbox == home / "outbox"
    assert settings.token_key is None
    assert settings.graph.password is None


def test_relative_home_is_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings.load(home=Path("here"))
    assert settings.home == tmp_path / "here"
    assert str(tmp_path / "here") in settings.database_url.get_secret_value()


def test_nested_variables_and_overrides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGFENCE_COSTS__REVIEW_COST", "7.5")
    monkeypatch.setenv("RINGFENCE_CURRENCY", "EUR")
    settings = Settings.load(currency="INR")
    assert settings.costs.review_cost == 7.5
    assert settings.costs.recovery_rate == 1.0
    assert settings.currency == "INR"


def test_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGFENCE_GRAPH__URI", "")
    monkeypatch.setenv("RINGFENCE_DASHBOARD__PORT", "")
    assert Settings.load().dashboard.port == 8050


def test_settings_are_frozen() -> None:
    settings = Settings.load()
    with pytest.raises(ValidationError):
        settings.currency = "EUR"
    with pytest.raises(ValidationError):
        settings.graph.user = "x"


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("RINGFENCE_CURRENCY", "dollars", "RINGFENCE_CURRENCY: string should match"),
        ("RINGFENCE_LABEL_DELAY_DAYS", "-1", "RINGFENCE_LABEL_DELAY_DAYS: input should be greater"),
        ("RINGFENCE_LABEL_DELAY_DAYS", "nan", "RINGFENCE_LABEL_DELAY_DAYS: input should be"),
        ("RINGFENCE_COSTS__RECOVERY_RATE", "2", "RINGFENCE_COSTS__RECOVERY_RATE: input should be less"),
        ("RINGFENCE_DASHBOARD__PORT", "70000", "RINGFENCE_DASHBOARD__PORT: input should be less"),
        ("RINGFENCE_ONLINE__BATCH_SIZE", "many", "RINGFENCE_ONLINE__BATCH_SIZE: input should be a valid"),
        ("RINGFENCE_ENVIRONMENT", "staging", "RINGFENCE_ENVIRONMENT: input should be 'local' or"),
        ("RINGFENCE_TOKEN_KEY", "short", "RINGFENCE_TOKEN_KEY: needs at least 32"),
        ("RINGFENCE_DATABASE_URL", "record.db", "RINGFENCE_DATABASE_URL: must look like"),
        ("RINGFENCE_GRAPH__URI", "http://h", "RINGFENCE_GRAPH__URI: must look like"),
        ("RINGFENCE_GRAPH__URI", "bolt://me:pw@h", "RINGFENCE_GRAPH__URI: must not hold a user"),
        ("RINGFENCE_GRAPH__URI", "bolt://h:7687", "RINGFENCE_GRAPH__PASSWORD: required when"),
        ("RINGFENCE_GRAPH", "{", "RINGFENCE_GRAPH: not readable as JSON"),
        ("RINGFENCE_GRAPH", '{"pasword": "x"}', "RINGFENCE_GRAPH__PASWORD: extra inputs"),
        ("RINGFENCE_ENVIRONMENT", "production", "RINGFENCE_TOKEN_KEY: required in production"),
    ],
)
def test_bad_value_is_one_line_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as caught:
        Settings.load()
    message = str(caught.value)
    assert message.startswith(expected)
    assert "\n" not in message


def test_all_faults_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGFENCE_CURRENCY", "x")
    monkeypatch.setenv("RINGFENCE_DASHBOARD__PORT", "x")
    with pytest.raises(SettingsError, match=r"RINGFENCE_CURRENCY: .*; RINGFENCE_DASHBOARD__PORT: "):
        Settings.load()


@pytest.mark.parametrize(
    ("variable", "near"),
    [
        ("RINGFENCE_COSTS__REVEW_COST", "RINGFENCE_COSTS__REVIEW_COST"),
        ("RINGFENCE_CURENCY", "RINGFENCE_CURRENCY"),
    ],
)
def test_misspelt_variable_is_refused_with_the_right_one(
    monkeypatch: pytest.MonkeyPatch, variable: str, near: str
) -> None:
    monkeypatch.setenv(variable, "1")
    with pytest.raises(SettingsError, match=rf"{variable}: no such setting; did you mean {near}\?"):
        Settings.load()


@given(secret=st.text(alphabet="abcdefghijkmnopqrstuvwxyz@:", min_size=4, max_size=20).map("Q7".__add__))
def test_no_secret_is_ever_shown(secret: str) -> None:
    settings = Settings.load(
        token_key=secret + KEY,
        database_url=f"postgresql+psycopg://ringfence:{secret}@record:5432/ringfence?password={secret}",
        graph={"uri": "bolt://h:7687", "password": secret},
    )
    shown = settings.masked()
    assert secret not in repr(settings) + str(settings) + repr(shown)
    assert shown["RINGFENCE_DATABASE_URL"] == "postgresql+psycopg://ringfence:********@record:5432/ringfence"
    assert shown["RINGFENCE_GRAPH__PASSWORD"] == "********"


def test_a_bad_secret_is_not_shown_in_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGFENCE_TOKEN_KEY", "hush-hush")
    monkeypatch.setenv("RINGFENCE_DATABASE_URL", "hush-hush")
    with pytest.raises(SettingsError) as caught:
        Settings.load()
    assert "hush" not in str(caught.value)
    # A traceback shows the causes as well.
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_masked_names_can_be_set_again(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Settings.load()
    for variable, value in before.masked().items():
        monkeypatch.setenv(variable, value)
    assert Settings.load() == before


def test_every_setting_is_documented_and_no_other() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "settings.md").read_text()
    documented = re.findall(r"^\| `(RINGFENCE_\w+)` \|", page, re.MULTILINE)
    assert documented == list(Settings.load().masked())
