"""Arrays from one process to another through memory that both see: one copy, and none of the kernel's.

The memory stays with its processes from batch to batch. What each batch would else get anew, and give back, the kernel
hands over empty page by page, which costs about as much as the copying.
"""

from __future__ import annotations

import math
import mmap
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

__all__ = ["ArrayHead", "SharedArrays"]

ALIGNED = 8
SMALLEST = 1 << 20


class ArrayHead(msgspec.Struct, frozen=True, array_like=True):
    """One of the arrays in the memory."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        """Its size."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


class SharedArrays:
    """One end of the memory; the two take turns by messages of their own."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        """What the other process inherits."""
        self._memory: mmap.mmap | None = None

    @classmethod
    def new(cls) -> SharedArrays:
        """Memory of nobody yet."""
        if hasattr(os, "memfd_create"):
            return cls(os.memfd_create("ringfence-arrays"))
        with tempfile.TemporaryFile() as file:
            return cls(os.dup(file.fileno()))

    def put(self, arrays: Mapping[str, NDArray[Any]]) -> list[ArrayHead]:
        """Fill the memory; what was there before is gone."""
        heads = [ArrayHead(name, one.dtype.str, one.shape) for name, one in arrays.items()]
        for (_, place), one in zip(self._places(heads), arrays.values(), strict=True):
            np.copyto(place, one)
        return heads

    def get(self, heads: Sequence[ArrayHead]) -> dict[str, NDArray[Any]]:
        """What the other end has put there, where it lies: good until that end is answered."""
        return {head.name: place for head, place in self._places(heads)}

    def close(self) -> None:
        """Let go, once or more; views that are still held stay readable."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def _places(self, heads: Sequence[ArrayHead]) -> Iterator[tuple[ArrayHead, NDArray[Any]]]:
        sizes = [-(-head.nbytes // ALIGNED) * ALIGNED for head in heads]
        memory = self._of_size(sum(sizes))
        start = 0
        for head, size in zip(heads, sizes, strict=True):
            count = math.prod(head.shape)
            yield head, np.frombuffer(memory, head.dtype, count, start).reshape(head.shape)
            start += size

    def _of_size(self, size: int) -> mmap.mmap:
        if self._memory is None or len(self._memory) < size:
            # Twice what is asked for, so that growing ends soon; whoever has views of the old map keeps it.
            there = max(os.fstat(self.descriptor).st_size, SMALLEST)
            if there < size:
                there = 2 * size
            if os.fstat(self.descriptor).st_size < there:
                os.ftruncate(self.descriptor, there)
            self._memory = mmap.mmap(self.descriptor, there)
        return self._memory
