"""What keeps the pages to those they are for beside the sign-in: names they answer to, strict headers."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

from dash import Dash
from flask import Response, abort, request

from fraud.errors import SettingsError
from fraud.settings import Settings

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


def check_host(host: str, settings: Settings) -> None:
    """Refuse to be reachable from other machines in production without TLS, where passwords would travel openly."""
    if settings.environment != "local" and not is_loopback(host) and settings.dashboard.public_url is None:
        raise SettingsError(
            f"RINGFENCE_DASHBOARD__PUBLIC_URL: required to listen on {host} in production: the https:// address "
            "of the proxy in front, which speaks TLS to browsers; or listen on 127.0.0.1"
        )


def secure(app: Dash, *, only_loopback: bool, https: bool = False, host: str | None = None) -> None:
    """Add headers to every answer; refuse requests that name another host than ``host`` or this machine itself.

    The latter, asked for by ``only_loopback`` or by a ``host``, stops a foreign site from reaching the pages by
    pointing its own name at this machine. With ``https`` browsers are told to come by TLS from now on.
    """
    names = LOOPBACK_NAMES if host is None else LOOPBACK_NAMES | {host}
    headers = {**HEADERS, "Strict-Transport-Security": "max-age=31536000"} if https else HEADERS

    def refuse_other_names() -> None:
        name = urlsplit(f"//{request.host}").hostname
        if (only_loopback or host is not None) and name not in names:
            abort(400, "This address is not served here.")

    def add_headers(response: Response) -> Response:
        # Dash adds inline scripts as late as the first request, so their hashes are asked for each time.
        is_page = response.mimetype == "text/html"
        policy = _page_policy(app.csp_hashes()) if is_page else "default-src 'none'; frame-ancestors 'none'"
        response.headers.update({**headers, "Content-Security-Policy": policy})
        if not request.path.startswith(("/assets/", "/_dash-component-suites/")):
            response.headers["Cache-Control"] = "no-store"
        elif "m" in request.args:
            # The address of an asset names its version: it never changes behind it.
            response.headers["Cache-Control"] = "private, max-age=31536000, immutable"
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
