"""The state of a training between two epochs, kept in one safetensors file so that it can go on after a kill."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from fraud.errors import ArtefactError
from fraud.write_aside import write_aside
from gnn.network import EdgeSage

__all__ = ["TrainingState"]


class TrainingState:
    """Network, optimiser, best weights so far and the log of the epochs done.

    ``fingerprint`` names the training (data, settings, seed): a checkpoint of another one is refused.
    """

    def __init__(self, network: EdgeSage, optimiser: torch.optim.Optimizer, fingerprint: str) -> None:
        self._network = network
        self._optimiser = optimiser
        self._fingerprint = fingerprint
        self.best: dict[str, Tensor] = _copy(network.state_dict())
        self.log: list[tuple[float, float, float]] = []
        """(loss, validation average precision, seconds) of each epoch done."""
        self.best_epoch = 0
        self.best_precision = -1.0

    @property
    def epoch(self) -> int:
        """Epochs done."""
        return len(self.log)

    def finish_epoch(self, loss: float, precision: float, seconds: float) -> None:
        """Log an epoch and keep its weights if none before had a better validation average precision."""
        self.log.append((loss, precision, seconds))
        if precision > self.best_precision:
            self.best_epoch, self.best_precision = self.epoch, precision
            self.best = _copy(self._network.state_dict())

    def save(self, path: Path) -> None:
        """Write everything to ``path``; a kill leaves the last whole checkpoint."""
        tensors = {f"network/{name}": value for name, value in self._network.state_dict().items()}
        tensors |= {f"best/{name}": value for name, value in self.best.items()}
        for index, moments in self._optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser/{index}/{name}": value for name, value in moments.items()}
        metadata = {
            "fingerprint": self._fingerprint,
            "log": json.dumps(self.log),
            "best_epoch": str(self.best_epoch),
        }
        on_cpu = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
        with write_aside(path) as aside:
            save_file(on_cpu, aside, metadata)

    def restore(self, path: Path) -> None:
        """Take over what ``save`` wrote; ``ArtefactError`` if it is damaged or of another training."""
        try:
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
            if metadata.get("fingerprint") != self._fingerprint:
                raise ArtefactError(
                    f"checkpoint: {path} belongs to another training; remove it or name another file"
                )
            self._network.load_state_dict(_under("network/", tensors))
            device = self._network.absent.device
            self.best = {name: value.to(device) for name, value in _under("best/", tensors).items()}
            self._restore_optimiser(_under("optimiser/", tensors))
            self.log = [(float(a), float(b), float(c)) for a, b, c in json.loads(metadata["log"])]
            self.best_epoch = int(metadata["best_epoch"])
            self.best_precision = self.log[self.best_epoch - 1][1]
        except (OSError, SafetensorError, RuntimeError, LookupError, ValueError) as error:
            raise ArtefactError(
                f"checkpoint: {path} is damaged ({error}); remove it to start afresh"
            ) from error

    def _restore_optimiser(self, tensors: dict[str, Tensor]) -> None:
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            index, moment = name.split("/")
            moments.setdefault(int(index), {})[moment] = value
        self._optimiser.load_state_dict(self._optimiser.state_dict() | {"state": moments})


def _copy(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in state.items()}


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
