"""The command line, ``python -m fraud COMMAND``: each command's module is imported only when it is called."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, wraps
from importlib import import_module

from fraud import __version__
from fraud.errors import InputError
from fraud.exits import exit_status

__all__ = ["COMMANDS", "Command", "main"]

PROGRAM = "python -m fraud"


@dataclass(frozen=True, slots=True)
class Command:
    """One sub-command: where its function is, and its line in the list."""

    target: str
    """``module:function``; the function has typed parameters with ``typer.Option``s, its docstring is its help."""
    summary: str


COMMANDS: dict[str, Command] = {
    "simulate": Command("data.simulate:command", "Write a simulated payment world with known fraud rings"),
    "load": Command("data.loaders.command:command", "Turn a public or custom file into the canonical schema"),
    "train": Command(
        "models.training:command", "Fit every model on a transaction file into one artefact folder"
    ),
    "replay": Command("stream.replay:command", "Run the online pipeline over a file in event order"),
    "evaluate": Command("models.evaluate:command", "Measure scores against the truth, with plots"),
    "seed": Command("stream.seed:command", "Make the state that new workers begin from out of a file"),
    "worker": Command("stream.worker_command:command", "Score transactions from the broker"),
    "publish": Command("stream.publish:command", "Feed the broker from a transaction file"),
    "audit": Command("stream.audit:command", "Replay the ledger and compare it with the record"),
    "api": Command("stream.api:command", "Serve decisions, rings and alerts over HTTP"),
    "api-key": Command("stream.api_key_command:command", "Make, list and revoke keys of the HTTP interface"),
    "rings": Command("stream.ring_command:command", "List and show rings; suppress, close or reopen one"),
    "alerts": Command(
        "fraud.alerts_command:command", "Send alerts to people, try channels, retry what failed"
    ),
    "cases": Command(
        "fraud.case_command:command", "List and show cases; take, decide, approve or snooze one"
    ),
    "demo": Command("stream.demo:command", "Simulate, train, replay and show the result, end to end"),
    "dashboard": Command("dashboard.app:command", "Serve the investigators' pages"),
    "graph": Command(
        "graph.graph_command:command", "Keep the graph store up to the record, thin it, and ask it"
    ),
    "audit-trail": Command(
        "fraud.audit_trail_command:command", "Verify, list or export the chain of what people did"
    ),
    "database": Command(
        "fraud.database_command:command",
        "Bring the tables of the record up to date, or look at their revision",
    ),
    "services": Command("fraud.services.command:command", "Run a real Kafka and Neo4j on this machine"),
    "users": Command(
        "fraud.user_command:command", "Add and list people, give roles and passwords, end sessions"
    ),
    "vault": Command(
        "data.vault_command:command", "Keep personal values behind tokens, encrypted; forget one"
    ),
    "settings": Command("fraud.settings_command:command", "Show the settings in force, secrets masked"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line and returns its exit status: 0, 1 failed, 2 wrong usage or bad input, 130 interrupted."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    return exit_status(lambda: _dispatch(words))


def _dispatch(words: list[str]) -> None:
    name = words[0] if words else "--help"
    if name in {"--help", "-h", "help"}:
        print(_overview())
    elif name in {"--version", "version"}:
        print(f"ringfence {__version__}")
    elif name in COMMANDS:
        _run(name, words[1:])
    else:
        raise InputError(f"no such command: {name} (see `{PROGRAM} --help`)")


def _overview() -> str:
    width = max(map(len, COMMANDS)) + 2
    listed = {**{name: command.summary for name, command in COMMANDS.items()}, "version": "Show the version"}
    return "\n".join(
        [
            f"Usage: {PROGRAM} COMMAND [OPTIONS]",
            "",
            "Fraud ring detection in payment streams.",
            "",
            "Commands:",
            *(f"  {name:<{width}}{summary}" for name, summary in listed.items()),
            "",
            f"`{PROGRAM} COMMAND --help` tells the options of a command. Settings come from the environment,",
            f"prefix RINGFENCE_; `{PROGRAM} settings` lists them.",
        ]
    )


def _run(name: str, words: list[str]) -> None:
    module_name, function_name = COMMANDS[name].target.split(":")
    # These are slow to import beside what `--help` needs, and so are the commands' own modules.
    import typer

    from fraud.settings import Settings
    from fraud.telemetry import configure_logging

    function: Callable[..., None] = getattr(import_module(module_name), function_name)

    @wraps(function)
    def bind(**options: object) -> Callable[[], None]:
        return partial(function, **options)

    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command()(bind)
    try:
        # Typer only reads the words here: it would turn an interrupt or a broken pipe into statuses of its own.
        bound = app(args=words, prog_name=f"{PROGRAM} {name}", standalone_mode=False)
        if callable(bound):
            configure_logging(Settings.load())
            bound()
    except typer.TyperException as error:
        raise InputError(f"{error.format_message()} (see `{PROGRAM} {name} --help`)") from None


if __name__ == "__main__":
    sys.exit(main())
