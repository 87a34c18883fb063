from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fraud.errors import ArtefactError, InputError
from graph.features import FEATURE_NAMES
from models.artefact import MANIFEST, Artefact, load_artefact, save_artefact
from models.booster import margin_of
from tests.models.made import booster, rows, save_model

FILES = [
    "manifest.json",
    "booster.ubj",
    "sage.safetensors",
    "calibration.json",
    "thresholds.json",
    "metrics.json",
    "ring_rows.ubj",
    "ring_groups.ubj",
    "ring_rules.json",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "model"
    save_model(folder, with_rings=True)
    return folder


def test_round_trip(folder: Path, tmp_path: Path) -> None:
    artefact = load_artefact(folder)
    X, _ = rows(50, artefact.booster.num_features(), 3)
    assert np.array_equal(margin_of(artefact.booster, X), margin_of(booster(), X))
    assert artefact.sage is not None
    assert artefact.manifest.feature_names == FEATURE_NAMES
    assert artefact.manifest.metrics == {"average_precision": 0.5, "undefined": None}
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    assert set(artefact.manifest.files) == set(FILES) - {MANIFEST}
    again = tmp_path / "again"
    assert save_model(again, with_rings=True) == artefact.version
    assert all((again / name).read_bytes() == (folder / name).read_bytes() for name in FILES)


def test_without_graphsage(tmp_path: Path) -> None:
    save_model(tmp_path / "model", with_sage=False)
    artefact = load_artefact(tmp_path / "model")
    assert artefact.sage is None and not (tmp_path / "model" / "sage.safetensors").exists()
    assert artefact.rings is None


def refused(folder: Path) -> str:
    with pytest.raises(ArtefactError) as caught:
        load_artefact(folder)
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize("name", FILES)
def test_any_damage_is_refused(folder: Path, tmp_path: Path, name: str) -> None:
    sound = {file: (folder / file).read_bytes() for file in FILES}
    copy = tmp_path / "copy"
    copy.mkdir()
    for file, content in sound.items():
        (copy / file).write_bytes(content)
    content = sound[name]
    random = np.random.default_rng(len(content))
    damaged = [content[: len(content) // 2], content[:-1], b"", content + b" "]
    for place in [0, len(content) - 1, *random.integers(0, len(content), 12)]:
        flipped = bytearray(content)
        flipped[place] ^= 1 << int(random.integers(8))
        damaged.append(bytes(flipped))
    for bad in damaged:
        (copy / name).write_bytes(bad)
        assert name in refused(copy)
    (copy / name).unlink()
    assert "cannot be read" in refused(copy)
    (copy / name).write_bytes(content)
    assert isinstance(load_artefact(copy), Artefact)


def test_other_features_are_refused(folder: Path) -> None:
    renamed = ("amount_in_cents", *FEATURE_NAMES[1:])
    with pytest.raises(
        ArtefactError, match=r"\[amount\] \(1\) no longer computed, \[amount_in_cents\] \(1\)"
    ):
        load_artefact(folder, renamed)
    with pytest.raises(ArtefactError, match="in another order"):
        load_artefact(folder, FEATURE_NAMES[::-1])
    with pytest.raises(ArtefactError, match="no longer computed"):
        load_artefact(folder, FEATURE_NAMES[:-1])


def test_another_format_is_refused(folder: Path, tmp_path: Path) -> None:
    fields = json.loads((folder / MANIFEST).read_text())
    (tmp_path / MANIFEST).write_text(json.dumps(fields | {"format_version": 1}))
    assert "format 1, this version reads 2" in refused(tmp_path)


def test_a_forged_manifest_with_other_files_is_refused(folder: Path, tmp_path: Path) -> None:
    fields = json.loads((folder / MANIFEST).read_text())
    fields["files"]["../../elsewhere"] = "0" * 64
    (tmp_path / MANIFEST).write_text(json.dumps(fields))
    refused(tmp_path)


def test_no_folder_is_refused(tmp_path: Path) -> None:
    assert "python -m fraud train" in refused(tmp_path / "nowhere")


def test_a_booster_of_other_columns_is_not_saved(folder: Path, tmp_path: Path) -> None:
    artefact = load_artefact(folder)
    with pytest.raises(InputError, match="its columns are not"):
        save_artefact(
            tmp_path / "model",
            booster=artefact.booster,
            calibration=artefact.calibration,
            thresholds=artefact.thresholds,
            sage=None,
            rings=None,
            data_span=artefact.manifest.data_span,
            seeds={},
            settings={},
            metrics={},
        )
    assert not (tmp_path / "model").exists()


def test_a_folder_of_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(InputError):
        save_model(tmp_path)
    assert (tmp_path / "precious.txt").read_text() == "mine"
