"""librdkafka is told of encryption and log-in as aiokafka is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from requests.certs import where

from fraud.errors import SettingsError
from fraud.settings import Settings, StreamSettings
from stream.broker import security
from stream.native_client import configuration


def stream(home: Path, **said: Any) -> StreamSettings:
    return Settings.load(home=home, stream={"broker": "127.0.0.1:9", **said}).stream


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("user", [None, "ringfence"])
def test_both_clients_use_the_same_protocol_and_name(tmp_path: Path, tls: bool, user: str | None) -> None:
    password = "x y" if user else None
    said = stream(tmp_path, tls=tls, ca_file=where() if tls else None, user=user, password=password)
    ours, theirs = configuration(said), security(said)
    assert ours["security.protocol"] == theirs["security_protocol"]
    assert ours.get("sasl.mechanism") == theirs.get("sasl_mechanism")
    assert ours.get("sasl.username") == theirs.get("sasl_plain_username")
    assert ours.get("sasl.password") == theirs.get("sasl_plain_password")
    # The library itself refuses what it does not know or was built without.
    Producer(dict(ours))


def test_certificates_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    said = stream(tmp_path, tls=True, ca_file=tmp_path / "none.pem")
    with pytest.raises(SettingsError, match=r"RINGFENCE_STREAM__CA_FILE: .*none\.pem cannot be read"):
        configuration(said)
