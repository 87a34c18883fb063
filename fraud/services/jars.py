"""The class path of a service: resolved by Maven once, then read from a file."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from fraud.errors import ServiceError
from fraud.progress import stage
from fraud.write_aside import write_aside

__all__ = ["class_path", "pinned_version"]

POM = Path(__file__).with_name("pom.xml")


def pinned_version(service: str) -> str:
    """The version of a service that the pom names."""
    found = re.search(rf"<{service}\.version>([^<]+)<", POM.read_text())
    if found is None:
        raise ServiceError(f"{POM}: names no {service}.version")
    return found[1]


def class_path(service: str, cache: Path) -> str:
    """The jars of a service, joined as Java wants them; Maven fetches what is missing, showing how far it is.

    Raises ServiceError where Maven is not installed or cannot reach its repository.
    """
    cache.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(POM.read_bytes()).hexdigest()[:12]
    kept = cache / f"{service}-{digest}.classpath"
    # One turn for all services: Maven's own repository is not made for two writers.
    with (cache / "maven.lock").open("ab") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not _is_whole(kept):
            with write_aside(kept) as aside:
                _resolve(service, aside)
    return kept.read_text().strip()


def _is_whole(kept: Path) -> bool:
    return kept.exists() and all(Path(jar).exists() for jar in kept.read_text().strip().split(os.pathsep))


def _resolve(service: str, target: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise ServiceError(f"{service}: needs Maven once, to fetch its jars (Debian: apt-get install maven)")
    command = [maven, "--batch-mode", "--file", str(POM), "--activate-profiles", service]
    command += ["dependency:build-classpath", f"-Dmdep.outputFile={target}"]
    complaints: list[str] = []
    with (
        stage(f"{service}: fetching jars from Maven's repository") as advance,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process,
    ):
        assert process.stdout is not None  # noqa: S101 - it was asked for
        for line in process.stdout:
            if "Downloaded from" in line:
                advance()
            elif "[ERROR]" in line:
                complaints.append(line.split("[ERROR]")[1].strip())
    if process.returncode != 0 or not target.exists():
        why = next(iter(complaints), f"mvn ended with {process.returncode}")
        raise ServiceError(
            f"{service}: Maven could not fetch its jars; is its repository in reach? {why[:300]}"
        )
