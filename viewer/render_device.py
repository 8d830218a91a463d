"""Which device renders: the GPU that draws the window unless another one was named, and the CPU once a GPU can do no more. Imports no torch."""

from __future__ import annotations

import logging
import traceback

from viewer.messages import Failed

_log = logging.getLogger(__name__)


class RenderDevice:
    """The device that scenes are opened on.

    Args:
        name: auto, cpu, cuda or cuda:N.
        display: name of the OpenGL device; a GPU there that PyTorch cannot use is told.
        display_device: the CUDA device that draws the window, e.g. "cuda:0", which auto and cuda then mean; empty where there is none.
    """

    def __init__(self, name: str, *, display: str, display_device: str) -> None:
        self.name = name
        self._display = display
        self._display_device = display_device

    def choose(self) -> Failed | None:
        """Decide what auto and cuda mean. Returns what the user is to be told of a GPU that is there and not used."""
        from im4d_core.devices import has_driver, unused_gpu, why_no_cuda

        if self.name == "auto" and why_no_cuda() is not None:
            self.name = "cpu"
            if "NVIDIA" in self._display or self._display_device or has_driver():
                return Failed(text=unused_gpu(), details="", level="warning")
        elif self.name in ("auto", "cuda") and self._display_device:
            self.name = self._display_device
        return None

    def leave(self, error: Exception) -> Failed | None:
        """Go over to the CPU where an error says that the GPU can do no more. Returns what the user is to be told; None where nothing changed."""
        from im4d_core.devices import why_leave

        reason = None if self.name == "cpu" else why_leave(error)
        if reason is None:
            return None
        _log.warning("the GPU is left", exc_info=error)
        self.name = "cpu"
        details = "".join(traceback.format_exception(error))
        return Failed(text=f"{reason}: the CPU renders from now on, until the program is started again", details=details, level="warning")
