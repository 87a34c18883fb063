"""The ``services`` command: a real Kafka and a real Neo4j on this machine, without Docker."""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence
from enum import StrEnum
from types import FrameType
from typing import Annotated

import typer

from fraud.errors import ServiceError
from fraud.processes import resident_mb
from fraud.services.kafka import KafkaService
from fraud.services.neo4j import Neo4jService
from fraud.services.service import JavaService
from fraud.settings import Settings

__all__ = ["Action", "ServiceName", "command", "services_of"]


class Action(StrEnum):
    """What to do with the services."""

    UP = "up"
    DOWN = "down"
    STATUS = "status"


class ServiceName(StrEnum):
    """The services there are."""

    KAFKA = "kafka"
    NEO4J = "neo4j"


def command(
    action: Annotated[Action, typer.Argument(help="Start them, stop them, or show what runs.")],
    service: Annotated[ServiceName | None, typer.Argument(help="Only this one.")] = None,
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Stay, and stop them at the end (Ctrl-C).")
    ] = False,
) -> None:
    """Run a real Kafka and a real Neo4j on this machine, from the jars of Maven Central.

    `up` returns when both answer, with the variables to export on standard output, so that
    `eval "$(python -m fraud services up)"` sets them.
    """
    settings = Settings.load()
    chosen = [one for one in services_of(settings, keep=not foreground) if service in (None, one.name)]
    match action:
        case Action.UP if foreground:
            _stay(chosen)
        case Action.UP:
            _up(chosen)
        case Action.DOWN:
            _down(chosen)
        case Action.STATUS:
            _status(chosen)


def services_of(settings: Settings, *, keep: bool) -> list[JavaService]:
    """The services as the settings describe them, in the order they start; ``keep`` as in ``JavaService``."""
    wanted = settings.services
    folder = settings.home / "services"
    kafka = KafkaService(
        folder / "kafka",
        cache=wanted.cache,
        ports={"broker": wanted.kafka_port},
        memory_mb=wanted.kafka_memory_mb,
        keep=keep,
        quick=False,
    )
    neo4j = Neo4jService(
        folder / "neo4j",
        cache=wanted.cache,
        ports={"bolt": wanted.neo4j_bolt_port, "http": wanted.neo4j_http_port},
        memory_mb=wanted.neo4j_memory_mb,
        page_cache_mb=wanted.neo4j_page_cache_mb,
        keep=keep,
        quick=False,
    )
    return [kafka, neo4j]


def _up(chosen: Sequence[JavaService]) -> None:
    for service in chosen:
        already = service.pid is not None
        service.start()
        print(f"# {service.name} {service.version}: {'already up' if already else 'up'}, {_where(service)}")
        for variable, value in service.environment().items():
            print(f'export {variable}="{value}"', flush=True)


def _stay(chosen: Sequence[JavaService]) -> None:
    for service in chosen:
        if service.pid is not None:
            raise ServiceError(f"{service.name}: runs already as process {service.pid}; stop it with `down`")
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        _up(chosen)
        while all(service.pid for service in chosen):
            time.sleep(1.0)
        gone = next(service for service in chosen if not service.pid)
        raise ServiceError(f"{gone.name}: ended by itself; its log is {gone.log}")
    finally:
        _down(chosen)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _down(chosen: Sequence[JavaService]) -> None:
    for service in chosen:
        was_up = service.pid is not None
        service.stop()
        print(f"# {service.name}: {'stopped' if was_up else 'was not running'}", flush=True)


def _status(chosen: Sequence[JavaService]) -> None:
    for service in chosen:
        if service.pid is None:
            print(f"{service.name} {service.version}: not running ({service.folder})")
        else:
            state = "answers" if service.answers() else "does not answer (yet)"
            print(f"{service.name} {service.version}: {state}, {_where(service)}")


def _where(service: JavaService) -> str:
    pages = f", {service.browser}" if isinstance(service, Neo4jService) else ""
    pid = service.pid or 0
    return f"{service.address}{pages}, process {pid}, {resident_mb(pid):.0f} MB, data in {service.folder}"
