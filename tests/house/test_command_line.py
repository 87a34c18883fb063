from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import types
from pathlib import Path
from typing import Annotated

import pytest
import typer

import fraud
from fraud import __main__ as command_line
from fraud.errors import ArtefactError, InputError, RecordError

HEAVY = {
    "torch",
    "torch_geometric",
    "pandas",
    "numpy",
    "numba",
    "xgboost",
    "dash",
    "matplotlib",
    "neo4j",
    "faust",
}
COMMANDS = [
    "simulate",
    "load",
    "train",
    "replay",
    "evaluate",
    "seed",
    "worker",
    "publish",
    "audit",
    "api",
    "api-key",
    "rings",
    "alerts",
    "cases",
    "demo",
    "dashboard",
    "graph",
    "audit-trail",
    "database",
    "services",
    "users",
    "vault",
    "settings",
    "version",
]


def say(
    name: Annotated[str, typer.Option(help="Who to greet.")],
    times: Annotated[int, typer.Option(min=1)] = 1,
    fault: str = "",
    file: Path | None = None,
) -> None:
    """Greet someone, or fail in one of many ways."""
    match fault:
        case "input":
            raise InputError("amount: -3 is below 0;\nmend it")
        case "record":
            raise RecordError("amount", "is below 0")
        case "artefact":
            raise ArtefactError("model.ubj is damaged; train again")
        case "log":
            logging.getLogger("say").warning("low on ink", extra={"password": "hush"})
        case "bug":
            raise ZeroDivisionError
        case "interrupt":
            raise KeyboardInterrupt
        case "disk":
            raise OSError(28, "No space left on device", "/full/disk")
    if file:
        file.read_text()
    print(f"hello {name} " * times)


@pytest.fixture(autouse=True)
def say_command(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("pretended_command")
    vars(module)["command"] = say
    monkeypatch.setitem(sys.modules, "pretended_command", module)
    command = command_line.Command("pretended_command:command", "Greet someone")
    monkeypatch.setitem(command_line.COMMANDS, "say", command)


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fraud", *words],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["help"]])
def test_root_help_lists_every_command(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(words) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    assert [name for name in listed if name != "say"] == COMMANDS


def test_root_help_imports_nothing_heavy() -> None:
    program = (
        "import sys; from fraud.__main__ import main; main(['--help']); print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "Commands:" in done.stdout
    assert HEAVY & set(done.stderr.split()) == set()


def test_every_command_names_a_module_of_ours() -> None:
    for name, command in command_line.COMMANDS.items():
        module, function = command.target.split(":")
        assert function == "command", name
        assert module.split(".")[0] in {
            "fraud",
            "data",
            "graph",
            "models",
            "stream",
            "dashboard",
            "pretended_command",
        }


@pytest.mark.parametrize("word", ["version", "--version"])
def test_version(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main([word]) == 0
    assert capsys.readouterr().out == f"ringfence {fraud.__version__}\n"


def test_sub_command_runs_with_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["say", "--name", "Ada", "--times", "2"]) == 0
    assert capsys.readouterr().out == "hello Ada hello Ada \n"


def test_sub_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["say", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "Usage: python -m fraud say [OPTIONS]" in shown
    assert "Greet someone, or fail in one of many ways." in shown
    assert "Who to greet." in shown


@pytest.mark.parametrize(
    ("words", "status", "expected"),
    [
        (["nonsense"], 2, "no such command: nonsense"),
        (["say"], 2, "--name"),
        (["say", "--nonsense"], 2, "--nonsense"),
        (["say", "--name", "Ada", "--times", "many"], 2, "--times"),
        (["say", "--name", "Ada", "--times", "0"], 2, "--times"),
        (["say", "--name", "Ada", "extra"], 2, "extra"),
        (["say", "--name", "Ada", "--fault", "input"], 2, "ringfence: amount: -3 is below 0; mend it"),
        (["say", "--name", "Ada", "--fault", "record"], 2, "ringfence: amount: is below 0"),
        (["say", "--name", "Ada", "--fault", "artefact"], 1, "ringfence: model.ubj is damaged; train again"),
        (["say", "--name", "Ada", "--fault", "interrupt"], 130, "ringfence: interrupted"),
        (["say", "--name", "Ada", "--fault", "disk"], 1, "ringfence: /full/disk: No space left on device"),
        (["say", "--name", "Ada", "--file", "/no/such"], 2, "ringfence: /no/such: No such file or directory"),
    ],
)
def test_failure_is_one_line_on_standard_error(
    words: list[str], status: int, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line.main(words) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert expected in err
    assert err.count("\n") == 1
    assert err.startswith("ringfence: ")


def test_commands_log_to_standard_error_as_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGFENCE_LOG_FORMAT", "json")
    configured: list[str] = []
    monkeypatch.setattr(
        "fraud.telemetry.configure_logging", lambda settings: configured.append(settings.log_format)
    )
    assert command_line.main(["say", "--name", "Ada", "--fault", "log"]) == 0
    assert configured == ["json"]


def test_help_of_a_command_is_shown_under_bad_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGFENCE_CURRENCY", "shells")
    assert command_line.main(["say", "--help"]) == 0
    assert command_line.main(["say", "--name", "Ada"]) == 2


def test_a_bug_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        command_line.main(["say", "--name", "Ada", "--fault", "bug"])


def test_settings_command_shows_values_and_masks_secrets() -> None:
    done = run("settings", RINGFENCE_TOKEN_KEY="hush" * 10, RINGFENCE_COSTS__REVIEW_COST="8")
    assert done.returncode == 0
    assert done.stderr == ""
    assert "RINGFENCE_COSTS__REVIEW_COST=8.0\n" in done.stdout
    assert "RINGFENCE_TOKEN_KEY=********\n" in done.stdout
    assert "hush" not in done.stdout


def test_bad_setting_ends_the_process_with_2() -> None:
    done = run("settings", RINGFENCE_DASHBOARD__PORT="high")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("ringfence: RINGFENCE_DASHBOARD__PORT: ")
    assert done.stderr.count("\n") == 1


def test_a_reader_that_goes_away_is_no_fault() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(
        [sys.executable, "-m", "fraud", "settings"],
        stdout=write_end,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(write_end)
    assert done.returncode == 141
    assert done.stderr == ""


def test_interrupt_from_outside_ends_the_process_with_130() -> None:
    program = (
        "import signal, sys, time; from fraud.exits import exit_status\n"
        # what a shell starts in the background ignores the interrupt; the test may have been started so
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "def wait():\n    print('up', flush=True)\n    time.sleep(60)\n"
        "sys.exit(exit_status(wait))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == "ringfence: interrupted\n"
