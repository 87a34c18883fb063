"""Logarithms that the kernels shorten must be those of ``log1p``, to the last bit of what is kept of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from graph.kernels.messages import COUNTED, log_count, log_single, log_units, quantise
from graph.layout import DAY, HOUR

Values = NDArray[np.float64]

random = np.random.default_rng(0)


def edges_of_units() -> Values:
    """Values whose logarithm lies half way between two numbers of the fixed point, and their neighbours."""
    edges = np.expm1((np.arange(4000) + 0.5) / 256.0)
    return np.concatenate([edges, np.nextafter(edges, 0.0), np.nextafter(edges, np.inf)])


def edges_of_singles(seconds: NDArray[np.int64]) -> Values:
    """Values whose logarithm lies half way between two single-precision numbers, and their neighbours."""
    single = np.log1p(seconds / 3600.0).astype(np.float32)
    middle = (single.astype(np.float64) + np.nextafter(single, np.float32(np.inf)).astype(np.float64)) / 2
    edges = np.expm1(middle)
    return np.concatenate([edges, np.nextafter(edges, 0.0), np.nextafter(edges, np.inf)])


@pytest.mark.parametrize("unit", [HOUR, DAY, 1])
def test_fixed_point_logarithms_are_exact(unit: int) -> None:
    values = (random.integers(0, 400 * DAY, 50_000) / unit).tolist() + edges_of_units().tolist()
    values += [0.0, 1 / DAY, 1e-9, 1e300]
    assert [log_units(x) for x in values] == [quantise(math.log1p(x)) for x in values]


def test_logarithms_of_ages_are_exact() -> None:
    seconds = random.integers(0, 400 * 86_400, 50_000)
    values = [
        *(seconds / 3600.0).tolist(),
        *edges_of_singles(seconds[:10_000]).tolist(),
        *(np.arange(10_000) / 3600.0).tolist(),
    ]
    found = np.array([log_single(x) for x in values], dtype=np.float32)
    assert found.tobytes() == np.array([math.log1p(x) for x in values]).astype(np.float32).tobytes()


def test_logarithms_of_counts_are_exact() -> None:
    counts = [*range(COUNTED + 10), 10**6, 2**31 - 1]
    assert [log_count(n) for n in counts] == [quantise(math.log1p(n)) for n in counts]
