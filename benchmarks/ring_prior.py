"""Makes ``models/row_prior.ubj`` and ``models/ring_prior.npz``: what simulated worlds teach of rings.

The first holds trees that tell payments of rings from others, the second groups of accounts, each known to be a ring or
not. Each world is taken as a history of which all labels have come, right and wrong ones. Groups are formed of what
trees say that learned from other worlds: the worlds are dealt into ``FOLDS``. The same files come out each time: token
key and seeds are fixed, and boosters learn on one thread. Run alone: ``python -m benchmarks.ring_prior``; with
``--keep`` a folder keeps what was made of each world, so that a run may be cut up. Models trained before must be
trained again to learn from it.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import xgboost
from numpy.typing import NDArray

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
from models.booster import load_booster, save_booster
from models.history import replay_history
from models.periods import WARM_UP
from models.ring_prior import Groups, join, prior_groups, save_prior
from models.ring_training import Confirmed, Past, formed, past_of, ring_chances
from models.row_prior import ROW_PRIOR, RowSample, fit_row_prior, sample_rows

WORLDS = (*TUNED, *range(101, 119))
"""Seeds: the worlds that the desk is tuned on, and others; none that ``benchmarks.ring_quality`` judges."""
FOLDS = 3


def main(seeds: Iterable[int], keep: Path | None) -> None:
    """Learn from the payments of each world, then form its groups; write both priors where these are ``WORLDS``."""
    chosen = list(seeds)
    with tempfile.TemporaryDirectory() as passing:
        folder = keep or Path(passing)
        folder.mkdir(parents=True, exist_ok=True)
        with stage("Payments of the worlds", total=len(chosen)) as advance:
            for seed in chosen:
                _sampled(folder, seed)
                advance()
        with stage("Trees for other worlds' payments", total=FOLDS) as advance:
            for fold in range(FOLDS):
                _trees(folder, f"without-{fold}", [seed for seed in chosen if _fold(seed) != fold])
                advance()
        with stage("Groups of the worlds", total=len(chosen)) as advance:
            groups = []
            for seed in chosen:
                groups.append(_formed(folder, seed))
                advance()
        if tuple(chosen) == WORLDS:
            save_booster(_trees(folder, "of-all", chosen), ROW_PRIOR)
            save_prior(join(groups))


def _fold(seed: int) -> int:
    return WORLDS.index(seed) % FOLDS


def _sampled(folder: Path, seed: int) -> RowSample:
    path = folder / f"rows-{seed}.npz"
    if not path.exists():
        past, chance = _told(seed)
        rows = np.arange(int(past.parts[0][0]), len(past.history))
        sample = sample_rows(past.history.features[rows], past.is_ring[rows], chance[rows], seed)
        np.savez(path, features=sample.features, is_ring=sample.is_ring, weight=sample.weight)
    with np.load(path) as kept:
        return RowSample(kept["features"], kept["is_ring"], kept["weight"])


def _trees(folder: Path, name: str, seeds: Sequence[int]) -> xgboost.Booster:
    path = folder / f"{name}.ubj"
    if not path.exists():
        save_booster(fit_row_prior([_sampled(folder, seed) for seed in seeds]), path)
    return load_booster(path)


def _formed(folder: Path, seed: int) -> Groups:
    path = folder / f"groups-{seed}.npz"
    if not path.exists():
        save_prior(formed(*_told(seed, load_booster(folder / f"without-{_fold(seed)}.ubj"))), path)
    return prior_groups(path)


def _told(seed: int, prior: xgboost.Booster | None = None) -> tuple[Past, NDArray[np.float64]]:
    """A world as a history, and how probable each of its payments is a ring's."""
    with tempfile.TemporaryDirectory() as home:
        settings = Settings.load(home=Path(home), token_key=TOKEN_KEY)
        world = simulate(Path(home) / "world", days=DAYS, accounts=ACCOUNTS, seed=seed, start=START)
        frame = tokenise_table(read_transactions(world.transactions), Tokeniser.from_settings(settings))
    history = replay_history(frame, OnlineGraph.within(settings.online))
    label = frame["reported_fraud"].to_numpy(np.int8, copy=True)
    past = past_of(frame, history, Confirmed.of(frame, label), int(WARM_UP * len(frame)))
    chances = ring_chances(past, seed, threads=1, prior=prior)
    if past is None or chances is None:
        raise InputError(f"world {seed}: too few rings to learn from")
    return past, chances.of_row


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(WORLDS))
    parser.add_argument("--keep", type=Path, default=None)
    given = parser.parse_args()
    main(given.seeds, given.keep)
