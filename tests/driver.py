"""A person at the window: a session on the stand-in renderer, with a script that clicks, drags and types through ImGui's test engine."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from stand_in import StandIn, as_renderer

from viewer.events import AskedFor, FocusPanel, Triggered
from viewer.messages import DisplayBuffer
from viewer.remote import Remote, connect
from viewer.state import Picture

if TYPE_CHECKING:
    from viewer.window import Window

WAIT_S = 20.0


class Driver:
    """A session on a stand-in renderer with a script that plays the user.

    Args:
        folder: where its files go.
        watched: somebody may look at the window, so every frame is painted. Else OpenGL does all of its work but filling pixels, which takes most of the
            time where no GPU does it; frames that something reads are painted always.
    """

    def __init__(self, folder: Path, *, watched: bool = False, renderer: StandIn | None = None, **start: Any) -> None:
        from viewer.session import Session
        from viewer.start import Start

        self.renderer = renderer or StandIn()
        self.folder = folder
        begin = Start(**{"source": folder / "scene", "output": folder / "output", "size": (1100, 700), **start})
        self.session = Session(begin, opener=lambda source, device: as_renderer(self.renderer))
        if begin.mode is None:  # the fast renderer, until the script asks for another one
            self.session.state = replace(self.session.state, picture=Picture())
        if not watched:
            _paint_what_is_read(self.session.window)
        self.ctx: Any = None

    def run(self, script: Callable[[Driver], None]) -> None:
        """Open the window, play the script, close; failures of script, widgets or window fail the test."""
        from imgui_bundle import hello_imgui, imgui

        engine_api, params = imgui.test_engine, self.session.window.params
        failures: list[BaseException] = []
        registered: list[Any] = []

        def play(ctx: Any) -> None:
            self.ctx = ctx
            try:
                self.until(lambda: self.session.shown is not None)
                script(self)
            except BaseException as error:  # noqa: BLE001 - raised again below, outside the engine's own stack
                failures.append(error)
            finally:
                if ctx.is_error():
                    failures.append(AssertionError("the test engine could not do something; its log is above"))
                params.app_shall_exit = True

        def register() -> None:
            engine = hello_imgui.get_imgui_test_engine()
            io = engine_api.get_io(engine)
            io.config_run_speed = engine_api.TestRunSpeed.fast
            io.config_log_to_tty = True
            io.config_watchdog_warning = io.config_watchdog_kill_test = 3600.0  # seconds; `until` has limits of its own
            registered.append(engine_api.register_test(engine, "viewer", "script"))
            registered[0].test_func = play
            engine_api.queue_test(engine, registered[0])

        params.use_imgui_test_engine = True
        params.callbacks.register_tests = register
        self.session.run()
        if failures:
            raise failures[0]

    @property
    def state(self):
        return self.session.state

    @property
    def shown(self) -> DisplayBuffer:
        assert self.session.shown is not None
        return self.session.shown

    @property
    def area(self) -> tuple[float, float, float, float]:
        """The picture area: x, y, width and height in window units."""
        assert self.session._stats.area is not None
        return self.session._stats.area

    @property
    def area_size(self) -> tuple[int, int]:
        """Of the picture area, in pixels of a display of usual density."""
        return round(self.area[2]), round(self.area[3])

    @property
    def shown_size(self) -> tuple[int, int]:
        """Of the picture on the screen."""
        camera = self.shown.request.camera
        return camera.width, camera.height

    def until(self, reached: Callable[[], object]) -> None:
        deadline = time.monotonic() + WAIT_S
        while not reached():
            assert time.monotonic() < deadline, f"waited in vain; notices: {[notice.text for notice in self.state.notices]}"
            self.ctx.yield_()

    def click(self, label: str) -> None:
        self.ctx.item_click(f"//**/{label}")
        self.ctx.yield_(2)

    def choose(self, combo: str, entry: str) -> None:
        """Open a combo box and click an entry.

        Args:
            combo: "Panel/##id": the engine finds no combo box by a wildcard.
            entry: its label; for an entry of `imgui.combo`, which numbers them, "$$2/label" for the third.
        """
        self.ctx.item_click(f"//{combo}")
        self.ctx.yield_(2)
        self.ctx.item_click(f"//$FOCUSED/{entry}")
        self.ctx.yield_(2)

    def drag_picture(self, dx: float, dy: float, button: int = 0) -> None:
        """Drag from the middle of the picture."""
        x, y, width, height = self.area
        self.ctx.mouse_move_to_pos((x + 0.5 * width, y + 0.6 * height))
        self.ctx.mouse_down(button)
        self.ctx.yield_()
        self.ctx.mouse_move_to_pos((x + 0.5 * width + dx, y + 0.6 * height + dy))
        self.ctx.yield_()
        self.ctx.mouse_up(button)
        self.ctx.yield_(2)

    def press(self, *keys: Any) -> None:
        chord = 0
        for key in keys:
            chord |= int(key)
        self.ctx.key_press(chord)
        self.ctx.yield_(2)

    def press_name(self, chord: str) -> None:
        """Press a chord as the table of bindings writes it."""
        from imgui_bundle import imgui

        from viewer.inputs import imgui_key

        *modifiers, key = chord.split("+")
        mods = {"Ctrl": imgui.Key.mod_ctrl, "Alt": imgui.Key.mod_alt, "Shift": imgui.Key.mod_shift}
        self.press(*(mods[name] for name in modifiers), imgui_key(key))

    @property
    def dialog_open(self) -> bool:
        """Whether our own file dialog is on the screen."""
        effects = self.session._effects
        return effects is not None and effects._dialog._purpose is not None

    def notices(self) -> str:
        """What the window tells: its notices, and the problem with details."""
        problem = self.session._problems._newest
        return " | ".join([*(notice.text for notice in self.state.notices), *([] if problem is None else [problem.text])])


def _paint_what_is_read(window: Window) -> None:
    """Paint only frames that somebody waits for by `Window.before_swap`; one who comes when a frame is half drawn gets the next."""
    callbacks = window.params.callbacks
    background, before_swap = callbacks.custom_background, callbacks.before_swap
    painted = [True]

    def drawn() -> None:
        from OpenGL import GL

        painted[0] = bool(window._before_swap)
        (GL.glDisable if painted[0] else GL.glEnable)(GL.GL_RASTERIZER_DISCARD)
        background()

    def read() -> None:
        if painted[0]:
            before_swap()

    callbacks.custom_background, callbacks.before_swap = drawn, read


def pose(driver: Driver) -> np.ndarray:
    return driver.state.navigation.T_camera_world.copy()


def beside(d: Driver, program: Callable[[Remote], None]) -> None:
    """Run a program that steers the window while the window goes on."""
    failures: list[BaseException] = []

    def steer() -> None:
        try:
            with connect(d.folder / "control.json") as viewer:
                program(viewer)
        except BaseException as error:  # noqa: BLE001 - raised again below
            failures.append(error)

    thread = threading.Thread(target=steer)
    thread.start()
    d.until(lambda: not thread.is_alive())
    if failures:
        raise failures[0]


def tidy(d: Driver, panel: str = "Keys") -> None:
    """Dialogs, questions and help away, panels there, the keyboard free. Does only what is needed: it is called hundreds of times."""
    from imgui_bundle import imgui

    if d.dialog_open:
        d.press(imgui.Key.escape)
    d.ctx.popup_close_all()
    while d.state.asks is not None or d.state.layout.help or d.state.path_editor.previewing or d.state.asks_key is not None:
        d.press(imgui.Key.escape)
    if d.session.window.is_fullscreen:
        d.session.send(Triggered(action="fullscreen"))
        d.until(lambda: not d.session.window.is_fullscreen)
    if not d.state.layout.panels:
        d.session.send(Triggered(action="panels"))
        d.until(lambda: d.state.layout.panels)
    d.session.send(AskedFor(effect=FocusPanel(name=panel)))
    d.ctx.yield_(2)
