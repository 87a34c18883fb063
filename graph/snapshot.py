"""Save and restore the online graph exactly, so that a restart goes on as if there had been none.

One file: a line of JSON that says what follows, the blocks of bytes it lists, and a SHA-256 of all before it. Only
the used part of the tables is written. Nothing in it is ever unpickled.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from io import BufferedReader, BufferedWriter
from os import SEEK_END
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fraud.errors import StoreError
from fraud.write_aside import write_aside
from graph import layout
from graph.detectors import Detector
from graph.finding import FindingKind
from graph.layout import NODE, PAIR
from graph.motif_layout import PARTY, TRANSFER
from graph.observation import MESSAGE_NAMES, MESSAGE_SCALE
from graph.online import DETECTORS, OnlineGraph

__all__ = ["FORMAT", "layout_hash", "load", "save"]

FORMAT = 3
"""Of the file; what the records mean has its own fingerprint, ``layout_hash``."""

DTYPES: dict[str, Any] = {
    "counters": np.int64,
    "population": np.float64,
    "nodes": NODE,
    "pair_at": np.int64,
    "pairs": PAIR,
    "segments": np.int32,
    "names": np.uint64,
    "free": np.int32,
    "census": np.int64,
    "motif_census": np.int64,
    "motif_spans": np.int64,
    "transfers": TRANSFER,
    "parties": PARTY,
    "party_free": np.int32,
}
"""Blocks of the file, in order; ``pair_at`` are places in the pair table. Those of the detectors follow."""

PORTION = 1 << 24
"""Bytes read, written and hashed at a time."""

DIGEST_BYTES = hashlib.sha256().digest_size


def layout_hash() -> str:
    """Fingerprint of the records and of the units of what is in them."""
    said = [
        NODE.descr,
        PAIR.descr,
        TRANSFER.descr,
        PARTY.descr,
        layout.NODE_KINDS,
        MESSAGE_NAMES,
        MESSAGE_SCALE,
    ]
    said += [getattr(layout, name).tolist() for name in ("BUCKETS", "BUCKET_WIDTH", "HALF_LIVES")]
    said += [layout.LABEL_BUCKETS.tolist(), layout.LABEL_BUCKET_WIDTH.tolist()]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def save(graph: OnlineGraph, path: Path) -> None:
    """Write the whole state to ``path``, in one step as seen from outside.

    Raises StoreError where it cannot be written (no space, say); a snapshot already there then stays as it was.
    """
    blocks = _blocks(graph)
    header: dict[str, Any] = {
        "format": FORMAT,
        "layout": layout_hash(),
        "memory_budget": graph.memory_budget,
        "retention": graph.retention,
        "day": graph.day,
        "blocks": {name: len(block) for name, block in blocks.items()},
    }
    if graph.detectors:
        header["detectors"] = {one.kind: _layout_of(one) for one in graph.detectors}
    try:
        with write_aside(path) as aside, aside.open("wb") as file:
            _write(file, json.dumps(header).encode() + b"\n", blocks)
    except OSError as error:
        raise StoreError(
            f"{path}: the graph snapshot cannot be written ({error.strerror or error})"
        ) from error


def load(path: Path) -> OnlineGraph:
    """The graph that was saved to ``path``, equal in every bit that matters to what comes next.

    Raises StoreError where there is no such file, it is damaged, or it was made by a version that laid out its
    records differently; the state is then to be rebuilt by a replay.
    """
    try:
        with path.open("rb") as file:
            if not _is_whole(file):
                raise StoreError(f"{path}: the graph snapshot is damaged; rebuild the state by a replay")
            return _read(path, file)
    except OSError as error:
        raise StoreError(f"{path}: the graph snapshot cannot be read ({error.strerror or error})") from error


def _blocks(graph: OnlineGraph) -> dict[str, NDArray[Any]]:
    index, pairs = graph.index, graph.pairs
    held = pairs.held()
    blocks: dict[str, NDArray[Any]] = {
        "counters": graph.counters,
        "population": graph.population,
        "nodes": graph.nodes[: index.used],
        "pair_at": held,
        "pairs": pairs.places[held],
        "segments": pairs.segments.reshape(-1),
        "names": index.names[: index.used].reshape(-1),
        "free": index.free[: index.census[1]],
        "census": index.census,
        **graph.motifs.blocks(),
    }
    blocks = {name: blocks[name] for name in DTYPES}
    for detector in graph.detectors:
        blocks |= {name: block.reshape(-1) for name, block in _blocks_of(detector, index.used).items()}
    return blocks


def _blocks_of(detector: Detector, nodes: int) -> dict[str, NDArray[Any]]:
    """Those of a detector under names of their own."""
    return {f"{detector.kind}.{name}": block for name, block in detector.blocks(nodes).items()}


def _layout_of(detector: Detector) -> str:
    """Fingerprint of the records of a detector's blocks."""
    said = [(name, block.dtype.descr, block.shape[1:]) for name, block in detector.blocks(0).items()]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def _portions(block: NDArray[Any]) -> Iterator[memoryview]:
    """The bytes of an array, a view of a portion at a time."""
    flat = np.ascontiguousarray(block).view(np.uint8).reshape(-1).data
    for start in range(0, len(flat), PORTION):
        yield flat[start : start + PORTION]


def _write(file: BufferedWriter, header: bytes, blocks: dict[str, NDArray[Any]]) -> None:
    digest = hashlib.sha256(header)
    file.write(header)
    for block in blocks.values():
        for portion in _portions(block):
            file.write(portion)
            digest.update(portion)
    file.write(digest.digest())


def _is_whole(file: BufferedReader) -> bool:
    """Whether the file is as it was written; nothing in it is read for its meaning before this is known."""
    left = max(file.seek(0, SEEK_END) - DIGEST_BYTES, 0)
    file.seek(0)
    digest = hashlib.sha256()
    while left and (portion := file.read(min(left, PORTION))):
        digest.update(portion)
        left -= len(portion)
    return file.read() == digest.digest()


def _read(path: Path, file: BufferedReader) -> OnlineGraph:
    file.seek(0)
    header = json.loads(file.readline())
    detectors: dict[FindingKind, str] = header.get("detectors", {})
    graph = OnlineGraph(memory_budget=header["memory_budget"], detectors=DETECTORS.keys() & detectors.keys())
    said = FORMAT, layout_hash(), {one.kind: _layout_of(one) for one in graph.detectors}
    if (header["format"], header["layout"], detectors) != said:
        raise StoreError(
            f"{path}: the graph snapshot was made by a version with another layout; rebuild the state by a replay"
        )
    dtypes = dict(DTYPES)
    for one in graph.detectors:
        dtypes |= {name: block.dtype for name, block in _blocks_of(one, 0).items()}
    graph.retention, graph.day = header["retention"], header["day"]
    blocks: dict[str, NDArray[Any]] = {}
    for name, length in header["blocks"].items():
        # Nodes are read straight into the table that will be used: nothing large is held twice.
        blocks[name] = graph.nodes[:length] if name == "nodes" else np.empty(length, dtype=dtypes[name])
        for portion in _portions(blocks[name]):
            file.readinto(portion)
    graph.counters, graph.population = blocks["counters"], blocks["population"]
    graph.pairs.segments[:] = blocks["segments"].reshape(-1, 2)
    graph.pairs.places[blocks["pair_at"]] = blocks["pairs"]
    graph.index.restore(blocks["names"], blocks["free"], blocks["census"])
    graph.motifs.restore(blocks)
    for detector in graph.detectors:
        detector.restore(
            {
                name.split(".", 1)[1]: blocks[name].reshape(-1, *block.shape[1:])
                for name, block in _blocks_of(detector, 0).items()
            }
        )
    return graph
