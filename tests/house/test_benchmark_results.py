from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import __main__ as bench
from benchmarks.results import machine, write_section
from fraud.errors import InputError, RingfenceError


def test_a_section_is_replaced_in_place(tmp_path: Path) -> None:
    path = tmp_path / "RESULTS.md"
    write_section("speed", "## Speed\n1", path)
    write_section("handbook", "## Handbook\n1", path)
    once = path.read_text()
    write_section("speed", "## Speed\n\\2", path)
    assert path.read_text() == once.replace("## Speed\n1", "## Speed\n\\2")
    assert once.startswith("# Results\n")


def test_machine_names_what_was_asked_for() -> None:
    assert "pytest " in machine("pytest")


def planted(folder: Path, name: str, body: str) -> None:
    (folder / f"{name}.py").write_text(
        f'import sys\n\n# write_section("{name}", text)\n\nif __name__ == "__main__":\n    {body}\n'
    )


def test_every_benchmark_runs_even_after_one_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "benchmarks"
    folder.mkdir()
    (folder / "part.py").write_text("\n")
    (folder / "peer.py").write_text('\nif __name__ == "__main__":\n    raise SystemExit(1)\n')
    planted(folder, "bad", "sys.exit(3)")
    planted(folder, "good", "open('good.txt', 'w').close()")
    monkeypatch.setattr(bench, "FOLDER", folder)
    assert bench.runnable() == ["bad", "good"]
    with pytest.raises(RingfenceError, match="failed: bad"):
        bench.main([])
    assert (tmp_path / "good.txt").exists()
    with pytest.raises(InputError, match="no such benchmark: nonsense; there are bad, good"):
        bench.main(["nonsense"])


def test_a_benchmark_says_what_it_does_before_it_does_it() -> None:
    """``--help`` must not measure for minutes: every one parses its command line."""
    texts = {name: (bench.FOLDER / f"{name}.py").read_text() for name in bench.runnable()}
    parsing = ("typer.run(main)", ".parse_args()")
    assert [name for name, text in texts.items() if not any(call in text for call in parsing)] == []
