from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

MAY_IMPORT: dict[str, set[str]] = {
    "fraud": set(),
    "data": {"fraud"},
    "graph": {"fraud"},
    "gnn": {"fraud", "graph"},
    "models": {"fraud", "data", "graph", "gnn"},
    "stream": {"fraud", "data", "graph", "models"},
    "dashboard": {"fraud", "graph", "models"},
}
NEVER_IMPORTED = {"benchmarks", "tests"}


def imported_packages(source: str) -> Iterator[tuple[int, str]]:
    """Line and top-level package of every import, wherever it stands, and of ``import_module("…")``."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=aliases):
                for alias in aliases:
                    yield node.lineno, alias.name.partition(".")[0]
            case ast.ImportFrom(module=str(module), level=0):
                yield node.lineno, module.partition(".")[0]
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(module)), *_],
            ):
                yield node.lineno, module.partition(".")[0]


def violations(root: Path) -> list[str]:
    """Every import of a package of ours that the table does not allow, as ``file:line: package``."""
    found = []
    for package, allowed in MAY_IMPORT.items():
        forbidden = (MAY_IMPORT.keys() | NEVER_IMPORTED) - allowed - {package}
        for file in sorted((root / package).rglob("*.py")):
            for line, imported in imported_packages(file.read_text()):
                if imported in forbidden:
                    found.append(f"{file.relative_to(root)}:{line}: {imported}")
    return found


def test_the_table_holds() -> None:
    assert violations(ROOT) == []


@pytest.mark.parametrize(
    ("file", "source", "expected"),
    [
        ("fraud/planted.py", "import data.simulate\n", "fraud/planted.py:1: data"),
        ("graph/deep/planted.py", "from models import scorer\n", "graph/deep/planted.py:1: models"),
        ("gnn/planted.py", "def late():\n    import stream\n", "gnn/planted.py:2: stream"),
        ("models/planted.py", "from dashboard.app import command as c\n", "models/planted.py:1: dashboard"),
        ("stream/planted.py", "import_module('gnn.network')\n", "stream/planted.py:1: gnn"),
        ("stream/planted.py", "importlib.import_module('gnn')\n", "stream/planted.py:1: gnn"),
        ("data/planted.py", "import benchmarks.speed\n", "data/planted.py:1: benchmarks"),
        ("dashboard/planted.py", "from tests import conftest\n", "dashboard/planted.py:1: tests"),
    ],
)
def test_a_planted_violation_is_found(tmp_path: Path, file: str, source: str, expected: str) -> None:
    planted = tmp_path / file
    planted.parent.mkdir(parents=True)
    planted.write_text(source)
    assert violations(tmp_path) == [expected]


def test_allowed_imports_pass(tmp_path: Path) -> None:
    for package, allowed in MAY_IMPORT.items():
        (tmp_path / package).mkdir()
        lines = [f"import {other}" for other in sorted(allowed | {package, "numpy"})]
        (tmp_path / package / "module.py").write_text("\n".join(lines) + "\nfrom . import sibling\n")
    assert violations(tmp_path) == []


def test_every_package_of_ours_is_in_the_table() -> None:
    packages = {file.parent.name for file in ROOT.glob("*/__init__.py")}
    assert packages - NEVER_IMPORTED == MAY_IMPORT.keys()


def test_import_linter_is_told_the_same_table() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    told = {
        contract["source_modules"][0]: MAY_IMPORT.keys()
        - set(contract["forbidden_modules"])
        - set(contract["source_modules"])
        for contract in settings["contracts"]
    }
    assert told == MAY_IMPORT
    assert set(settings["root_packages"]) == MAY_IMPORT.keys()
