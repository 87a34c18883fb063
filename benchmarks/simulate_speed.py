"""How fast the simulator writes a million transactions; prints a table.

Run: python -m benchmarks.simulate_speed [--transactions 1000000]. The bar is 60 s on 2 cores.
"""

from __future__ import annotations

import argparse
import resource
import time
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.results import machine, write_section
from data.simulate import PRESETS, simulate

__all__ = ["main"]

_DAYS = 90
_ROWS_PER_ACCOUNT = 100


def main() -> None:
    """Time each preset once and print rows, seconds, rate, file size and peak memory of the process so far."""
    parser = argparse.ArgumentParser(description="Time the simulator.")
    parser.add_argument("--transactions", type=int, default=1_000_000)
    rows = parser.parse_args().transactions
    text = "\n".join(
        [
            "## Simulator",
            "",
            f"{date.today():%Y-%m-%d}, `python -m benchmarks.simulate_speed`, "
            f"{machine('numpy', 'pyarrow')}. One run each.",
            "",
            "| preset | rows | wall s | CPU s | rows/s | MB | peak MB |",
            "|---|---|---|---|---|---|---|",
            *(_measured(preset, rows) for preset in PRESETS),
        ]
    )
    print(text)
    write_section("simulate_speed", text)


def _measured(preset: str, rows: int) -> str:
    with TemporaryDirectory() as folder:
        wall, cpu = time.perf_counter(), time.process_time()
        made = simulate(
            Path(folder),
            days=_DAYS,
            accounts=max(rows // _ROWS_PER_ACCOUNT, 50),
            seed=1,
            preset=preset,
            transactions=rows,
        )
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        megabytes = made.transactions.stat().st_size / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    speed = made.rows / wall
    return (
        f"| {preset} | {made.rows:,} | {wall:.1f} | {cpu:.1f} | {speed:,.0f} | {megabytes:.0f} | {peak:.0f} |"
    )


if __name__ == "__main__":
    main()
