"""One trained model as one folder that proves itself when it is loaded.

``manifest.json`` lists the sha256 of every other file and closes over its own content, so that a changed byte anywhere
is a refusal. The digest of the manifest is the model's version. Nothing in the folder is a pickle: booster in XGBoost's
UBJ, network in safetensors, the rest in JSON.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import xgboost
from pydantic import BaseModel, ConfigDict, ValidationError

from fraud.errors import ArtefactError, InputError
from fraud.write_aside import write_folder_aside
from gnn.layout import EMBEDDING
from gnn.weights import SageWeights
from graph.features import FEATURE_NAMES, feature_hash
from models.booster import load_booster, save_booster
from models.calibration import Calibration
from models.ring_model import RING_FILES, RingModel
from models.thresholds import Thresholds

__all__ = [
    "FORMAT_VERSION",
    "MANIFEST",
    "SAGE_NAMES",
    "Artefact",
    "DataSpan",
    "Manifest",
    "input_names",
    "load_artefact",
    "save_artefact",
]

FORMAT_VERSION = 2
MANIFEST = "manifest.json"
BOOSTER = "booster.ubj"
SAGE = "sage.safetensors"
CALIBRATION = "calibration.json"
THRESHOLDS = "thresholds.json"
METRICS = "metrics.json"
LIBRARIES = ("numba", "numpy", "safetensors", "scikit-learn", "torch", "torch-geometric", "xgboost")

SAGE_NAMES: tuple[str, ...] = (*(f"sage_{i:02d}" for i in range(EMBEDDING)), "sage_logit")
"""Names of the GraphSAGE columns, which follow the features of the online graph."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class DataSpan(_Frozen):
    """The history that a model was fitted on; times are ISO-8601, UTC."""

    start: str
    end: str
    transactions: int
    known_frauds: int


class Manifest(_Frozen):
    """What an artefact is made of, and from."""

    format_version: int
    feature_hash: str
    feature_names: tuple[str, ...]
    has_sage: bool
    has_rings: bool
    """Whether the history held confirmed rings to learn from."""
    data_span: DataSpan
    seeds: dict[str, int]
    settings: dict[str, Any]
    """Hyperparameters, costs and capacity as they were."""
    metrics: dict[str, Any]
    libraries: dict[str, str]
    files: dict[str, str]
    """sha256 of each file, by name."""


@dataclass(frozen=True, slots=True)
class Artefact:
    """A verified model in memory."""

    version: str
    """First 16 hexadecimal digits of the manifest's digest."""
    manifest: Manifest
    booster: xgboost.Booster
    calibration: Calibration
    thresholds: Thresholds
    sage: SageWeights | None
    rings: RingModel | None


def input_names(has_sage: bool, feature_names: Sequence[str] = FEATURE_NAMES) -> tuple[str, ...]:
    """Names of the booster's columns: features, then the embedding and the logit of GraphSAGE if it takes part."""
    return (*feature_names, *SAGE_NAMES) if has_sage else tuple(feature_names)


def save_artefact(
    folder: Path,
    *,
    booster: xgboost.Booster,
    calibration: Calibration,
    thresholds: Thresholds,
    sage: SageWeights | None,
    rings: RingModel | None,
    data_span: DataSpan,
    seeds: Mapping[str, int],
    settings: Mapping[str, Any],
    metrics: Mapping[str, Any],
    feature_names: Sequence[str] = FEATURE_NAMES,
) -> str:
    """Write ``folder`` whole or not at all and return the model's version; an older artefact there is replaced.

    The same parts give the same bytes. NaN metrics are written as null. Raises InputError when the booster's columns
    are not those of ``feature_names`` and ``sage``, or the folder holds something else.
    """
    expected = input_names(sage is not None, feature_names)
    if tuple(booster.feature_names or ()) != expected:
        raise InputError(f"booster: its columns are not {_summary(expected)}; fit it on input_names(...)")
    plain_metrics = _without_nan(metrics)
    with write_folder_aside(folder, marker=MANIFEST) as aside:
        save_booster(booster, aside / BOOSTER)
        if sage is not None:
            sage.save(aside / SAGE)
        if rings is not None:
            rings.save(aside)
        (aside / CALIBRATION).write_text(calibration.to_json(), encoding="utf-8")
        (aside / THRESHOLDS).write_text(thresholds.to_json(), encoding="utf-8")
        (aside / METRICS).write_text(_render(plain_metrics), encoding="utf-8")
        manifest = Manifest(
            format_version=FORMAT_VERSION,
            feature_hash=feature_hash(feature_names),
            feature_names=tuple(feature_names),
            has_sage=sage is not None,
            has_rings=rings is not None,
            data_span=data_span,
            seeds=dict(seeds),
            settings=_without_nan(settings),
            metrics=plain_metrics,
            libraries={library: version(library) for library in LIBRARIES},
            files={path.name: _sha256(path.read_bytes()) for path in sorted(aside.iterdir())},
        )
        digest = _digest(manifest)
        sealed = {"sha256": digest, **manifest.model_dump(mode="json")}
        (aside / MANIFEST).write_text(_render(sealed), encoding="utf-8")
    return _version(digest)


def load_artefact(folder: Path, feature_names: Sequence[str] = FEATURE_NAMES) -> Artefact:
    """Read and verify ``folder`` for the features that the online graph computes now.

    Raises ArtefactError, with one line that says what to do, when a file is missing, changed or of another version, or
    when names or order of the features differ.
    """
    manifest, digest = _read_manifest(folder)
    if manifest.feature_hash != feature_hash(feature_names):
        raise ArtefactError(
            f"{folder}: {_difference(manifest.feature_names, feature_names)}; train the model again"
        )
    expected_files = {BOOSTER, CALIBRATION, THRESHOLDS, METRICS} | ({SAGE} if manifest.has_sage else set())
    expected_files |= set(RING_FILES) if manifest.has_rings else set()
    if set(manifest.files) != expected_files:
        raise ArtefactError(
            f"{folder / MANIFEST}: lists {sorted(manifest.files)}, expected {sorted(expected_files)}"
        )
    for name, expected in manifest.files.items():
        if _sha256(_read(folder / name)) != expected:
            raise ArtefactError(f"{folder / name}: differs from its checksum; copy or train the model again")
    booster = load_booster(folder / BOOSTER)
    columns = input_names(manifest.has_sage, feature_names)
    if tuple(booster.feature_names or ()) != columns:
        raise ArtefactError(
            f"{folder / BOOSTER}: its columns are not {_summary(columns)}; train the model again"
        )
    return Artefact(
        version=_version(digest),
        manifest=manifest,
        booster=booster,
        calibration=Calibration.from_json((folder / CALIBRATION).read_text(encoding="utf-8")),
        thresholds=Thresholds.from_json((folder / THRESHOLDS).read_text(encoding="utf-8")),
        sage=SageWeights.load(folder / SAGE) if manifest.has_sage else None,
        rings=_load_rings(folder, feature_names) if manifest.has_rings else None,
    )


def _load_rings(folder: Path, feature_names: Sequence[str]) -> RingModel:
    rings = RingModel.load(folder)
    if tuple(rings.rows.booster.feature_names or ()) != tuple(feature_names):
        raise ArtefactError(f"{folder}: the ring rows are of other columns; train the model again")
    return rings


def _read_manifest(folder: Path) -> tuple[Manifest, str]:
    path = folder / MANIFEST
    if not folder.is_dir():
        raise ArtefactError(
            f"{folder}: no such model folder; make one with `python -m fraud train --out {folder}`"
        )
    try:
        text = _read(path).decode("utf-8")
        sealed = json.loads(text)
        found = sealed.get("format_version")
        if isinstance(found, int) and found != FORMAT_VERSION:
            raise ArtefactError(
                f"{path}: format {found}, this version reads {FORMAT_VERSION}; train the model again"
            )
        digest = sealed.pop("sha256")
        manifest = Manifest.model_validate(sealed)
    except (ValueError, KeyError, AttributeError, RecursionError, ValidationError) as error:
        raise ArtefactError(
            f"{path}: damaged ({type(error).__name__}); copy or train the model again"
        ) from error
    if digest != _digest(manifest) or text != _render({"sha256": digest, **manifest.model_dump(mode="json")}):
        raise ArtefactError(f"{path}: differs from its own checksum; copy or train the model again")
    return manifest, digest


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ArtefactError(
            f"{path}: cannot be read ({error.strerror}); copy or train the model again"
        ) from error


def _digest(manifest: Manifest) -> str:
    return _sha256(_render(manifest.model_dump(mode="json")).encode())


def _version(digest: str) -> str:
    return digest[:16]


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _render(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n"


def _without_nan(content: Any) -> Any:
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if isinstance(content, Mapping):
        return {str(key): _without_nan(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_without_nan(value) for value in content]
    return content


def _difference(trained: Sequence[str], computed: Sequence[str]) -> str:
    missing = [name for name in trained if name not in set(computed)]
    surplus = [name for name in computed if name not in set(trained)]
    if not missing and not surplus:
        return "features are in another order than the model was trained on"
    gone, new = _summary(missing), _summary(surplus)
    return f"trained on other features: {gone} no longer computed, {new} unknown to the model"


def _summary(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return f"[{shown}{', …' if len(names) > 3 else ''}] ({len(names)})"
