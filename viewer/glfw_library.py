"""GLFW for everything that belongs to the window: one library, one platform. Importing it needs the X11 libraries."""

from __future__ import annotations

import os

import imgui_bundle  # noqa: F401 - before glfw and OpenGL: it says which GLFW library and which platform they use

if os.environ.get("XDG_SESSION_TYPE") == "wayland":
    os.environ.setdefault("PYOPENGL_PLATFORM", "x11")  # GLFW runs on XWayland there

import glfw

__all__ = ["glfw"]
