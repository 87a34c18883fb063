"""The interface keeps to its own description: schemathesis asks a running one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fraud.record import Record
from stream.api_keys import ApiKeys, Scope
from tests.fraud.payments import alert, ring
from tests.stream.api_client import service, settings_of
from tests.stream.conftest import World

EXAMPLES = 5
"""A request of each operation and phase, at most; the number for a quick look at a busy machine."""

UNSAID = "positive_data_acceptance"
"""JSON Schema cannot say that a payer must not be the payee, or that an event lies no more than a day ahead."""


@pytest.mark.slow
def test_schemathesis_finds_nothing(world: World, tmp_path: Path) -> None:
    settings = settings_of(world, tmp_path / "home")
    settings.home.mkdir()
    record = Record.open(settings.database_url.get_secret_value())
    record.write_batch([], [], rings=[ring()], alerts=[alert(ring())])
    secret, _ = ApiKeys(record.engine).create("schemathesis", Scope, actor="test")
    record.close()
    with service(settings, RINGFENCE_API__REQUIRE_KEYS="true") as (_, address):
        done = subprocess.run(
            [
                *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{address}/openapi.json"),
                *("--header", f"Authorization: Bearer {secret}"),
                *("--checks", "all", "--exclude-checks", UNSAID, "--max-examples", str(EXAMPLES)),
                *(
                    "--seed",
                    "1",
                    "--generation-database",
                    "none",
                    "--warnings",
                    "off",
                    "--continue-on-failure",
                ),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=500,
        )
    assert done.returncode == 0, done.stdout[-6_000:]
