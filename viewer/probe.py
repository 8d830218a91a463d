"""A hidden window, opened only to ask what OpenGL there is."""

from __future__ import annotations

import os

from viewer.gl import device_name
from viewer.glfw_library import glfw
from viewer.interop import open_interop
from viewer.present import Presenter


def probe_window(interop: bool) -> tuple[str, str]:
    """The OpenGL device, and how pictures reach it.

    Raises:
        RuntimeError: no window, or no OpenGL 3.3, or the shaders do not compile.
    """
    if not glfw.init():
        raise RuntimeError(f"no window can be opened on display {os.environ.get('DISPLAY', '(none)')!r}")
    try:
        for hint, value in (
            (glfw.VISIBLE, glfw.FALSE),
            (glfw.CONTEXT_VERSION_MAJOR, 3),
            (glfw.CONTEXT_VERSION_MINOR, 3),
            (glfw.OPENGL_PROFILE, glfw.OPENGL_CORE_PROFILE),
            (glfw.OPENGL_FORWARD_COMPAT, glfw.TRUE),
        ):
            glfw.window_hint(hint, value)
        window = glfw.create_window(64, 64, "Im4D Viewer", None, None)
        if not window:
            raise RuntimeError("this display has no OpenGL 3.3 core profile")
        glfw.make_context_current(window)
        Presenter(None).close()  # compiles the shaders that every picture needs
        shared, reason = open_interop(interop)
        if shared is None:
            return device_name(), f"pictures are uploaded: {reason}"
        shared.close()
        return device_name(), f"pictures stay on CUDA device {shared.device}"
    finally:
        glfw.terminate()
