"""A render thread on a stand-in renderer, asked by a test in the place of the window."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from stand_in import StandIn, as_renderer

from im4d_core.camera_path import SceneTiming
from im4d_core.export_settings import ExportSettings
from im4d_core.geometry import resized
from im4d_core.path_generators import orbit
from im4d_core.scene_renderer import SceneRenderer
from viewer.jobs import ExportOrder
from viewer.messages import DisplayBuffer, Message, Opened
from viewer.request import RenderRequest
from viewer.worker import RenderWorker

WAIT_S = 20.0  # a busy machine must not fail a test; every wait ends as soon as what it waits for is there


class Desk:
    """A worker on a stand-in renderer, and everything it has said."""

    def __init__(self, renderer: StandIn) -> None:
        self.renderer = renderer
        self.said: list[Message] = []
        self._bell = threading.Event()
        self.worker = RenderWorker(opener=self._open, device="cpu", display="", display_device="", shares_memory=False, wake=self._bell.set)
        self.worker.start()
        self.worker.open(Path("somewhere"))
        self.wait(lambda: self.of(Opened))

    def _open(self, source: Path, device: str) -> SceneRenderer:
        if source.name == "broken":
            raise ValueError("config.json: unknown key 'speed'")
        return as_renderer(self.renderer)

    def of(self, kind: type) -> list:
        return [message for message in self.said if isinstance(message, kind)]

    def wait(self, reached: Callable[[], object]) -> None:
        deadline = time.monotonic() + WAIT_S
        while True:
            self.said += self.worker.take()
            if reached():
                return
            assert time.monotonic() < deadline, f"waited in vain; the worker said {self.said}"
            self._bell.wait(0.02)
            self._bell.clear()

    def request(self, *, index: int = 0, mode: Literal["fast", "full"] = "fast", moving: bool = False, width: int = 32) -> RenderRequest:
        scene = self.renderer.scene
        camera = resized(scene.cameras[0], width, width * 3 // 4)
        return RenderRequest(camera=camera, frame=scene.frames[index], mode=mode, output="colour", background=(0.0, 0.0, 0.0), moving=moving, scale=1.0)

    def pictures(self) -> list[DisplayBuffer]:
        return self.of(DisplayBuffer)


def export_order(file: Path, *, number: int = 1, mode: Literal["fast", "full"] = "fast", pictures: int = 8) -> ExportOrder:
    path = orbit(centre=(0.0, 0.0, 0.0), radius=3.0, up=(0.0, 0.0, 1.0), duration_s=1.0)
    timing = SceneTiming(frames=StandIn().scene.frames, fps=10.0)
    made_as = "h264" if file.suffix else "png"
    return ExportOrder(
        number=number, path=path, timing=timing, settings=ExportSettings(width=32, height=24, fps=float(pictures), mode=mode, format=made_as, file=str(file))
    )
