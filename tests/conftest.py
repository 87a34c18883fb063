from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the person running the tests gets in, and nothing is written outside the test's folder."""
    for variable in os.environ:
        if variable.upper().startswith("RINGFENCE_") and variable != "RINGFENCE_KERNEL_CACHE":
            monkeypatch.delenv(variable)
    monkeypatch.setenv("RINGFENCE_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="session")
def chromium() -> Path:
    """An installed Chromium; without one the test is skipped, but fails under CI."""
    for name in BROWSERS:
        found = shutil.which(name)
        if found:
            return Path(found)
    message = "no Chromium here: sudo apt-get install chromium"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)
