"""From input to picture in the real window: a drag that orbits, until the frame that shows its picture has been drawn.

python -m benchmarks.latency [RUN] --size 1920 1080

Counts milliseconds, and frames of the window: 1 means that the picture was on the screen with the first frame that could know of the input.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import im4d_core  # noqa: F401 - before torch, which reads at its import how OpenMP's threads are to wait  # isort: skip
import numpy as np
import tyro

from benchmarks.table import ROOT, durations, report
from benchmarks.window import display

_PAUSE_S = 0.03  # between two inputs; a hand that drags is seldom faster
_WARM_UP = 10


@dataclass(frozen=True, kw_only=True)
class Options:
    """Drags in the real window and waits for each picture."""

    run: tyro.conf.Positional[Path] = ROOT / "assets" / "demo"
    """Folder of a run or of an exported scene."""
    size: Annotated[tuple[int, int], tyro.conf.arg(metavar="WIDTH HEIGHT")] = (1600, 1000)
    """Of the window."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    interop: bool = True
    """Keep pictures on the GPU."""
    count: int = 200
    """Inputs."""
    vsync: bool = False
    """Wait for the display; a virtual one makes the window wait for its own copying."""
    json: Path = ROOT / "benchmarks" / "results" / "latency.json"


def main(options: Options) -> None:
    with display():
        from viewer.events import Dragged
        from viewer.messages import DisplayBuffer
        from viewer.session import Session, Start

        session = Session(Start(source=options.run, device=options.device, interop=options.interop, size=options.size, fresh=True, mode="fast"))
        draw, sent_s, waiting, frames, rested_s = session.window.draw, 0.0, False, 0, 0.0
        shown: DisplayBuffer | None = None
        took_s: list[float] = []
        frames_taken: list[int] = []
        drawn_ms: list[float] = []

        def drawn() -> None:
            nonlocal sent_s, waiting, frames, rested_s, shown
            began = time.monotonic()
            draw()
            now = time.monotonic()
            drawn_ms.append(1e3 * (now - began))
            if session.shown is None:
                return
            shown = session.shown
            if waiting:
                frames += 1
                if np.array_equal(shown.request.camera.T_camera_world, session.state.navigation.T_camera_world):
                    took_s.append(now - sent_s)
                    frames_taken.append(frames)
                    waiting, rested_s = False, now
                    if len(took_s) == options.count + _WARM_UP:
                        session.window.request_close()
            elif now - rested_s >= _PAUSE_S:
                sent_s, frames, waiting = now, 0, True
                session.send(Dragged(action="orbit", dx_px=9.0, dy_px=0.0, height_px=float(options.size[1])))
            session.window.invalidate()

        session.window.draw = drawn
        session.state = replace(session.state, preferences=replace(session.state.preferences, vsync=options.vsync, max_fps=240.0))
        session.run()
    if shown is None or len(took_s) <= _WARM_UP:
        raise SystemExit("the window was closed before anything was measured")
    camera = shown.request.camera
    spent = durations([1e3 * seconds for seconds in took_s[_WARM_UP:]])
    row = {
        "picture": f"{camera.width}x{camera.height}",
        "made by": shown.renderer,
        "reaches the window": "uploaded" if isinstance(shown.pixels, np.ndarray) else "shared with OpenGL",
        "median ms": spent.median_ms,
        "p95 ms": spent.p95_ms,
        "window frames, median": float(np.median(frames_taken[_WARM_UP:])),
        "p95 frames": float(np.percentile(frames_taken[_WARM_UP:], 95)),
        "drawing a frame ms": float(np.median(drawn_ms[_WARM_UP:])),
    }
    report(f"from input to picture, {options.run.name}", [row], options.json)


if __name__ == "__main__":
    main(tyro.cli(Options))
