"""A certificate for this machine, signed by itself, for servers that tests talk to over TLS."""

from __future__ import annotations

import subprocess
from pathlib import Path

__all__ = ["make_certificate"]


def make_certificate(certificate: Path, key: Path) -> None:
    """Write both as PEM: good for two days, as ``localhost`` and ``127.0.0.1``."""
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    out = ["-keyout", key, "-out", certificate]
    subprocess.run(["openssl", "req", "-x509", *curve, *names, *out], check=True, capture_output=True)
