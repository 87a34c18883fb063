"""The trained network as named float32 arrays in one safetensors file, checked strictly in both directions.

The names are those of ``gnn.network.EdgeSage.state_dict()``, so that the file needs no torch to be read and no
pickle to be trusted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from fraud.errors import ArtefactError
from fraud.write_aside import write_aside
from gnn.layout import EMBEDDING, HIDDEN
from graph.observation import FANOUT, MESSAGE_NAMES, MESSAGE_WIDTH, ROLES

__all__ = ["FORMAT_VERSION", "WEIGHT_SHAPES", "SageWeights"]

FORMAT_VERSION = 1


def _weight_shapes() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for role in ROLES:
        shapes[f"slot_layer.{role}.lin_l.weight"] = (HIDDEN, MESSAGE_WIDTH)
        shapes[f"slot_layer.{role}.lin_l.bias"] = (HIDDEN,)
        shapes[f"slot_layer.{role}.lin_r.weight"] = (HIDDEN, MESSAGE_WIDTH + 1)
        shapes[f"end_layer.{role}.lin_l.weight"] = (HIDDEN, HIDDEN)
        shapes[f"end_layer.{role}.lin_l.bias"] = (HIDDEN,)
        shapes[f"end_layer.{role}.lin_r.weight"] = (HIDDEN, MESSAGE_WIDTH)
    return shapes | {
        "absent": (len(ROLES), HIDDEN),
        "combine.weight": (HIDDEN, len(ROLES) * HIDDEN),
        "combine.bias": (HIDDEN,),
        "project.weight": (EMBEDDING, HIDDEN),
        "project.bias": (EMBEDDING,),
        "classify.weight": (1, EMBEDDING),
        "classify.bias": (1,),
        "message_centre": (MESSAGE_WIDTH,),
        "message_scale": (MESSAGE_WIDTH,),
        "age_centre": (1,),
        "age_scale": (1,),
    }


WEIGHT_SHAPES: Mapping[str, tuple[int, ...]] = _weight_shapes()
"""Every array of the network and its shape; linear weights are [out, in] as torch has them."""

_METADATA_KEY = "ringfence"
_METADATA = {
    "format": "ringfence-sage",
    "version": str(FORMAT_VERSION),
    "message_names": ",".join(MESSAGE_NAMES),
    "roles": ",".join(ROLES),
    "fanout": str(FANOUT),
}


@dataclass(frozen=True, slots=True)
class SageWeights:
    """Parameters and input normalisation of a trained ``EdgeSage``.

    Construction raises ``ArtefactError`` unless ``arrays`` holds exactly ``WEIGHT_SHAPES``, all float32 and finite.
    A message column x (in fixed-point units) enters the network as (x − ``message_centre``) · ``message_scale``;
    the centre is a whole number of units so that the subtraction is exact in float32.
    """

    arrays: Mapping[str, NDArray[np.float32]]

    def __post_init__(self) -> None:
        """Refuse anything that the serving kernel could not run."""
        missing = sorted(WEIGHT_SHAPES.keys() - self.arrays.keys())
        surplus = sorted(self.arrays.keys() - WEIGHT_SHAPES.keys())
        if missing or surplus:
            raise ArtefactError(
                f"network weights: missing {missing}, unknown {surplus}; train the model again"
            )
        for name, shape in WEIGHT_SHAPES.items():
            array = self.arrays[name]
            if array.dtype != np.float32 or array.shape != shape:
                raise ArtefactError(
                    f"network weights: {name} is {array.dtype} {array.shape}, expected float32 {shape};"
                    " train the model again"
                )
            if not np.isfinite(array).all():
                raise ArtefactError(f"network weights: {name} holds NaN or infinity; train the model again")
        centre = self.arrays["message_centre"]
        if (centre != np.rint(centre)).any():
            raise ArtefactError(
                "network weights: message_centre must hold whole numbers; train the model again"
            )
        if (self.arrays["message_scale"] <= 0).any() or (self.arrays["age_scale"] <= 0).any():
            raise ArtefactError("network weights: a scale is not positive; train the model again")

    def save(self, path: Path) -> None:
        """Write the arrays to ``path``, whole or not at all."""
        arrays = {name: np.ascontiguousarray(array) for name, array in self.arrays.items()}
        with write_aside(path) as aside:
            # One entry, as safetensors writes several in an order that changes from run to run.
            save_file(arrays, aside, metadata={_METADATA_KEY: json.dumps(_METADATA, sort_keys=True)})

    @classmethod
    def load(cls, path: Path) -> SageWeights:
        """Read what ``save`` wrote; ``ArtefactError`` if the file is absent, damaged or made for other messages."""
        try:
            with safe_open(path, framework="numpy") as file:
                metadata = json.loads((file.metadata() or {}).get(_METADATA_KEY, "{}"))
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        except (OSError, ValueError, SafetensorError) as error:
            raise ArtefactError(
                f"network weights: {path} cannot be read ({error}); train the model again"
            ) from error
        for key, expected in _METADATA.items():
            if metadata.get(key) != expected:
                raise ArtefactError(
                    f"network weights: {path} has {key} {metadata.get(key)!r}, this version needs {expected!r};"
                    " train the model again"
                )
        return cls(arrays)
