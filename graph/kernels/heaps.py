"""Binary heaps over flat arrays: least first, by one number or by a number and then another."""

from __future__ import annotations

from typing import Any

from fraud.compiled import kernel


@kernel
def heap_push(weights: Any, serials: Any, items: Any, size: int, weight: int, serial: int, item: int) -> None:
    """Add an item to a heap of ``size`` that orders by weight, then by serial."""
    at = size
    while at > 0:
        parent = (at - 1) >> 1
        if weights[parent] < weight or (weights[parent] == weight and serials[parent] <= serial):
            break
        weights[at], serials[at], items[at] = weights[parent], serials[parent], items[parent]
        at = parent
    weights[at], serials[at], items[at] = weight, serial, item


@kernel
def heap_pop(weights: Any, serials: Any, items: Any, size: int) -> None:
    """Remove the first item of a heap of ``size`` ≥ 1."""
    last = size - 1
    weight, serial, item = weights[last], serials[last], items[last]
    at = 0
    while True:
        child = 2 * at + 1
        if child >= last:
            break
        if child + 1 < last and (
            weights[child + 1] < weights[child]
            or (weights[child + 1] == weights[child] and serials[child + 1] < serials[child])
        ):
            child += 1
        if weight < weights[child] or (weight == weights[child] and serial <= serials[child]):
            break
        weights[at], serials[at], items[at] = weights[child], serials[child], items[child]
        at = child
    weights[at], serials[at], items[at] = weight, serial, item


@kernel
def pair_push(keys: Any, items: Any, size: int, key: int, item: int) -> None:
    """Add an item to a heap of ``size`` that orders by key alone."""
    at = size
    while at > 0 and keys[(at - 1) >> 1] > key:
        keys[at], items[at] = keys[(at - 1) >> 1], items[(at - 1) >> 1]
        at = (at - 1) >> 1
    keys[at], items[at] = key, item


@kernel
def pair_pop(keys: Any, items: Any, size: int) -> None:
    """Remove the first item of a heap of ``size`` ≥ 1."""
    last = size - 1
    key, item = keys[last], items[last]
    at = 0
    while True:
        child = 2 * at + 1
        if child >= last:
            break
        if child + 1 < last and keys[child + 1] < keys[child]:
            child += 1
        if key <= keys[child]:
            break
        keys[at], items[at] = keys[child], items[child]
        at = child
    keys[at], items[at] = key, item
