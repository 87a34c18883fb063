"""The outermost layer of the HTTP interface: bounds, headers, metrics, and a log that holds nothing personal."""

from __future__ import annotations

import asyncio
import logging
import time
from urllib.parse import urlsplit

import prometheus_client as prometheus
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fraud.settings import ApiSettings
from stream.api_problems import ProblemError, answer

__all__ = ["Edge", "Metrics"]

log = logging.getLogger(__name__)

HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)
PROBES = ("/healthz", "/readyz")
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
UNMATCHED = "unmatched"


class Metrics:
    """What Prometheus asks for; one registry an app."""

    def __init__(self) -> None:
        self.registry = prometheus.CollectorRegistry()
        self.requests = prometheus.Counter(
            "ringfence_api_requests",
            "Requests answered",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.seconds = prometheus.Histogram(
            "ringfence_api_request_seconds", "Time to the answer", ["route"], registry=self.registry
        )
        self.under_way = prometheus.Gauge(
            "ringfence_api_requests_under_way", "Requests under way", registry=self.registry
        )
        self.answers = prometheus.Counter(
            "ringfence_api_answers",
            "Transactions by what was answered: an outcome, pending, refused, conflict or failed",
            ["answer"],
            registry=self.registry,
        )
        self.waiting = prometheus.Gauge(
            "ringfence_api_waiting", "Transactions that wait for a decision", registry=self.registry
        )


class Edge:
    """ASGI middleware around everything, so that every answer has its headers and every fault its problem."""

    def __init__(self, app: ASGIApp, *, settings: ApiSettings, metrics: Metrics, only_loopback: bool) -> None:
        self.app = app
        self._settings = settings
        self._metrics = metrics
        self._only_loopback = only_loopback
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *HEADERS]
            await send(message)

        self._under_way += 1
        self._metrics.under_way.inc()
        try:
            try:
                await self._answer(scope, receive, send_with_headers)
            except ProblemError as error:
                if not status:
                    await answer(error)(scope, receive, send_with_headers)
        finally:
            self._under_way -= 1
            self._metrics.under_way.dec()
            self._note(scope, status, time.perf_counter() - began)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the app answer; raises ProblemError for what stopped it."""
        self._admit(scope)
        try:
            async with asyncio.timeout(self._settings.request_seconds) as deadline:
                await self.app(scope, receive, send)
        except ClientDisconnect:
            return
        except Exception as error:
            if isinstance(error, TimeoutError) and deadline.expired():
                seconds = self._settings.request_seconds
                raise ProblemError(504, f"not done in {seconds:g} seconds") from None
            log.exception("request failed", extra={"route": _route(scope)})
            raise ProblemError(500, "a fault of ours; the log of the service has it") from None

    def _admit(self, scope: Scope) -> None:
        if self._only_loopback:
            # A foreign page could reach an open service by pointing a name of its own at this machine.
            try:
                name = urlsplit(f"//{Request(scope).headers.get('host', '')}").hostname
            except ValueError:
                name = None
            if name not in LOOPBACK_NAMES:
                raise ProblemError(421, "without keys this service answers to localhost only")
        if self._under_way > self._settings.concurrency and scope["path"] not in PROBES:
            raise ProblemError(429, "too many requests are under way", headers={"Retry-After": "1"})

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        # The route, never the path: that may hold an account id.
        route, method = _route(scope), scope["method"]
        self._metrics.requests.labels(method if route != UNMATCHED else "", route, str(status)).inc()
        self._metrics.seconds.labels(route).observe(seconds)
        log.info(
            "request",
            extra={
                "method": method,
                "route": route,
                "status": status,
                "milliseconds": round(seconds * 1000, 1),
                "caller": scope.get("caller", ""),
            },
        )


def _route(scope: Scope) -> str:
    return str(getattr(scope.get("route"), "path", UNMATCHED))
