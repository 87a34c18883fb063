"""A large made-up payment graph in a real Neo4j, for ``benchmarks.neo4j_queries``: files, then Neo4j's own import."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv

from fraud.errors import ServiceError
from fraud.services.jars import class_path
from fraud.services.java import java
from fraud.services.neo4j import Neo4jService
from graph.portion import to_micros
from tests.fraud.payments import START

__all__ = ["HUB_MERCHANT", "HUB_PAYER", "Sizes", "import_files", "load_graph", "name", "write_files"]

HUB_MERCHANT, HUB_PAYER = 0, 0
"""The merchant that a tenth of all edges end at, and the account that an edge in two hundred begins at."""

TOKEN = 26
"""Characters of a token behind its prefix, as ``fraud.tokens`` makes them."""

YEAR = 365 * 86_400_000_000
IMPORT_MB = 2_048

Numbers = NDArray[np.int64]
EDGES = ("count:long", "amount:double", "first:long", "last:long")


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of everything there is, by the number of relationships."""

    edges: int

    @property
    def nodes(self) -> dict[str, int]:
        """Nodes by label."""
        return {
            "Account": int(self.edges * 0.12) + 1_000,
            "Merchant": self.edges // 200 + 100,
            "Device": self.edges // 10,
            "IP": self.edges // 25,
        }

    @property
    def rings(self) -> int:
        """Rings; each tenth holds the hub merchant, each fiftieth the hub payer."""
        return max(self.edges // 5_000, 100)


def name(label: str, number: int) -> str:
    """The id of a node."""
    return f"{PREFIXES[label]}{number:0{TOKEN}d}"


PREFIXES = {"Account": "a_", "Merchant": "m_", "Device": "d_", "IP": "i_", "Ring": "r_"}


def write_files(folder: Path, sizes: Sizes, seed: int = 0) -> dict[str, int]:
    """Write nodes and relationships as the import reads them; how many of each there are."""
    random = np.random.default_rng(seed)
    written = {}
    for label, count in sizes.nodes.items():
        written[label] = count
        _write_nodes(folder, label, count, random)
    rings = _Rings(sizes, random)
    written["Ring"] = sizes.rings
    _write_rings(folder, sizes.rings, random)
    written["MEMBER_OF"] = rings.write_members(folder)
    for target, type_, pairs in _relationships(sizes, rings, random):
        written[type_] = written.get(type_, 0) + len(pairs)
        _write_relationships(folder, f"{type_}-{target}", target, pairs, random)
    return written


def import_files(folder: Path, service: Neo4jService) -> None:
    """Load the files into a stopped server that was started once; its graph is replaced."""
    options = []
    for label in PREFIXES:
        options.append(f"--nodes={label}={folder / label}.csv")
    for file in sorted(folder.glob("*-*.csv")):
        options.append(f"--relationships={file.name.split('-')[0]}={file}")
    command = [java(), f"-Xmx{IMPORT_MB}m", "-cp", class_path("neo4j", service.cache)]
    command += ["org.neo4j.cli.AdminTool", "database", "import", "full", "neo4j", "--overwrite-destination"]
    environment = os.environ | {"NEO4J_HOME": str(service.folder), "NEO4J_CONF": str(service.folder / "conf")}
    done = subprocess.run(
        [*command, *options], env=environment, cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ServiceError(f"neo4j import: {(done.stderr or done.stdout).strip()[-600:]}")


def load_graph(folder: Path, service: Neo4jService, sizes: Sizes) -> tuple[dict[str, int], dict[str, float]]:
    """Replace the graph of a stopped server; how many of each there are, and seconds for files and for the import."""
    files = folder / "files"
    files.mkdir()
    marks = [time.perf_counter()]
    written = write_files(files, sizes)
    marks.append(time.perf_counter())
    with service:
        pass  # the first start makes its configuration and its users
    marks.append(time.perf_counter())
    import_files(files, service)
    marks.append(time.perf_counter())
    for file in files.iterdir():
        file.unlink()
    return written, {"files": marks[1] - marks[0], "import": marks[3] - marks[2]}


class _Rings:
    """Members of every ring: accounts that share devices and pay one another, or one merchant."""

    def __init__(self, sizes: Sizes, random: np.random.Generator) -> None:
        nodes = sizes.nodes
        accounts, devices, merchants = [], [], []
        for ring in range(sizes.rings):
            size = int(random.integers(4, 40))
            members = random.integers(1, nodes["Account"], size)
            if ring % 50 == 0:
                members[0] = HUB_PAYER
            merchant = HUB_MERCHANT if ring % 10 == 0 else int(random.integers(1, nodes["Merchant"]))
            accounts.append(np.unique(members))
            devices.append(np.unique(random.integers(0, nodes["Device"], 1 + size // 10)))
            merchants.append(np.array([merchant]))
        self.members = {"Account": accounts, "Device": devices, "Merchant": merchants}

    def ties(self, target: str) -> Numbers:
        """Pairs of member account and other member."""
        found = []
        for accounts, others in zip(self.members["Account"], self.members[target], strict=True):
            if target == "Account":
                found.append(_pairs(accounts, np.roll(accounts, 1)))
            else:
                found += [_pairs(accounts, np.full(len(accounts), other)) for other in others]
        return np.concatenate(found)

    def write_members(self, folder: Path) -> int:
        """One file a kind of member."""
        total = 0
        for label, members in self.members.items():
            ring = np.repeat(np.arange(len(members)), [len(of) for of in members])
            ids = np.concatenate(members)
            total += len(ids)
            table = pa.table(
                {
                    f":START_ID({label})": _names(label, ids),
                    ":END_ID(Ring)": _names("Ring", ring),
                    "role": pa.array(["member"] * len(ids)),
                    "score:double": np.linspace(0.5, 1.0, len(ids)),
                }
            )
            csv.write_csv(table, folder / f"MEMBER_OF-{label}.csv")
        return total


def _relationships(
    sizes: Sizes, rings: _Rings, random: np.random.Generator
) -> list[tuple[str, str, Numbers]]:
    nodes, edges = sizes.nodes, sizes.edges
    accounts = nodes["Account"]

    def draw(count: int, target: str, skew: float) -> Numbers:
        """About ``count`` different pairs; targets are the more uneven the larger ``skew``."""
        source = random.integers(0, accounts, count)
        return _pairs(source, (nodes[target] * random.random(count) ** skew).astype(np.int64))

    at_hub = _pairs(random.permutation(accounts)[: edges // 10], np.full(edges // 10, HUB_MERCHANT))
    from_hub = _pairs(np.full(edges // 200, HUB_PAYER), random.permutation(accounts)[: edges // 200])
    drawn = {
        ("Merchant", "PAID"): [at_hub, draw(int(edges * 0.36), "Merchant", 3.0)],
        ("Account", "PAID"): [from_hub, draw(int(edges * 0.125), "Account", 1.0)],
        ("Device", "USES"): [draw(int(edges * 0.22), "Device", 1.0)],
        ("IP", "FROM"): [draw(int(edges * 0.2), "IP", 2.0)],
    }
    found = []
    for (target, type_), parts in drawn.items():
        if target != "IP":
            parts.append(rings.ties(target))
        found.append((target, type_, np.unique(np.concatenate(parts))))
    return found


def _pairs(source: Numbers, target: Numbers) -> Numbers:
    return (source.astype(np.int64) << 32) | target


def _write_nodes(folder: Path, label: str, count: int, random: np.random.Generator) -> None:
    first, last = _times(count, random)
    table = pa.table(
        {
            f"id:ID({label})": _names(label, np.arange(count)),
            "transactions:long": random.integers(1, 500, count),
            "held:long": random.integers(0, 3, count),
            "worst:double": random.random(count).round(6),
            "first:long": first,
            "last:long": last,
        }
    )
    csv.write_csv(table, folder / f"{label}.csv")


def _write_rings(folder: Path, count: int, random: np.random.Generator) -> None:
    first, last = _times(count, random)
    table = pa.table(
        {
            "id:ID(Ring)": _names("Ring", np.arange(count)),
            "kind": pa.array(["shared_device"] * count),
            "version:long": np.ones(count, np.int64),
            "score:double": random.random(count),
            "money:double": 1e4 * random.random(count),
            "first_alert:long": first,
            "last:long": last,
        }
    )
    csv.write_csv(table, folder / "Ring.csv")


def _write_relationships(
    folder: Path, file: str, target: str, pairs: Numbers, random: np.random.Generator
) -> None:
    first, last = _times(len(pairs), random)
    columns = {
        ":START_ID(Account)": _names("Account", pairs >> 32),
        f":END_ID({target})": _names(target, pairs & 0xFFFFFFFF),
    }
    values = (random.geometric(0.3, len(pairs)), (200 * random.random(len(pairs))).round(2), first, last)
    csv.write_csv(pa.table(columns | dict(zip(EDGES, values, strict=True))), folder / f"{file}.csv")


def _times(count: int, random: np.random.Generator) -> tuple[Numbers, Numbers]:
    begin = to_micros(START)
    first = begin - random.integers(0, YEAR, count)
    return first, first + (random.random(count) * (begin - first)).astype(np.int64)


def _names(label: str, numbers: Numbers) -> pa.Array:
    digits = pc.utf8_lpad(pa.array(numbers).cast(pa.string()), TOKEN, "0")
    return pc.binary_join_element_wise(PREFIXES[label], digits, "")
