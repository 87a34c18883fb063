"""Arrays in memory that two processes see: what is put is what is got, whatever was there before."""

from __future__ import annotations

import os

import numpy as np
import pytest

from stream.shared_arrays import SharedArrays


@pytest.fixture
def ends() -> tuple[SharedArrays, SharedArrays]:
    """Two ends of one memory, each with a map of its own, as two processes have them."""
    ours = SharedArrays.new()
    return ours, SharedArrays(os.dup(ours.descriptor))


def test_arrays_come_as_they_went(ends: tuple[SharedArrays, SharedArrays]) -> None:
    ours, theirs = ends
    arrays = {
        "flags": np.array([1, 0, 1], dtype=np.uint8),
        "scores": np.array([[0.1, np.nan], [np.inf, -0.0]]),
        "none": np.empty((0, 4), dtype=np.int16),
        "turned": np.arange(12, dtype=np.float32).reshape(3, 4).T,
    }
    got = theirs.get(ours.put(arrays))
    assert list(got) == list(arrays)
    for name, array in arrays.items():
        assert got[name].dtype == array.dtype
        assert got[name].shape == array.shape
        assert got[name].tobytes() == np.ascontiguousarray(array).tobytes()


def test_the_memory_grows_with_what_is_put(ends: tuple[SharedArrays, SharedArrays]) -> None:
    ours, theirs = ends
    for size in (10, 5_000_000, 3, 20_000_000):
        put = np.random.default_rng(size).integers(0, 255, size, dtype=np.uint8)
        (got,) = theirs.get(ours.put({"bytes": put})).values()
        assert np.array_equal(got, put)


def test_views_outlive_their_end(ends: tuple[SharedArrays, SharedArrays]) -> None:
    ours, theirs = ends
    (got,) = theirs.get(ours.put({"numbers": np.arange(1_000)})).values()
    for _ in range(2):
        theirs.close()
        ours.close()
    assert np.array_equal(got, np.arange(1_000))
