"""How much of a processor core the window uses while nobody touches it: the demo, at rest, software OpenGL where there is no display.

Processor time of the whole process, all threads, over 20 s that begin 20 s after the last picture: by then the hint for newcomers is gone.

python -m benchmarks.idle
"""

from __future__ import annotations

from pathlib import Path

import tyro

from benchmarks.table import report
from benchmarks.window import display, run_window

SETTLE_S = 20.0
LIMIT_CORES = 0.03


def main(*, run: Path = Path("assets/demo"), size: str = "1600x1000", idle_s: float = 20.0, output: Path = Path("benchmarks/results/idle.json")) -> None:
    """Opens the window, waits, measures; exits 1 where more than 3 % of a core is used.

    Args:
        run: what is opened.
        size: of the window.
        idle_s: how long is measured.
        output: where the figures are written.
    """
    with display():
        marks = run_window([str(run), "--size", size, "--device", "cpu"], settle_s=SETTLE_S, idle_s=idle_s)
    report(
        f"idle window of {size}; limit {100 * LIMIT_CORES:.0f} % of a core",
        [{"run": str(run), "measured s": idle_s, "% of a core": 100 * marks.idle_cores}],
        output,
    )
    if marks.idle_cores > LIMIT_CORES:
        raise SystemExit("too much")


if __name__ == "__main__":
    tyro.cli(main)
