from __future__ import annotations

from pathlib import Path

import pytest

from fraud.alert_config import load_config
from fraud.channel_config import SmtpConfig, Updates, WebhookConfig
from fraud.channels.opening import open_channel
from fraud.errors import SettingsError
from fraud.settings import Settings

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "deploy" / "alerts.example.toml"
GOOD = """
[channels.mail]
kind = "smtp"
host = "mail.example.com"
sender = "ringfence@example.com"
[contacts.asha]
email = "asha@example.com"
[[routes]]
name = "all"
channels = ["mail"]
"""


def settings(tmp_path: Path, content: str) -> Settings:
    file = tmp_path / "alerts.toml"
    file.write_text(content)
    return Settings.load(alerts={"file": file})


def test_without_a_file_everything_goes_to_the_folder() -> None:
    config = load_config(Settings.load())
    assert [one.kind for one in config.channels.values()] == ["folder"]
    assert config.routes[0].channels == ("folder",)


def test_a_small_file_has_sensible_defaults(tmp_path: Path) -> None:
    config = load_config(settings(tmp_path, GOOD))
    mail = config.channels["mail"]
    assert mail.updates is Updates.NEWEST
    assert mail.kind == "smtp"
    assert mail.security == "starttls"
    assert config.delivery.attempts > 10


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('"smtp"', '"pigeon"'), "channels.mail"),
        (('host = "mail.example.com"', ""), "channels.mail.smtp.host: Field required"),
        (('"asha@example.com"', '"asha"'), "contacts.asha.email"),
        (('["mail"]', '["male"]'), "routes all: no channel 'male'"),
        (('email = "asha@example.com"', 'phone = "+15005550001"'), "channel mail reaches nobody"),
        (('name = "all"', 'name = "all"\ncontacts = ["bo"]'), "no contact 'bo'"),
        (('name = "all"', 'name = "all"\nhours = "9-5"'), "hours: must look like 22:00-07:00"),
        (('name = "all"', 'name = "all"\ndays = ["monday"]'), "days: must be some of mon"),
        (('name = "all"', 'name = "all"\nmin_severity = "dire"'), "min_severity"),
        (('name = "all"', 'name = "all"\ntime_zone = "Mars"'), "time_zone 'Mars': not known"),
        (('name = "all"', 'name = "all"\ncolour = "red"'), "colour: Extra inputs"),
        (('kind = "smtp"', 'kind = "smtp"\nrate = "10 an hour"'), "rate: must look like 20/hour"),
        (
            ('kind = "smtp"', 'kind = "smtp"\nuser = "me"\npassword_env = "P"\nallow_plain = true'),
            "never with a login",
        ),
        (('kind = "smtp"', 'kind = "smtp"\nuser = "me"'), "set user and password_env together"),
        (
            ('kind = "smtp"', 'kind = "smtp"\nuser = "me"\npassword_env = "RINGFENCE_X"'),
            "must not begin with",
        ),
        (("[[routes]]", "[[routes]"), "not readable as TOML"),
    ],
)
def test_a_bad_file_is_one_line_that_names_the_entry(
    tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    assert change[0] in GOOD
    with pytest.raises(SettingsError) as caught:
        load_config(settings(tmp_path, GOOD.replace(*change)))
    message = str(caught.value)
    assert said in message
    assert "\n" not in message
    assert "alerts.toml" in message


def test_a_missing_file_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="RINGFENCE_ALERTS__FILE: cannot read"):
        load_config(Settings.load(alerts={"file": tmp_path / "none.toml"}))


def test_a_missing_secret_names_channel_and_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = GOOD.replace('kind = "smtp"', 'kind = "smtp"\nuser = "me"\npassword_env = "ALERTS_PASSWORD"')
    of_file = settings(tmp_path, content)
    config = load_config(of_file)
    with pytest.raises(SettingsError, match="channels mail: ALERTS_PASSWORD: not set"):
        open_channel(of_file, "mail", config.channels["mail"])
    monkeypatch.setenv("ALERTS_PASSWORD", "x")
    open_channel(of_file, "mail", config.channels["mail"]).close()


@pytest.mark.parametrize(
    ("channel", "said"),
    [
        (
            SmtpConfig(kind="smtp", host="h", sender="a@b", security="none"),
            "security: must be starttls or tls",
        ),
        (
            WebhookConfig(kind="webhook", url="http://example.com/", secret_env="ALERTS_SECRET"),
            "url: must be https",
        ),
    ],
)
def test_production_refuses_what_is_not_encrypted(
    monkeypatch: pytest.MonkeyPatch, channel: SmtpConfig | WebhookConfig, said: str
) -> None:
    monkeypatch.setenv("ALERTS_SECRET", "whsec_" + "A" * 40)
    local = Settings.load()
    open_channel(local, "one", channel).close()
    with pytest.raises(SettingsError, match=f"channels one: {said}"):
        open_channel(local.model_copy(update={"environment": "production"}), "one", channel)


@pytest.mark.parametrize("file", ["alerts.toml", "kubernetes/alerts.toml"])
def test_the_files_of_the_stacks_are_good_in_production(file: str) -> None:
    of_stack = Settings.load(alerts={"file": EXAMPLE.parent / file})
    production = of_stack.model_copy(update={"environment": "production"})
    for name, channel in load_config(production).channels.items():
        open_channel(production, name, channel).close()


def test_the_example_is_a_good_file(monkeypatch: pytest.MonkeyPatch) -> None:
    of_example = Settings.load(alerts={"file": EXAMPLE})
    config = load_config(of_example)
    assert {one.kind for one in config.channels.values()} == {
        "folder", "twilio", "smtp", "webhook", "apprise"
    }  # fmt: skip
    values = {
        "ALERTS_TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
        "ALERTS_TWILIO_AUTH_TOKEN": "0" * 32,
        "ALERTS_SMTP_PASSWORD": "x",
        "ALERTS_WEBHOOK_SECRET": "whsec_" + "A" * 40,
        "ALERTS_SLACK_URL": "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/",
        "ALERTS_PAGERDUTY_URL": "pagerduty://A@" + "B" * 32,
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    for name, channel in config.channels.items():
        open_channel(of_example, name, channel).close()
