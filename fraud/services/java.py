"""The Java runtime of this machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from fraud.errors import ServiceError

__all__ = ["LASTING_OPTIONS", "OPTIONS", "QUICK_OPTIONS", "java"]

OLDEST = 17
OPTIONS = ("-Djava.awt.headless=true", "-Dfile.encoding=UTF-8")
QUICK_OPTIONS = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""One small collector and one compiler: up in about half the time on two busy cores."""
LASTING_OPTIONS = ("-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:+ExplicitGCInvokesConcurrent")
"""For what runs long: both compilers, and no pause that a question would notice (190 ms of a Neo4j with a gigabyte)."""


def java() -> str:
    """The ``java`` of JAVA_HOME, else of PATH; raises ServiceError where there is none, or none new enough."""
    remedy = f"needs Java {OLDEST} or newer (Debian: apt-get install default-jre-headless), or JAVA_HOME"
    home = os.environ.get("JAVA_HOME")
    found = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if found is None:
        raise ServiceError(f"no java on PATH: {remedy}")
    try:
        told = subprocess.run([found, "-version"], capture_output=True, text=True, check=False).stderr
    except OSError as error:
        raise ServiceError(f"cannot run {found} ({error.strerror}): {remedy}") from None
    version = re.search(r'version "(\d+)', told)
    if version is None or int(version[1]) < OLDEST:
        raise ServiceError(f"{found} is Java {version[1] if version else 'of unknown version'}: {remedy}")
    return found
