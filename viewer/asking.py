"""Asking the render thread for the picture that follows from the state: once, again where it did not come, with the frames that playback needs next."""

from __future__ import annotations

from viewer import playback
from viewer.messages import DisplayBuffer
from viewer.request import RenderRequest, render_request
from viewer.state import ViewerState
from viewer.worker import RenderWorker


class Asking:
    """Remembers what was asked for last."""

    def __init__(self) -> None:
        self._asked: RenderRequest | None = None
        self._read_s = 0.0

    def ask(self, worker: RenderWorker, state: ViewerState, width: int, height: int, shown: DisplayBuffer | None, read_s: float) -> None:
        """Ask for a picture of this size where another one is wanted than before, or where a view came to rest without its final picture.

        At rest the small pictures in the frusta are made too, so with them it is asked for in any case.

        Args:
            read_s: when the inputs were read that led to the state.
        """
        request = render_request(state, width, height)
        if request is None:
            return
        asked = self._asked
        final = shown is not None and shown.final and shown.request == request
        settled = asked is not None and asked.moving and not request.moving and (request.frusta or not final)
        if request != asked or settled:
            came_to_rest = asked is not None and asked.moving and not request.moving  # which nobody did just now: the inputs are those before
            self._read_s = self._read_s if came_to_rest else read_s
            worker.submit(request, asked_s=self._read_s, coming=_coming(state))
            self._asked = request

    def again(self) -> None:
        """What was asked for is wanted anew: it failed, or the scene is another one."""
        self._asked = None


def _coming(state: ViewerState) -> tuple[int, ...]:
    """The frames that playback will need, nearest first."""
    scene = state.scene
    return () if scene is None else tuple(scene.frames[i] for i in playback.coming(state.transport, len(scene.frames)))
