"""Makes the channels of an alerts file, their secrets taken from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping

from fraud.alert_config import AlertConfig
from fraud.channel_config import AppriseConfig, ChannelConfig, FolderConfig, SmtpConfig, TwilioConfig
from fraud.channels.channel import Channel
from fraud.errors import SettingsError
from fraud.settings import Settings

__all__ = ["open_channel", "open_channels", "secret"]


def open_channels(settings: Settings, config: AlertConfig) -> dict[str, Channel]:
    """All channels by name. Raises SettingsError naming the one that can't be made, and why."""
    return {name: open_channel(settings, name, one) for name, one in config.channels.items()}


def open_channel(settings: Settings, name: str, config: ChannelConfig) -> Channel:
    """One channel. What it needs is imported for its kind only."""
    try:
        return _opened(settings, config)
    except SettingsError as error:
        raise SettingsError(f"channels {name}: {error}") from error
    except OSError as error:
        raise SettingsError(f"channels {name}: ca_file: not readable ({error.strerror})") from error


def _opened(settings: Settings, config: ChannelConfig) -> Channel:
    local = settings.environment == "local"
    if isinstance(config, FolderConfig):
        from fraud.channels.local_folder import LocalFolder

        return LocalFolder(config.folder or settings.alert_outbox)
    if isinstance(config, TwilioConfig):
        from fraud.channels.twilio_sms import TwilioSms

        return TwilioSms(config, secret(config.account_sid_env), secret(config.auth_token_env), local=local)
    if isinstance(config, SmtpConfig):
        from fraud.channels.smtp_email import SmtpEmail

        return SmtpEmail(config, secret(config.password_env) if config.password_env else None, local=local)
    if isinstance(config, AppriseConfig):
        from fraud.channels.apprise_channel import AppriseChannel

        return AppriseChannel(config, secret(config.url_env))
    from fraud.channels.webhook import Webhook

    return Webhook(config, secret(config.secret_env), local=local)


def secret(variable: str, environment: Mapping[str, str] = os.environ) -> str:
    """The value of a variable that the alerts file names. Raises SettingsError where it is not set."""
    value = environment.get(variable, "").strip()
    if not value:
        raise SettingsError(f"{variable}: not set in the environment, and the alerts file asks for it")
    return value
