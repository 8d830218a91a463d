"""Seconds from the start of the process to the first frame of the window, and to the first rendered picture in it.

python -m benchmarks.start
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from rich.progress import track

from benchmarks.table import Cell, report
from benchmarks.window import WindowMarks, display, run_window


def main(
    scene: Annotated[Path | None, tyro.conf.Positional] = None,
    *,
    runs: int = 5,
    size: str = "",
    device: str = "auto",
    output: Path = Path("benchmarks/results/start.json"),
) -> None:
    """Starts the viewer several times, on a virtual display where there is none. The first start warms the disk and is shown apart.

    Args:
        scene: run or exported scene; the demo when left out.
        runs: starts after the first.
        size: of the window as WIDTHxHEIGHT; the program's own when empty.
        device: auto, cpu or cuda.
        output: where the figures are written.
    """
    arguments = [*([] if scene is None else [str(scene)]), "--device", device, *(["--size", size] if size else [])]
    with display():
        marks = [run_window(arguments) for _ in track(range(runs + 1), description="starting")]
    warm = marks[1:] or marks
    rows = [
        _row("first start", marks[:1], _median),
        _row("warm, median", warm, _median),
        _row("warm, slowest", warm, max),
    ]
    report(f"start of the viewer: {'the demo' if scene is None else scene.name}", rows, output)


def _median(values: list[float]) -> float:
    return float(np.median(values))


def _row(name: str, marks: list[WindowMarks], summary: Callable[[list[float]], float]) -> dict[str, Cell]:
    return {
        "start": name,
        "starts": len(marks),
        "first frame s": summary([mark.first_frame_s for mark in marks]),
        "first picture s": summary([mark.first_picture_s for mark in marks]),
        "memory GB": summary([mark.resident_gb for mark in marks]),
    }


if __name__ == "__main__":
    tyro.cli(main)
