"""What keeps the pages to those they are for, until people sign in: loopback only, strict headers."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from flask import Flask, Response, abort, request

from fraud.errors import SettingsError

__all__ = ["check_host", "is_loopback", "secure"]

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address to listen on."""
    if host in LOOPBACK_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_host(host: str, environment: str) -> None:
    """Refuse to be reachable from other machines in production, as there is no sign-in yet."""
    if environment != "local" and not is_loopback(host):
        raise SettingsError(
            f"RINGFENCE_DASHBOARD__HOST: {host} can be reached from other machines and the pages have no sign-in yet; "
            "listen on 127.0.0.1 and put an authenticating proxy in front"
        )


def secure(server: Flask, script_hashes: Sequence[str], *, only_loopback: bool) -> None:
    """Add headers to every answer; with ``only_loopback`` refuse requests that name another host.

    The latter stops a foreign site from reaching the pages by pointing its own name at this machine.
    """
    policy = "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self' {' '.join(script_hashes)}".rstrip(),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )

    @server.before_request
    def refuse_other_names() -> None:
        name = request.host.rsplit(":", 1)[0].strip("[]") if request.host.count(":") != 0 else request.host
        if only_loopback and name not in LOOPBACK_NAMES:
            abort(400, "This address is only for this machine.")

    @server.after_request
    def add_headers(response: Response) -> Response:
        response.headers.update({**HEADERS, "Content-Security-Policy": policy})
        if not request.path.startswith(("/assets/", "/_dash-component-suites/")):
            response.headers["Cache-Control"] = "no-store"
        return response
