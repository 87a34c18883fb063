from __future__ import annotations

import os
import subprocess
import sys

from tests.stream.conftest import KEY, World

PROGRAM = """
import gc, sys
from pathlib import Path
from numba.core.dispatcher import Dispatcher
from data.canonical import read_transactions
from data.tokenise import tokenise_table
from fraud.settings import Settings
from fraud.tokens import Tokeniser
from graph.events import FrameEvents, TRANSACTION, LABEL
from models.scorer import Scorer
from graph.online import OnlineGraph
from stream.pipeline import Pipeline
from stream.rehearsal import rehearse
from data.timeline import Timeline

def compiled():
    return {one.__name__: len(one.signatures) for one in gc.get_objects() if isinstance(one, Dispatcher)}

settings = Settings.load()
scorer = Scorer.load(Path(sys.argv[2]))
rehearse(settings, scorer)
before = compiled()
frame = tokenise_table(read_transactions(Path(sys.argv[1])), Tokeniser.from_settings(settings))
source, pipeline = FrameEvents(frame), Pipeline(OnlineGraph.within(settings.online), scorer)
ids = frame["transaction_id"].to_numpy(dtype=object)
chunk = next(iter(Timeline(frame, chunk_rows=2048)))
step = pipeline.process(
    source.take(chunk.kind, chunk.row, chunk.time), ids[chunk.row[chunk.kind == TRANSACTION]].tolist()
)
scorer.receipt(step.observation)
pipeline.look(step.events)
print({name: count for name, count in compiled().items() if before.get(name) != count})
"""


def test_after_the_rehearsal_nothing_is_left_to_compile(world: World) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(world.transactions), str(world.model)],
        env={**os.environ, "RINGFENCE_TOKEN_KEY": KEY},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "{}\n"
