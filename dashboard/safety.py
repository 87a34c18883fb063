"""What keeps the pages to those they are for, until people sign in: loopback only, strict headers."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

from dash import Dash
from flask import Response, abort, request

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


def secure(app: Dash, *, only_loopback: bool) -> None:
    """Add headers to every answer; with ``only_loopback`` refuse requests that name another host.

    The latter stops a foreign site from reaching the pages by pointing its own name at this machine.
    """

    def refuse_other_names() -> None:
        name = urlsplit(f"//{request.host}").hostname
        if only_loopback and name not in LOOPBACK_NAMES:
            abort(400, "This address is only for this machine.")

    def add_headers(response: Response) -> Response:
        # Dash adds inline scripts as late as the first request, so their hashes are asked for each time.
        is_page = response.mimetype == "text/html"
        policy = _page_policy(app.csp_hashes()) if is_page else "default-src 'none'; frame-ancestors 'none'"
        response.headers.update({**HEADERS, "Content-Security-Policy": policy})
        if not request.path.startswith(("/assets/", "/_dash-component-suites/")):
            response.headers["Cache-Control"] = "no-store"
        return response

    app.server.before_request(refuse_other_names)
    app.server.after_request(add_headers)


def _page_policy(script_hashes: Sequence[str]) -> str:
    return "; ".join(
        (
            "default-src 'self'",
            " ".join(("script-src 'self'", *script_hashes)),
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
