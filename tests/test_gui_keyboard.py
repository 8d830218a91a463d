"""Keyboards that are not American: what is held moves by the place of its key, commands go by the letter on it. Keys come from the X server."""

from __future__ import annotations

import ctypes
import ctypes.util
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

import numpy as np
import pytest
from driver import Driver

from viewer.events import SetPathTime
from viewer.panels import PANELS
from viewer.session import Session

# Keys by their place, as X numbers them, with what stands on them on an American and on a French keyboard.
W_Z, A_Q, Z_W, SEMICOLON_M, M_COMMA, LEFT_CTRL = 25, 38, 52, 47, 58, 37
_CONTROL = 1 << 2
_PRESS, _RELEASE = 2, 3
_WAIT_S = 20.0


class _KeyEvent(ctypes.Structure):
    """XKeyEvent of Xlib."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("send_event", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("root", ctypes.c_ulong),
        ("subwindow", ctypes.c_ulong),
        ("time", ctypes.c_ulong),
        ("x", ctypes.c_int),
        ("y", ctypes.c_int),
        ("x_root", ctypes.c_int),
        ("y_root", ctypes.c_int),
        ("state", ctypes.c_uint),
        ("keycode", ctypes.c_uint),
        ("same_screen", ctypes.c_int),
        ("rest", ctypes.c_long * 24),  # XEvent is a union as large as this
    )


class Keyboard:
    """Presses keys of a window through a connection of its own to the display."""

    def __init__(self, display: str) -> None:
        self._x11 = ctypes.CDLL(ctypes.util.find_library("X11") or "libX11.so.6")
        self._x11.XOpenDisplay.restype = ctypes.c_void_p
        self._display = ctypes.c_void_p(self._x11.XOpenDisplay(display.encode()))
        self._window = ctypes.c_ulong(0)
        self._time = 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._x11.XCloseDisplay(self._display)

    def focus(self, window: int) -> None:
        """There is no window manager that would."""
        self._window = ctypes.c_ulong(window)
        self._x11.XSetInputFocus(self._display, self._window, 1, ctypes.c_ulong(0))
        self._x11.XFlush(self._display)

    def send(self, kind: int, keycode: int, state: int = 0) -> None:
        self._time += 10
        event = _KeyEvent(type=kind, display=self._display, window=self._window, time=self._time, state=state, keycode=keycode, same_screen=1)
        mask = ctypes.c_long(1 if kind == _PRESS else 2)
        self._x11.XSendEvent(self._display, self._window, 1, mask, ctypes.byref(event))
        self._x11.XFlush(self._display)

    def tap(self, keycode: int, state: int = 0) -> None:
        self.send(_PRESS, keycode, state)
        self.send(_RELEASE, keycode, state)


@pytest.fixture
def french(own_display: str) -> Iterator[Keyboard]:
    """A display with a French keyboard."""
    if shutil.which("setxkbmap") is None:
        pytest.skip("setxkbmap is not installed: the layout of a keyboard cannot be chosen")
    subprocess.run(["setxkbmap", "-display", own_display, "-layout", "fr"], check=True, stderr=subprocess.DEVNULL)
    with Keyboard(own_display) as keyboard:
        yield keyboard


def play(session: Session, script: Callable[[], Iterator[Callable[[], object]]]) -> None:
    """Run a session without the test engine, which has a keyboard of its own; the script yields what it waits for."""
    from viewer.window import Window

    window: Window = session.window
    update, steps = session._update, script()
    waits: list[Callable[[], object]] = [lambda: session.first_picture_s is not None]
    since = [time.monotonic()]
    failures: list[BaseException] = []

    def watched() -> None:
        update()
        window.invalidate()
        try:
            assert time.monotonic() - since[0] < _WAIT_S, "waited in vain"
            if waits[0]():
                waits[0], since[0] = next(steps), time.monotonic()
        except StopIteration:
            window.request_close()
        except BaseException as error:  # noqa: BLE001 - raised again below, outside the frame
            failures.append(error)
            window.request_close()

    window.params.callbacks.post_new_frame = watched
    session.run()
    if failures:
        raise failures[0]


def test_a_french_keyboard_moves_by_place_and_commands_by_letter(french: Keyboard, drive) -> None:
    from viewer.glfw_library import glfw

    session: Session = drive().session

    def centre() -> np.ndarray:
        pose = session.state.navigation.T_camera_world
        return -pose[:3, :3].T @ pose[:3, 3]

    def script() -> Iterator[Callable[[], object]]:
        french.focus(glfw.get_x11_window(session.window._handle))
        yield lambda: session.window.focused
        began, ahead, aside = centre(), session.state.navigation.T_camera_world[2, :3], session.state.navigation.T_camera_world[0, :3]

        french.send(_PRESS, W_Z)  # where W is on an American one; Z stands on it
        yield lambda: (centre() - began) @ ahead > 0.1
        french.send(_RELEASE, W_Z)
        yield lambda: not any(session.state.navigation.velocity)
        rest = centre()
        french.send(_PRESS, A_Q)
        yield lambda: (centre() - rest) @ aside < -0.1
        french.send(_RELEASE, A_Q)
        yield lambda: not any(session.state.navigation.velocity)

        layout = session.state.comparison.layout
        french.tap(SEMICOLON_M)
        yield lambda: session.state.comparison.layout != layout
        layout, index = session.state.comparison.layout, session.state.transport.index
        french.tap(M_COMMA)
        yield lambda: session.state.transport.index != index
        assert session.state.comparison.layout == layout, "the comma is no M, though an American M is there"
        rest = centre()
        french.tap(LEFT_CTRL)
        french.send(_PRESS, LEFT_CTRL)
        french.tap(W_Z, _CONTROL)  # Ctrl+Z, as it says on the key
        yield lambda: session.state.comparison.layout == "off"
        french.send(_RELEASE, LEFT_CTRL, _CONTROL)
        french.send(_PRESS, Z_W)  # W stands on it, and it moves nothing
        held = time.monotonic()
        yield lambda: time.monotonic() - held > 0.3
        np.testing.assert_array_equal(centre(), rest)

    play(session, script)


def test_panels_come_back_with_the_one_in_front_that_was(drive: Callable[..., Driver]) -> None:
    from imgui_bundle import imgui

    def script(d: Driver) -> None:
        for name in ("Render", "Compare"):
            d.click(name)
            d.until(lambda name=name: name in d.session._stats.front)
            for shown in (False, True):
                d.press(imgui.Key.tab)
                d.until(lambda shown=shown: d.state.layout.panels is shown)
                d.ctx.yield_(4)
            assert d.session._stats.front & {name for name, _ in PANELS} == {name}

    drive().run(script)


def test_escape_closes_what_lies_on_top_and_nothing_else(drive: Callable[..., Driver]) -> None:
    """Lists and the picker of colours; the preview goes on until they are closed."""
    from imgui_bundle import imgui

    def script(d: Driver) -> None:
        def popups() -> int:
            return imgui.get_current_context().open_popup_stack.size()

        d.press_name("K")
        d.session.send(SetPathTime(time_s=0.0))
        d.until(lambda: d.state.path_editor.previewing)
        for panel, opens in (("Display", "//Display/##background/##ColorButton"), ("Display", "//Display/##ui_scale")):
            d.click(panel)
            d.ctx.item_click(opens)
            d.until(lambda: popups() == 1)
            d.press(imgui.Key.escape)
            d.until(lambda: popups() == 0)
            assert d.state.path_editor.previewing
        d.press(imgui.Key.escape)
        d.until(lambda: not d.state.path_editor.previewing)

    drive().run(script)
