"""Which way pictures come from the render thread to the screen: within the GPU, or through host memory; and what is said of it."""

from __future__ import annotations

import logging
from collections.abc import Callable

from viewer.gl import device_name
from viewer.interop import open_interop
from viewer.messages import Facts
from viewer.meter import Meter
from viewer.worker import RenderWorker

_log = logging.getLogger(__name__)


class Sharing:
    """Tries on construction whether OpenGL and CUDA share a device; the window's context must be current.

    Args:
        wanted: whether to share where it is possible.
        device: that renders, as the start names it; another GPU than the one that draws the window shares nothing with it.
        meter: is told which way it is.
        tell: takes what the user should know.
    """

    def __init__(self, *, wanted: bool, device: str, meter: Meter, tell: Callable[[str], None]) -> None:
        self._wanted = wanted
        self._meter = meter
        self._tell = tell
        self._told = False
        self.interop, self._obstacle = (None, "pictures are rendered on the CPU") if device == "cpu" else open_interop(wanted)
        if self.interop is not None and device.startswith("cuda:") and device != self.display_device:
            self._obstacle = f"{device} renders, and {self.display_device} draws the window"
            self.interop.close()
            self.interop = None
        _log.info("OpenGL: %s; pictures are %s", device_name(), f"uploaded: {self._obstacle}" if self._obstacle else "shared with CUDA")

    @property
    def display_device(self) -> str:
        """The CUDA device that draws the window, e.g. "cuda:0"; empty where there is none."""
        return "" if self.interop is None else f"cuda:{self.interop.device}"

    def switch(self, worker: RenderWorker, on: bool) -> None:
        """Whether the next pictures stay on the GPU, as far as that works, or go through host memory."""
        works = not self._obstacle
        worker.share_memory(on and works)
        self._meter.presenting(device_name(), "interop" if on and works else "upload", self._obstacle, can_share=works)

    def lose(self, worker: RenderWorker, error: RuntimeError) -> None:
        """Upload pictures from now on: what worked at the start does no more."""
        if not self._obstacle:
            self._obstacle = f"sharing with CUDA failed ({error})"
            _log.warning("%s", self._obstacle)
            self.switch(worker, False)
            self._say()

    def rendered_on(self, facts: Facts) -> None:
        """A GPU that renders and does not share is told, once."""
        if facts.device.startswith("cuda") and self._obstacle and self._wanted and not self._told:
            self._say()

    def close(self) -> None:
        if self.interop is not None:
            self.interop.close()

    def _say(self) -> None:
        self._told = True
        self._tell(f"pictures go through host memory, which takes longer: {self._obstacle}")
