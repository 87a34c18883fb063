"""How librdkafka's clients reach the broker.

aiokafka, which Faust and the rest stand on, parses and gathers in Python; where that is most of the work, in what reads
transactions and in what publishes them, librdkafka does it in threads of its own.
"""

from __future__ import annotations

import logging

from fraud.errors import SettingsError
from fraud.settings import StreamSettings

__all__ = ["Configuration", "configuration"]

Configuration = dict[str, str | int | float | bool | logging.Logger]
"""librdkafka's own names for settings, and a logger for what it has to say."""

log = logging.getLogger(__name__)


def configuration(stream: StreamSettings) -> Configuration:
    """Address, encryption and log-in; raises SettingsError for unreadable certificates."""
    protocol = ("SASL_" if stream.user else "") + ("SSL" if stream.tls else "PLAINTEXT")
    said: Configuration = {
        "bootstrap.servers": stream.broker,
        "client.id": "ringfence",
        "security.protocol": protocol,
        "logger": log,
    }
    if stream.tls and stream.ca_file:
        try:
            stream.ca_file.read_bytes()
        except OSError as error:
            raise SettingsError(
                f"RINGFENCE_STREAM__CA_FILE: {stream.ca_file} cannot be read ({error})"
            ) from None
        said["ssl.ca.location"] = str(stream.ca_file)
    if stream.user and stream.password:
        said |= {
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": stream.user,
            "sasl.password": stream.password.get_secret_value(),
        }
    return said
