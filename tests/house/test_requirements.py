from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OURS = {"fraud", "data", "graph", "gnn", "models", "stream", "dashboard", "benchmarks", "tests"}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def required(file: str) -> set[str]:
    lines = (ROOT / file).read_text().splitlines()
    return {normal(re.split(r"[\[<>=~! ]", line)[0]) for line in lines if line and line[0] not in "#-"}


def foreign_imports(folder: Path) -> Iterator[tuple[str, str]]:
    """Module of others and the file that imports it."""
    for file in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names = [node.module]
            for module in {name.partition(".")[0] for name in names} - OURS - sys.stdlib_module_names:
                yield module, str(file.relative_to(folder))


def undeclared(folder: Path, declared: set[str]) -> list[str]:
    homes = packages_distributions()
    return [
        f"{file}: {module}"
        for module, file in foreign_imports(folder)
        if not declared & {normal(home) for home in homes.get(module, [module])}
    ]


@pytest.mark.parametrize("package", sorted(OURS - {"tests", "benchmarks"}))
def test_what_the_code_imports_is_required_by_name(package: str) -> None:
    assert undeclared(ROOT / package, required("requirements.txt")) == []


@pytest.mark.parametrize("folder", ["tests", "benchmarks"])
def test_what_tests_and_measurements_import_is_required_by_name(folder: str) -> None:
    assert undeclared(ROOT / folder, required("requirements.txt") | required("requirements-dev.txt")) == []


def test_an_import_that_is_not_required_is_found(tmp_path: Path) -> None:
    (tmp_path / "planted.py").write_text("import json\nimport yaml, urllib3.util\nfrom fraud import errors\n")
    assert undeclared(tmp_path, {"pyyaml"}) == ["planted.py: urllib3"]


def test_what_the_design_card_names_is_required() -> None:
    card = {"torch", "torch-geometric", "networkx", "neo4j", "pandas", "scikit-learn"}
    assert card | {"faust-streaming", "dash", "twilio"} <= required("requirements.txt")
