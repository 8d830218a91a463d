"""The window's render thread without a window: requests go in, and what the window would show comes out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from im4d_core.types import Camera, RenderMode, Scene
from viewer.messages import DisplayBuffer, Facts, Failed, Opened
from viewer.offline import first_request
from viewer.request import RenderRequest
from viewer.worker import Opener, RenderWorker

_LONGEST_S = 300.0
_WAKE_S = 0.0005  # a missed wake costs no more than this


class RenderThread:
    """A render thread with a scene open, whose pictures stay on a GPU as they do for a window that shares them. Use it as a context manager.

    Raises:
        SystemExit: the scene cannot be opened, or a picture cannot be made.
    """

    def __init__(self, run: Path, *, device: str, opener: Opener) -> None:
        self._run = run
        self._bell = threading.Event()
        self._pictures: list[DisplayBuffer] = []
        self._opened = 0
        self.scene: Scene
        self.renderer = ""
        """What made the last picture."""
        self.facts: Facts | None = None
        """What the thread last told of itself."""
        self._warned: set[str] = set()
        self.worker = RenderWorker(opener=opener, device=device, display="", display_device="", shares_memory=True, wake=self._bell.set)
        self.worker.start()
        self.reopen()

    def reopen(self) -> None:
        """Open the scene anew: nothing of it is in a cache of the program's."""
        before = self._opened
        self.worker.open(self._run)
        self.wait(lambda: self._opened > before)

    def request(self, camera: Camera, frame: int, *, mode: RenderMode = "fast", moving: bool = True) -> RenderRequest:
        """What the window would ask for."""
        first = first_request(self.scene, camera=None, frame=frame, width=camera.width, height=camera.height, mode=mode)
        return replace(first, camera=camera, frame=frame, moving=moving, steady=True)

    def show(self, request: RenderRequest, *, coming: tuple[int, ...] = ()) -> DisplayBuffer:
        """Ask for a picture and wait for it; while moving, the draft is the picture where the window would show no better one."""
        self._pictures.clear()
        self.worker.submit(request, coming=coming)
        self.wait(lambda: any(answers(picture, request) for picture in self._pictures))
        return next(picture for picture in self._pictures if answers(picture, request))

    def rest(self) -> None:
        """Wait until the thread has nothing to do."""
        self.wait(lambda: not self.worker.busy)

    def pictures(self, wait_s: float) -> list[DisplayBuffer]:
        """What has come since the last call; waits for the first so long."""
        self._bell.wait(wait_s)
        self._bell.clear()
        self._hear()
        found, self._pictures = self._pictures, []
        return found

    def wait(self, reached: Callable[[], object]) -> None:
        """Listen to the thread until something is so."""
        deadline = time.monotonic() + _LONGEST_S
        while not reached():
            if time.monotonic() > deadline:
                raise SystemExit(f"nothing happened for {_LONGEST_S:g} s")
            self._bell.wait(_WAKE_S)
            self._bell.clear()
            self._hear()

    def __enter__(self) -> RenderThread:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.worker.stop()

    def _hear(self) -> None:
        for message in self.worker.take():
            match message:
                case DisplayBuffer():
                    self.renderer = message.renderer
                    self._pictures.append(message)
                case Opened(scene=scene):
                    self.scene, self._opened = scene, self._opened + 1
                case Facts():
                    self.facts = message
                case Failed(level="error", text=text):
                    raise SystemExit(text)
                case Failed(text=text) if text not in self._warned:
                    self._warned.add(text)
                    print(f"warning: {text}")


def answers(picture: DisplayBuffer, request: RenderRequest) -> bool:
    """Whether a picture is what the window shows for a request: of its frame and view, and the last one unless the view moves."""
    made = picture.request
    same = made.frame == request.frame and bool((made.camera.T_camera_world == request.camera.T_camera_world).all())
    return same and (request.moving or picture.final)
