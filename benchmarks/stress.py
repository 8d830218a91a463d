"""What a restless user does, as often as wanted: the scene plays, the camera orbits, the picture changes its size."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.orbit import orbit
from benchmarks.render_thread import RenderThread
from benchmarks.window import display
from im4d_core.geometry import fitted
from viewer.messages import DisplayBuffer, Facts
from viewer.worker import open_scene_renderer

if TYPE_CHECKING:
    from viewer.gl import Texture
    from viewer.interop import Interop

_SIZES = (1.0, 0.5, 0.77, 1.0, 0.31, 0.9, 0.62)
_HELD_FOR = 5
"""Pictures between two sizes."""
_STILL_EVERY = 50
_DRAG_PX = 12.0

Seen = Callable[[int, Facts | None, int, int], None]
"""Told of each picture: its number, the renderer's own account, textures registered with CUDA, OpenGL textures."""


def in_thread(run: Path, device: str, size: tuple[int, int], pictures: int, seen: Seen) -> str:
    """Through the window's render thread. The same things come again twenty times, so that caches hold what they will hold after the first ones.

    Returns:
        What made the pictures.
    """
    with RenderThread(run, device=device, opener=open_scene_renderer) as thread:
        scene = thread.scene
        period = max(pictures // 20, 1)
        cameras = list(orbit(scene, scene.frames[0], *size, period))
        for i in range(pictures):
            at = i % period
            scale = _SIZES[at // _HELD_FOR % len(_SIZES)]
            camera = fitted(cameras[at], max(round(scale * size[0]), 1), max(round(scale * size[1]), 1))
            coming = tuple(scene.frames[(at + 1 + k) % len(scene.frames)] for k in range(len(scene.frames) - 1))
            moving = at % _STILL_EVERY != _STILL_EVERY - 1
            thread.show(thread.request(camera, scene.frames[at % len(scene.frames)], moving=moving), coming=coming)
            seen(i, thread.facts, 0, 0)
        return thread.renderer


def in_window(run: Path, device: str, size: tuple[int, int], pictures: int, seen: Seen) -> str:
    """In the real window, on a virtual display where there is none.

    Returns:
        What made the pictures, and how they reached the window.
    """
    with display(), _registrations() as registered:
        from viewer.events import Dragged, Triggered
        from viewer.resolution import CALM_S
        from viewer.session import Session, Start

        session = Session(Start(source=run, device=device, size=size, fresh=True))
        draw = session.window.draw
        shown: DisplayBuffer | None = None
        count, resized_s, scales = 0, 0.0, cycle(_SIZES)

        def drawn() -> None:
            nonlocal count, shown, resized_s
            draw()
            if session.shown is None or session.shown is shown or count == pictures:
                return
            shown = session.shown
            if count == 0:
                session.send(Triggered(action="play"))
            session.send(Dragged(action="orbit", dx_px=_DRAG_PX, dy_px=0.0, height_px=float(size[1])))
            if time.monotonic() - resized_s > 2.0 * CALM_S:  # pictures of the size before have come
                resized_s, scale = time.monotonic(), next(scales)
                session.window.resize(max(round(scale * size[0]), 320), max(round(scale * size[1]), 240))
            seen(count, session._meter.facts, registered(), _textures())
            count += 1
            if count == pictures:
                session.window.request_close()

        session.window.draw = drawn
        session.state = replace(session.state, preferences=replace(session.state.preferences, vsync=False, max_fps=240.0))
        session.run()
        if shown is None or count < pictures:
            raise SystemExit(f"the window was closed after {count} pictures")
        way = "uploaded" if isinstance(shown.pixels, np.ndarray) else "shared with OpenGL"
        return f"{shown.renderer}, in the window, {way}"


@contextmanager
def _registrations() -> Iterator[Callable[[], int]]:
    """Counts the textures that are registered with CUDA meanwhile."""
    from viewer.interop import Interop

    live: dict[int, object] = {}
    register, release = Interop.register, Interop.release

    def registering(self: Interop, texture: Texture) -> object:
        resource = register(self, texture)
        live[id(resource)] = resource  # kept, so that no other can have its identity
        return resource

    def releasing(self: Interop, resource: object) -> None:
        release(self, resource)
        live.pop(id(resource), None)

    Interop.register, Interop.release = registering, releasing
    try:
        yield lambda: len(live)
    finally:
        Interop.register, Interop.release = register, release


def _textures() -> int:
    """OpenGL textures that exist."""
    from OpenGL import GL

    return sum(bool(GL.glIsTexture(name)) for name in range(1, 512))
