"""Makes ``models/ring_prior.npz``: groups of simulated worlds, each known to be a ring or not.

Each world is taken as a history of which all labels have come, right and wrong ones. The same file comes out each time:
token key and seeds are fixed, and boosters learn on one thread. Run alone: ``python -m benchmarks.ring_prior``; with
``--keep`` a folder keeps the groups of each world, so that a run may be cut up. Models trained before must be trained
again to learn from it.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from benchmarks.ring_quality import ACCOUNTS, DAYS, START, TUNED
from benchmarks.token_key import TOKEN_KEY
from data.canonical import read_transactions
from data.simulate import simulate
from data.tokenise import tokenise_table
from fraud.errors import InputError
from fraud.progress import stage
from fraud.settings import Settings
from fraud.tokens import Tokeniser
from graph.online import OnlineGraph
from models.history import replay_history
from models.periods import WARM_UP
from models.ring_prior import Groups, join, prior_groups, save_prior
from models.ring_training import Confirmed, formed, past_of, ring_chances

WORLDS = (*TUNED, *range(101, 119))
"""Seeds: the worlds that the desk is tuned on, and others; none that ``benchmarks.ring_quality`` judges."""


def main(seeds: Iterable[int], keep: Path | None) -> None:
    """Form the groups of each world; write them all where these are ``WORLDS``."""
    chosen = list(seeds)
    with tempfile.TemporaryDirectory() as passing, stage("Ring prior", total=len(chosen)) as advance:
        parts = []
        for seed in chosen:
            parts.append(_kept(keep or Path(passing), seed))
            advance()
    if tuple(chosen) == WORLDS:
        save_prior(join(parts))


def _kept(folder: Path, seed: int) -> Groups:
    path = folder / f"{seed}.npz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        save_prior(_groups(seed), path)
    return prior_groups(path)


def _groups(seed: int) -> Groups:
    with tempfile.TemporaryDirectory() as home:
        settings = Settings.load(home=Path(home), token_key=TOKEN_KEY)
        world = simulate(Path(home) / "world", days=DAYS, accounts=ACCOUNTS, seed=seed, start=START)
        frame = tokenise_table(read_transactions(world.transactions), Tokeniser.from_settings(settings))
    history = replay_history(frame, OnlineGraph.within(settings.online))
    label = frame["reported_fraud"].to_numpy(np.int8, copy=True)
    past = past_of(frame, history, Confirmed.of(frame, label), int(WARM_UP * len(frame)))
    chance = None if past is None else ring_chances(past, seed, threads=1)
    if past is None or chance is None:
        raise InputError(f"world {seed}: too few rings to learn from")
    return formed(past, chance)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(WORLDS))
    parser.add_argument("--keep", type=Path, default=None)
    given = parser.parse_args()
    main(given.seeds, given.keep)
