"""GraphSAGE at serving time: one numba kernel over the fixed fan-out layout of an ``Observation``.

Every transaction is computed by itself, each sum in one fixed order and vectorised only across outputs, with no
BLAS, no fast-math and no library function: a row's result is bitwise the same at any batch size, in any slice of a
batch, and on any machine.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fraud.compiled import kernel
from fraud.errors import InputError
from fraud.intrinsics import borrow
from gnn import layout as at
from gnn.layout import EMBEDDING, HIDDEN
from gnn.neighbourhood import EdgeTimeNeighbourhoods, Neighbourhoods
from gnn.weights import SageWeights
from graph.observation import FANOUT, MESSAGE_WIDTH, ROLES, NeighbourHistory

__all__ = ["SageInput", "SageKernel", "embed_history", "embed_neighbourhoods"]

_ROLES = len(ROLES)


class SageInput(Protocol):
    """What the kernel reads of an ``Observation`` or a ``Neighbourhood``."""

    @property
    def self_message(self) -> NDArray[np.int16]:
        """[n, 4, D]"""

    @property
    def slot_message(self) -> NDArray[np.int16]:
        """[n, 4, K, D]"""

    @property
    def slot_hop2(self) -> NDArray[np.int16]:
        """[n, 4, K, D]"""

    @property
    def slot_hop2_count(self) -> NDArray[np.uint8]:
        """[n, 4, K]"""

    @property
    def slot_age(self) -> NDArray[np.float32]:
        """[n, 4, K]"""

    @property
    def slot_count(self) -> NDArray[np.uint8]:
        """[n, 4]"""


class SageKernel:
    """The trained network ready to serve; equals ``EdgeSage`` to 1e-5 and releases the GIL.

    The scales of the input normalisation are folded into the weights; the centres are not, so that a message
    close to a large centre loses nothing to cancellation.
    """

    def __init__(self, weights: SageWeights) -> None:
        self._packed = _pack(weights)

    def embed(self, observation: SageInput) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Embedding [n, E] and fraud logit [n] of n transactions, n may be 0.

        ``InputError`` if the arrays have another fan-out or message width than this network's.
        """
        n = len(observation.self_message)
        if observation.slot_message.shape != (n, _ROLES, FANOUT, MESSAGE_WIDTH):
            raise InputError(
                f"slot_message: shape {observation.slot_message.shape}, the network needs"
                f" {(n, _ROLES, FANOUT, MESSAGE_WIDTH)}; observe with the same version of the graph"
            )
        embedding = np.empty((n, EMBEDDING), np.float32)
        logit = np.empty(n, np.float32)
        _embed(
            observation.self_message,
            observation.slot_message,
            observation.slot_hop2,
            observation.slot_hop2_count,
            observation.slot_age,
            observation.slot_count,
            self._packed,
            embedding,
            logit,
        )
        return embedding, logit


def embed_neighbourhoods(
    weights: SageWeights, neighbourhoods: Neighbourhoods, rows: NDArray[np.int64], chunk: int = 4096
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Embedding [len(rows), E] and logit [len(rows)] of past events, ``chunk`` of them in memory at a time."""
    sage = SageKernel(weights)
    embedding = np.empty((len(rows), EMBEDDING), np.float32)
    logit = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), chunk):
        part = slice(start, start + chunk)
        embedding[part], logit[part] = sage.embed(neighbourhoods.gather(rows[part]))
    return embedding, logit


def embed_history(
    weights: SageWeights, history: NeighbourHistory, rows: NDArray[np.int64], chunk: int = 4096
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Like ``embed_neighbourhoods`` with edge-time semantics: bit for bit what serving gave for these events."""
    return embed_neighbourhoods(weights, EdgeTimeNeighbourhoods(history), rows, chunk)


def _pack(weights: SageWeights) -> NDArray[np.float32]:
    arrays = {name: array.astype(np.float64) for name, array in weights.arrays.items()}
    scale = arrays["message_scale"]
    parts: list[NDArray[np.float64]] = []
    for index, role in enumerate(ROLES):
        slot_right = arrays[f"slot_layer.{role}.lin_r.weight"]
        parts += [
            arrays[f"slot_layer.{role}.lin_l.bias"],
            slot_right[:, MESSAGE_WIDTH] * arrays["age_scale"],
            (arrays[f"slot_layer.{role}.lin_l.weight"] * scale).T,
            (slot_right[:, :MESSAGE_WIDTH] * scale).T,
            arrays[f"end_layer.{role}.lin_l.bias"],
            arrays[f"end_layer.{role}.lin_l.weight"].T,
            (arrays[f"end_layer.{role}.lin_r.weight"] * scale).T,
            arrays["absent"][index],
        ]
    # The projection is padded to HIDDEN outputs so that every matrix goes through the same unrolled loop.
    padding = HIDDEN - EMBEDDING
    parts += [
        arrays["combine.bias"],
        arrays["combine.weight"].T,
        np.pad(arrays["project.bias"], (0, padding)),
        np.pad(arrays["project.weight"].T, ((0, 0), (0, padding))),
        arrays["classify.weight"],
        arrays["classify.bias"],
        arrays["message_centre"],
        arrays["age_centre"],
    ]
    packed = np.concatenate([part.ravel() for part in parts]).astype(np.float32)
    if packed.size != at.PACKED:
        raise AssertionError(f"packed {packed.size} weights, the kernel reads {at.PACKED}")
    return packed


# Loops below count in unsigned integers: for signed ones numba tests for negative (wrap-around) indices, which keeps
# LLVM from vectorising them, at five times the cost.


@kernel
def _multiply_add(
    scratch: NDArray[np.float32],
    source: int,
    inputs: int,
    rows: int,
    weights: NDArray[np.float32],
    matrix: int,
    target: int,
) -> None:
    """Add, for each of ``rows`` vectors, vector · matrix: inputs in ascending order, four at a time, in two pairs."""
    for i in range(0, inputs, 4):
        w0 = np.uint64(matrix + i * HIDDEN)
        w1 = np.uint64(matrix + (i + 1) * HIDDEN)
        w2 = np.uint64(matrix + (i + 2) * HIDDEN)
        w3 = np.uint64(matrix + (i + 3) * HIDDEN)
        for row in range(rows):
            x = source + row * inputs + i
            x0, x1, x2, x3 = scratch[x], scratch[x + 1], scratch[x + 2], scratch[x + 3]
            y = np.uint64(target + row * HIDDEN)
            for o in range(np.uint64(HIDDEN)):
                low = x0 * weights[w0 + o] + x1 * weights[w1 + o]
                high = x2 * weights[w2 + o] + x3 * weights[w3 + o]
                scratch[y + o] += low + high


@kernel
def _copy(source: NDArray[np.float32], start: int, scratch: NDArray[np.float32], target: int) -> None:
    x, y = np.uint64(start), np.uint64(target)
    for o in range(np.uint64(HIDDEN)):
        scratch[y + o] = source[x + o]


@kernel
def _relu(scratch: NDArray[np.float32], target: int) -> None:
    y = np.uint64(target)
    for o in range(np.uint64(HIDDEN)):
        value = scratch[y + o]
        scratch[y + o] = max(value, np.float32(0.0))


@kernel
def _centred(
    message: NDArray[np.int16],
    count: int,
    weights: NDArray[np.float32],
    scratch: NDArray[np.float32],
    target: int,
) -> None:
    """Write the mean of ``count`` messages, given their sum [D], less the centre; zeros for none."""
    y, centre = np.uint64(target), np.uint64(at.MESSAGE_CENTRE)
    held = np.float32(count)
    share = np.float32(1.0) / np.float32(max(count, 1))
    for d in range(np.uint64(MESSAGE_WIDTH)):
        scratch[y + d] = (np.float32(message[d]) - held * weights[centre + d]) * share


@kernel
def _is_present(message: NDArray[np.int16]) -> bool:
    bits = np.int16(0)
    for d in range(np.uint64(MESSAGE_WIDTH)):
        bits |= message[d]
    return bool(bits != 0)


@kernel
def _slot_layer(
    slot_message: NDArray[np.int16],
    slot_hop2: NDArray[np.int16],
    slot_hop2_count: NDArray[np.uint8],
    slot_age: NDArray[np.float32],
    slots: int,
    weights: NDArray[np.float32],
    block: int,
    scratch: NDArray[np.float32],
) -> None:
    """Layer 1 of one end [K, …]; leaves the mean of its slots' outputs in ``at.AT_END_INPUT``."""
    bias, by_age = np.uint64(block + at.SLOT_BIAS), np.uint64(block + at.SLOT_AGE)
    for k in range(slots):
        x = at.AT_INPUTS + k * at.SLOT_INPUTS
        _centred(slot_hop2[k], int(slot_hop2_count[k]), weights, scratch, x)
        _centred(slot_message[k], 1, weights, scratch, x + MESSAGE_WIDTH)
        age = slot_age[k] - weights[at.AGE_CENTRE]
        y = np.uint64(at.AT_OUTPUTS + k * HIDDEN)
        for o in range(np.uint64(HIDDEN)):
            scratch[y + o] = weights[bias + o] + age * weights[by_age + o]
    _multiply_add(
        scratch, at.AT_INPUTS, at.SLOT_INPUTS, slots, weights, block + at.SLOT_MATRIX, at.AT_OUTPUTS
    )

    mean = np.uint64(at.AT_END_INPUT)
    for o in range(np.uint64(HIDDEN)):
        scratch[mean + o] = np.float32(0.0)
    for k in range(slots):
        y = np.uint64(at.AT_OUTPUTS + k * HIDDEN)
        for o in range(np.uint64(HIDDEN)):
            value = scratch[y + o]
            scratch[mean + o] += max(value, np.float32(0.0))
    share = np.float32(1.0) / np.float32(max(slots, 1))
    for o in range(np.uint64(HIDDEN)):
        scratch[mean + o] *= share


@kernel
def _head(
    weights: NDArray[np.float32], scratch: NDArray[np.float32], embedding: NDArray[np.float32]
) -> np.float32:
    """Write the embedding [E] of the ends in ``at.AT_ENDS`` and return the logit."""
    _copy(weights, at.COMBINE_BIAS, scratch, at.AT_COMBINED)
    _multiply_add(scratch, at.AT_ENDS, _ROLES * HIDDEN, 1, weights, at.COMBINE_MATRIX, at.AT_COMBINED)
    _relu(scratch, at.AT_COMBINED)
    _copy(weights, at.PROJECT_BIAS, scratch, at.AT_PROJECTED)
    _multiply_add(scratch, at.AT_COMBINED, HIDDEN, 1, weights, at.PROJECT_MATRIX, at.AT_PROJECTED)
    logit = weights[at.CLASSIFY_BIAS]
    for o in range(EMBEDDING):
        value = scratch[at.AT_PROJECTED + o]
        embedding[o] = value / (np.float32(1.0) + abs(value))
        logit += embedding[o] * weights[at.CLASSIFY_MATRIX + o]
    return np.float32(logit)


@kernel
def _embed(
    self_message: NDArray[np.int16],
    slot_message: NDArray[np.int16],
    slot_hop2: NDArray[np.int16],
    slot_hop2_count: NDArray[np.uint8],
    slot_age: NDArray[np.float32],
    slot_count: NDArray[np.uint8],
    weights: NDArray[np.float32],
    embedding: NDArray[np.float32],
    logit: NDArray[np.float32],
) -> None:
    self_message, slot_age, slot_count = borrow(self_message), borrow(slot_age), borrow(slot_count)
    slot_message, slot_hop2, slot_hop2_count = (
        borrow(slot_message),
        borrow(slot_hop2),
        borrow(slot_hop2_count),
    )
    weights, embedding = borrow(weights), borrow(embedding)
    owner = np.empty(at.SCRATCH, np.float32)
    scratch = borrow(owner)
    for row in range(len(self_message)):
        for role in range(_ROLES):
            block = role * at.ROLE_BLOCK
            end = at.AT_ENDS + role * HIDDEN
            if not _is_present(self_message[row, role]):
                _copy(weights, block + at.ABSENT, scratch, end)
                continue
            _slot_layer(
                slot_message[row, role],
                slot_hop2[row, role],
                slot_hop2_count[row, role],
                slot_age[row, role],
                int(slot_count[row, role]),
                weights,
                block,
                scratch,
            )
            _centred(self_message[row, role], 1, weights, scratch, at.AT_END_INPUT + HIDDEN)
            _copy(weights, block + at.END_BIAS, scratch, end)
            _multiply_add(scratch, at.AT_END_INPUT, at.END_INPUTS, 1, weights, block + at.END_MATRIX, end)
            _relu(scratch, end)
        logit[row] = _head(weights, scratch, embedding[row])
    owner[0] = 0.0  # named last, and so alive until here
