"""``python -m fraud load``: a public or custom file turned into a canonical one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from data.admission import ReadOptions
from data.canonical import write_transactions
from data.loaders import amlworld
from data.loaders.registry import SOURCES
from data.mapping import load, read_mapping
from fraud.errors import InputError
from fraud.progress import stage
from fraud.settings import Settings

__all__ = ["command"]


def command(
    source_path: Annotated[Path, typer.Option("--in", help="File or folder to read.")],
    out: Annotated[Path, typer.Option(help="File to write: .csv, .csv.gz or .parquet.")],
    source: Annotated[str | None, typer.Option(help=f"One of {', '.join(SOURCES)}.")] = None,
    mapping: Annotated[
        Path | None, typer.Option(help="Mapping file (.toml or .yaml) of a custom source.")
    ] = None,
    patterns: Annotated[
        Path | None, typer.Option(help="AMLworld only: the patterns file, for the truth about rings.")
    ] = None,
    dead_letters: Annotated[
        Path | None, typer.Option(help="Where refused rows go; default: next to the file read.")
    ] = None,
) -> None:
    """Turn a public or custom file into the canonical schema.

    Bad rows go to a dead-letter file with row number and reason; good rows go on.
    """
    options = ReadOptions.from_settings(Settings.load(), dead_letters)
    if (source is None) == (mapping is None):
        raise InputError("give either --source NAME or --mapping FILE")
    if patterns is not None and source != "amlworld":
        raise InputError("--patterns goes with --source amlworld only")
    if mapping is not None:
        frame = load(source_path, read_mapping(mapping), options)
    elif source == "amlworld":
        frame = amlworld.load(source_path, options, patterns=patterns)
    elif source in SOURCES:
        frame = SOURCES[source].load(source_path, options)
    else:
        raise InputError(f"--source: no source {source!r}; one of {', '.join(SOURCES)}")
    with stage(f"Write {out.name}"):
        write_transactions(frame, out)
    first, last = frame["event_time"].iloc[[0, -1]]
    print(f"{out}: {len(frame):,} transactions, {first:%Y-%m-%d} to {last:%Y-%m-%d}")
