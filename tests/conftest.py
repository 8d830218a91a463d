"""What every test starts from: checked array shapes, fixed seeds, foreign captures by environment variable, GPU tests that say why they skip."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jaxtyping
import numpy as np
import pytest

if TYPE_CHECKING:
    from desk import Desk
    from driver import Driver

# Before any test module imports the package: shapes and types of every annotated function and dataclass are checked at each call.
jaxtyping.install_import_hook("im4d_core", "beartype.beartype")

_DISPLAY = os.environ.get("DISPLAY") or None


def _missing_gpu() -> str | None:
    import torch

    return None if torch.cuda.is_available() else "no CUDA device"


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu") is None:
        return
    reason = _missing_gpu()
    if reason is None:
        return
    if os.environ.get("IM4D_REQUIRE_GPU") == "1":
        pytest.fail(f"IM4D_REQUIRE_GPU=1, but {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(autouse=True)
def fixed_seeds() -> None:
    """The same random numbers for a test, whichever tests ran before it."""
    random.seed(0)
    np.random.seed(0)
    torch = sys.modules.get("torch")  # tests of the torch-free half must not pay for importing it
    if torch is not None:
        torch.manual_seed(0)


@pytest.fixture(autouse=True)
def kernels_of_pytorch() -> None:
    """Compiled CPU kernels serve the tests that prepare them, and none that comes after: their pictures differ by rounding."""
    backend = sys.modules.get("im4d_core.kernels.cpu.backend")
    if backend is not None:
        backend._ready.clear()


@pytest.fixture(scope="session")
def captures() -> Path:
    """The folder of foreign captures named by IM4D_CAPTURES; skips where there is none."""
    named = os.environ.get("IM4D_CAPTURES")
    if not named:
        pytest.skip("IM4D_CAPTURES is not set: no foreign captures to test on")
    folder = Path(named)
    if not folder.is_dir():
        pytest.fail(f"IM4D_CAPTURES={named}: no such folder", pytrace=False)
    return folder


@pytest.fixture(scope="session")
def display() -> Iterator[str]:
    """A display to open windows on: the one there is, else a virtual one for the session; skips where neither is possible."""
    if _DISPLAY is not None:
        yield _DISPLAY
        return
    with _virtual_display("1600x1000x24") as made, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISPLAY", made)
        yield made


@pytest.fixture
def own_display(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A virtual display for one test, which may change it."""
    with _virtual_display("1600x1000x24") as made:
        monkeypatch.setenv("DISPLAY", made)
        yield made


@pytest.fixture
def dense_display(display: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A virtual display of twice the usual density, as GLFW learns it: by the resource Xft.dpi."""
    with _virtual_display("2400x1600x24") as made:
        library = ctypes.util.find_library("X11")
        if library is None:
            pytest.skip("libX11 was not found: the density of a display cannot be set")
        x11 = ctypes.CDLL(library)
        x11.XOpenDisplay.restype, x11.XDefaultRootWindow.restype = ctypes.c_void_p, ctypes.c_ulong
        connection = ctypes.c_void_p(x11.XOpenDisplay(made.encode()))
        root, text = ctypes.c_ulong(x11.XDefaultRootWindow(connection)), b"Xft.dpi:\t192\n"
        resource_manager, string, replace = ctypes.c_ulong(23), ctypes.c_ulong(31), 0  # numbers of X's protocol
        x11.XChangeProperty(connection, root, resource_manager, string, 8, replace, text, len(text))
        x11.XCloseDisplay(connection)
        monkeypatch.setenv("DISPLAY", made)
        yield made


@contextmanager
def _virtual_display(screen: str) -> Iterator[str]:
    """The name of an Xvfb's display; skips where there can be none."""
    server = shutil.which("Xvfb")
    if server is None:
        pytest.skip("Xvfb is not installed: no window can be opened")
    read, write = os.pipe()
    # -noreset: without it the server starts over whenever its last window closes, and refuses the next one meanwhile
    command = [server, "-displayfd", str(write), "-screen", "0", screen, "-noreset", "-nolisten", "tcp"]
    process = subprocess.Popen(command, pass_fds=(write,), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as pipe:
        number = pipe.readline().strip()
    if not number:
        process.wait()
        pytest.skip(f"Xvfb ended with status {process.returncode}: no window can be opened")
    try:
        yield f":{number}"
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def drive(display: str, tmp_path: Path) -> Callable[..., Driver]:
    """Makes a person at a window on the stand-in renderer; keyword arguments are those of `Driver`."""
    from driver import Driver

    def make(**options: Any) -> Driver:
        return Driver(tmp_path, **{"watched": _DISPLAY is not None, **options})

    return make


@pytest.fixture
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    """A render thread with a scene open; the parameter has options of its stand-in renderer."""
    from desk import Desk
    from stand_in import StandIn

    made = Desk(StandIn(**getattr(request, "param", {})))
    yield made
    assert made.worker.stop()
    assert made.renderer.closed


@pytest.fixture(scope="module")
def context(display: str) -> Iterator[None]:
    """An OpenGL 3.3 core context on a hidden window."""
    from viewer.glfw_library import glfw

    assert glfw.init()
    for hint, value in (
        (glfw.VISIBLE, glfw.FALSE),
        (glfw.CONTEXT_VERSION_MAJOR, 3),
        (glfw.CONTEXT_VERSION_MINOR, 3),
        (glfw.OPENGL_PROFILE, glfw.OPENGL_CORE_PROFILE),
        (glfw.OPENGL_FORWARD_COMPAT, glfw.TRUE),
    ):
        glfw.window_hint(hint, value)
    window = glfw.create_window(64, 64, "test", None, None)
    assert window
    glfw.make_context_current(window)
    yield
    glfw.destroy_window(window)
    glfw.terminate()


@pytest.fixture
def shoot(context: None) -> Callable[[int, int, Callable[[], None]], np.ndarray]:
    """Draw into a framebuffer of a size and read it back, row 0 on top."""
    from OpenGL import GL

    from viewer.gl import clear, read_framebuffer

    def shot(width: int, height: int, draw: Callable[[], None]) -> np.ndarray:
        frame = GL.glGenFramebuffers(1)
        target = GL.glGenTextures(1)
        GL.glBindTexture(GL.GL_TEXTURE_2D, target)
        GL.glTexImage2D(GL.GL_TEXTURE_2D, 0, GL.GL_RGBA8, width, height, 0, GL.GL_RGBA, GL.GL_UNSIGNED_BYTE, None)
        GL.glBindFramebuffer(GL.GL_FRAMEBUFFER, frame)
        GL.glFramebufferTexture2D(GL.GL_FRAMEBUFFER, GL.GL_COLOR_ATTACHMENT0, GL.GL_TEXTURE_2D, target, 0)
        clear(width, height, (0.0, 0.0, 0.0))
        draw()
        pixels = read_framebuffer(width, height)
        GL.glBindFramebuffer(GL.GL_FRAMEBUFFER, 0)
        GL.glDeleteFramebuffers(1, [frame])
        GL.glDeleteTextures([target])
        return pixels

    return shot
