from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from fraud.errors import ArtefactError
from gnn.network import EdgeSage
from gnn.weights import WEIGHT_SHAPES, SageWeights

Arrays = dict[str, np.ndarray]


def fresh_arrays() -> Arrays:
    return {name: array.copy() for name, array in EdgeSage().to_weights().arrays.items()}


def test_names_and_shapes_are_those_of_the_network() -> None:
    assert {name: tuple(value.shape) for name, value in EdgeSage().state_dict().items()} == WEIGHT_SHAPES


def test_a_saved_file_loads_to_the_same_bits(tmp_path: Path) -> None:
    weights = EdgeSage().to_weights()
    weights.save(tmp_path / "sage.safetensors")
    loaded = SageWeights.load(tmp_path / "sage.safetensors")
    for name in WEIGHT_SHAPES:
        assert loaded.arrays[name].tobytes() == weights.arrays[name].tobytes()
    assert [path.name for path in tmp_path.iterdir()] == ["sage.safetensors"]


def remove(arrays: Arrays) -> None:
    del arrays["combine.bias"]


def add(arrays: Arrays) -> None:
    arrays["another"] = np.zeros(1, np.float32)


def reshape(arrays: Arrays) -> None:
    arrays["absent"] = arrays["absent"].T.copy()


def widen(arrays: Arrays) -> None:
    arrays["absent"] = arrays["absent"].astype(np.float64)


def spoil(arrays: Arrays) -> None:
    arrays["absent"][0, 0] = np.nan


def split_centre(arrays: Arrays) -> None:
    arrays["message_centre"][3] = 0.5


def flip_scale(arrays: Arrays) -> None:
    arrays["age_scale"][0] = -1.0


@pytest.mark.parametrize("harm", [remove, add, reshape, widen, spoil, split_centre, flip_scale])
def test_wrong_arrays_are_refused(harm: Callable[[Arrays], None]) -> None:
    arrays = fresh_arrays()
    harm(arrays)
    with pytest.raises(ArtefactError, match="network weights"):
        SageWeights(arrays)


def test_a_file_without_our_description_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sage.safetensors"
    save_file(fresh_arrays(), path)
    with pytest.raises(ArtefactError, match="format"):
        SageWeights.load(path)


def test_damaged_and_absent_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "sage.safetensors"
    EdgeSage().to_weights().save(path)
    path.write_bytes(path.read_bytes()[:-100])
    for broken in (path, tmp_path / "nothing.safetensors"):
        with pytest.raises(ArtefactError, match="cannot be read"):
            SageWeights.load(broken)
