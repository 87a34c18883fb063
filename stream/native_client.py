"""How librdkafka's clients reach the broker.

aiokafka, which Faust and the rest stand on, parses and gathers in Python; where that is most of the work, in what reads
transactions and in what publishes them, librdkafka does it in threads of its own.
"""

from __future__ import annotations

import logging

from fraud.settings import StreamSettings
from stream.broker import security

__all__ = ["Configuration", "configuration"]

Configuration = dict[str, str | int | float | bool | logging.Logger]
"""librdkafka's own names for settings, and a logger for what it has to say."""

log = logging.getLogger(__name__)

NAMES = {
    "security_protocol": "security.protocol",
    "sasl_mechanism": "sasl.mechanism",
    "sasl_plain_username": "sasl.username",
    "sasl_plain_password": "sasl.password",
}
"""aiokafka's names for the same settings."""


def configuration(stream: StreamSettings) -> Configuration:
    """Address, encryption and log-in; raises SettingsError for unreadable certificates."""
    said = security(stream)
    ours: Configuration = {"bootstrap.servers": stream.broker, "client.id": "ringfence"}
    # Errors alone: its warnings are of what it tries again, as with a coordinator that is still loading.
    ours |= {"logger": log, "log_level": 3}
    ours |= {NAMES[name]: value for name, value in said.items() if name in NAMES}
    if "ssl_context" in said and stream.ca_file is not None:
        ours["ssl.ca.location"] = str(stream.ca_file)
    return ours
