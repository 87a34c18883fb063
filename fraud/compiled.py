"""The one way kernels are compiled, with a disk cache that a changed source can never poison.

Numba keys its cache by the file that defines the outer function alone; a kernel that calls into another file would
keep running the old callee after an edit. So the cache folder carries a hash of every source that holds kernels.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

__all__ = ["kernel"]

Function = TypeVar("Function", bound=Callable[..., Any])

ROOT = Path(__file__).resolve().parent.parent
KERNEL_PACKAGES = ("fraud", "data", "graph", "gnn", "models")


def _cache_folder() -> str:
    digest = hashlib.sha256(numba.__version__.encode())
    for package in KERNEL_PACKAGES:
        for source in sorted((ROOT / package).rglob("*.py")):
            text = source.read_bytes()
            if b"@kernel" in text or b"layout" in source.name.encode() or source.name == "observation.py":
                digest.update(text)
    base = os.environ.get("RINGFENCE_KERNEL_CACHE") or str(Path.home() / ".cache" / "ringfence" / "kernels")
    return str(Path(base) / digest.hexdigest()[:16])


numba.config.CACHE_DIR = _cache_folder()  # type: ignore[attr-defined]


def kernel(function: Function) -> Function:
    """Compile to machine code on first call: no GIL, no fast-math, IEEE division, cached on disk."""
    return cast(Function, numba.njit(cache=True, nogil=True, error_model="numpy")(function))
