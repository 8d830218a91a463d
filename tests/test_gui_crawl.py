"""A crawler that operates every widget of every panel in the real window, and a random user; what must always hold is checked after each step.

IM4D_RANDOM_USER_S is how long the random user plays, in seconds (10 when not set; for more than 240 also give pytest -o faulthandler_timeout=3600), and
IM4D_RANDOM_USER_SEED its seed. A failure tells the last steps.
"""

from __future__ import annotations

import os
import random
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import pytest
from driver import Driver, tidy
from invariants import check

from viewer import bindings, panels
from viewer.events import DismissNotice, Notified, SavePath, SetScale, Triggered, WouldReplace
from viewer.inputs import _places
from viewer.window import Window


@pytest.fixture
def harmless(monkeypatch: pytest.MonkeyPatch) -> None:
    """What would leave the window, or the program, does nothing."""
    monkeypatch.setattr(Window, "request_close", lambda self: None)
    monkeypatch.setattr("viewer.file_dialog.shutil.which", lambda name: None)
    monkeypatch.setattr("viewer.effects._show_in_folder", lambda path: None)


_SOME = {"Keys": 40}  # of its widgets, two a line, which all do the same; another test clicks them
_INPUTABLE = 1 << 24  # of the test engine, which its bindings do not name: a number or text can be typed
_TYPED = ("1e9", "-1e9")  # beyond both ends


class Crawler:
    """Finds the widgets of a panel and operates each."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.operated = 0

    def widgets(self, panel: str) -> list[int]:
        """Ids of everything that can be operated in a panel, its lists included."""
        from imgui_bundle import imgui

        found = imgui.test_engine.TestItemList()
        self.driver.ctx.gather_items(found, f"//{panel}", 16)
        items = [found.get_by_index(i) for i in range(found.get_size())]
        return [item.id_ for item in items if not int(item.item_flags) & int(imgui.ItemFlags_.disabled)]

    def operate(self, widget: int) -> None:
        """Click it; type numbers where they can be typed; choose the last entry of a combo box. What is gone by now is left out."""
        from imgui_bundle import imgui

        ctx, engine = self.driver.ctx, imgui.test_engine
        reference = engine.TestRef(widget)
        if not ctx.item_exists(reference):
            return
        status = int(ctx.item_info(reference).status_flags)
        # not checked: frames of lists are items too, and nothing can point at them
        ctx.item_click(reference, 0, engine.TestOpFlags_.no_error | engine.TestOpFlags_.no_check_hovered_id)
        ctx.yield_(2)
        self.operated += 1
        if self._popup():
            self._choose_last()
        elif status & _INPUTABLE:
            for text in _TYPED:
                if not ctx.item_exists(reference):
                    return
                ctx.item_input(reference, engine.TestOpFlags_.no_error)
                ctx.key_chars_replace_enter(text)
                ctx.yield_(2)
                check(self.driver)

    def _popup(self) -> bool:
        window = self.driver.ctx.item_info("//$FOCUSED").window
        return window is not None and window.name.startswith("##Combo")

    def _choose_last(self) -> None:
        from imgui_bundle import imgui

        entries = imgui.test_engine.TestItemList()
        self.driver.ctx.gather_items(entries, "//$FOCUSED", 2)
        if entries.get_size():
            self.driver.ctx.item_click(imgui.test_engine.TestRef(entries.get_by_index(entries.get_size() - 1).id_))
            self.driver.ctx.yield_(2)


@pytest.mark.parametrize("panel", [name for name, _ in panels.PANELS])
def test_every_widget_of_a_panel_can_be_operated(drive, harmless, panel: str) -> None:
    def script(d: Driver) -> None:
        for _ in range(2):  # some of the widgets work on keys
            d.press_name("K")
            d.drag_picture(30.0, 0.0)
        d.session.send(SetScale(scale=0.2))  # the pictures are not what is tested
        crawler = Crawler(d)
        tidy(d, panel)
        widgets = crawler.widgets(panel)
        turns = widgets[: _SOME.get(panel)]
        for widget in turns:
            crawler.operate(widget)
            check(d)
            tidy(d, panel)
        assert crawler.operated >= len(turns) // 2, "most are still there when their turn comes"
        assert crawler.operated > 1

    drive(size=(1100, 900)).run(script)


def test_every_widget_beside_the_panels_can_be_operated(drive, harmless, tmp_path: Path) -> None:
    """The transport bar, notices, the help, a question, a problem: what goes when it is operated is shown again for the next one."""
    tried: list[str] = []

    def script(d: Driver) -> None:
        d.session.send(SetScale(scale=0.2))
        d.ctx.yield_(2)
        problems = d.session._problems

        def notices() -> None:
            for notice in d.state.notices:
                d.session.send(DismissNotice(notice_id=notice.id))
            d.session.send(Notified(level="info", text="Saved a file", path=tmp_path / "a.png"))
            d.session.send(Notified(level="warning", text="something is slower"))
            d.until(lambda: len(d.state.notices) == 2)

        def asked() -> None:
            if d.state.asks is None:
                d.session.send(WouldReplace(effect=SavePath(path=d.state.path_editor.path, file=tmp_path / "path.json")))
                d.until(lambda: d.state.asks is not None)

        def broken() -> None:
            problems.add("something broke", "details", during="drawing", retry=lambda: tried.append("again"))

        crawler = Crawler(d)
        bar = d.ctx.item_info("//**/###play").window.name
        parts = (
            (lambda: bar, lambda: None, 15),
            (lambda: f"##notice_{d.state.notices[0].id}", notices, 3),
            (lambda: f"##notice_{d.state.notices[1].id}", notices, 2),
            (lambda: "Question###question", asked, 2),
            (lambda: "Problem", broken, 4),
        )
        for window, shown, least in parts:
            before, turn, count = crawler.operated, 0, 1
            while turn < count:
                shown()
                d.ctx.yield_(2)
                widgets = crawler.widgets(window())
                count = max(count, len(widgets))
                if turn < len(widgets):
                    crawler.operate(widgets[turn])
                turn += 1
                problems.resolved("drawing")
                check(d)
            tidy(d)
            assert crawler.operated - before >= least, window()
        assert tried == ["again"]
        d.session.send(Triggered(action="help"))
        d.until(lambda: d.state.layout.help)
        d.ctx.yield_(2)
        d.ctx.item_click("//Help###help/#CLOSE")  # its only widget
        d.until(lambda: not d.state.layout.help)

    drive(size=(1100, 900)).run(script)


class RandomUser:
    """Does anything to the window, from one seed: the same seed does the same."""

    def __init__(self, driver: Driver, seed: int, held: set[int], focus: list[bool]) -> None:
        self.driver = driver
        self.random = random.Random(seed)
        self.held, self.focus = held, focus
        self.log: deque[str] = deque(maxlen=30)
        self.steps = 0
        self._chords = [chord for key in bindings.KEYS if not key.held for chord in key.chords]
        self._places = [place for key in bindings.KEYS if key.held for chord in key.chords for place in _places(chord)]

    def step(self) -> None:
        """One thing."""
        action: Callable[[], str] = self.random.choice(
            [self._press, self._press, self._press, self._drag, self._drag, self._click, self._click, self._wheel, self._double_click]
            + [self._hold, self._let_go, self._type, self._resize, self._focus, self._drop, self._wait]
        )
        self.log.append(f"{self.steps}: {action.__name__.removeprefix('_')}")
        self.log[-1] += f" {action()}"
        self.steps += 1

    def _place(self) -> tuple[float, float]:
        width, height = self.driver.session.window.params.app_window_params.window_geometry.size
        return self.random.uniform(0.0, width), self.random.uniform(0.0, height)

    def _press(self) -> str:
        chord = self.random.choice(self._chords)
        self.driver.press_name(chord)
        return chord

    def _drag(self) -> str:
        button, (x, y), (to_x, to_y) = self.random.choice((0, 0, 1, 2)), self._place(), self._place()
        ctx = self.driver.ctx
        ctx.mouse_move_to_pos((x, y))
        ctx.mouse_down(button)
        for part in (0.3, 1.0):
            ctx.mouse_move_to_pos((x + part * (to_x - x), y + part * (to_y - y)))
            ctx.yield_()
        ctx.mouse_up(button)
        ctx.yield_()
        return f"{button} from {x:.0f},{y:.0f} to {to_x:.0f},{to_y:.0f}"

    def _click(self) -> str:
        x, y = self._place()
        self.driver.ctx.mouse_move_to_pos((x, y))
        self.driver.ctx.mouse_click(0)
        self.driver.ctx.yield_()
        return f"{x:.0f},{y:.0f}"

    def _double_click(self) -> str:
        x, y = self._place()
        self.driver.ctx.mouse_move_to_pos((x, y))
        self.driver.ctx.mouse_double_click(0)
        self.driver.ctx.yield_()
        return f"{x:.0f},{y:.0f}"

    def _wheel(self) -> str:
        steps = self.random.uniform(-8.0, 8.0)
        self.driver.ctx.mouse_move_to_pos(self._place())
        self.driver.ctx.mouse_wheel_y(steps)
        self.driver.ctx.yield_()
        return f"{steps:.1f}"

    def _hold(self) -> str:
        self.held.update(self.random.sample(self._places, 2))
        self.driver.ctx.yield_(2)
        return str(sorted(self.held))

    def _let_go(self) -> str:
        self.held.clear()
        return ""

    def _type(self) -> str:
        text = self.random.choice(("1e9", "-3", "nan", "hello", "0", "12.5", "/no/such/folder", "../x"))
        self.driver.ctx.key_chars_append_enter(text)
        self.driver.ctx.yield_()
        return text

    def _resize(self) -> str:
        size = (self.random.randint(320, 1500), self.random.randint(240, 950))
        window = self.driver.session.window
        window.before_swap(lambda: window.resize(*size))  # GLFW belongs to the main thread
        self.driver.ctx.yield_(2)
        return f"{size[0]} x {size[1]}"

    def _focus(self) -> str:
        self.focus[0] = not self.focus[0]
        self.driver.ctx.yield_()
        return str(self.focus[0])

    def _drop(self) -> str:
        name = self.random.choice(("absent.json", "absent.txt", "folder", "picture.png", "broken.json"))
        self.driver.session.window._drop(None, [str(self.driver.folder / name)])
        self.driver.ctx.yield_(2)
        return name

    def _wait(self) -> str:
        self.driver.ctx.yield_(self.random.randint(1, 15))
        return ""


def test_random_user(drive, harmless, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever is done, and however fast: nothing is lost, nothing sticks, and the window goes on."""
    seconds, seed = float(os.environ.get("IM4D_RANDOM_USER_S", "10")), int(os.environ.get("IM4D_RANDOM_USER_SEED", "4"))
    held: set[int] = set()
    focus = [True]
    monkeypatch.setattr(Window, "key_down", lambda self, key: key in held)
    monkeypatch.setattr(Window, "focused", property(lambda self: focus[0]))
    (tmp_path / "broken.json").write_text('{"format": "im4d-camera-path", "version": 1, "keys": [{}]}')

    def script(d: Driver) -> None:
        user = RandomUser(d, seed, held, focus)
        began = time.monotonic()
        try:
            while time.monotonic() - began < seconds:
                user.step()
                check(d)
            held.clear()
            focus[0] = True
            tidy(d)
            d.until(lambda: not any(d.state.navigation.velocity))
            for _ in range(3):  # whatever plays or runs is stopped: then the picture is that of the state
                d.press_name("Escape")
            if d.state.transport.playing:
                d.press_name("Space")
            d.until(lambda: d.session.shown is not None and not d.session.busy)
            check(d)
        except BaseException:
            print(f"seed {seed}, after {user.steps} steps; the last ones:\n" + "\n".join(user.log))
            raise
        print(f"{user.steps} steps in {time.monotonic() - began:.0f} s")

    drive(size=(1100, 800)).run(script)


def test_resize_storm(drive) -> None:
    """100 sizes, one a frame: no error of OpenGL, and the last one is what is shown."""
    from OpenGL import GL

    sizes, errors = random.Random(1), []

    def script(d: Driver) -> None:
        window = d.session.window

        def resize(width: int, height: int) -> None:
            errors.append(GL.glGetError())
            window.resize(width, height)

        for _ in range(100):
            size = sizes.randint(321, 1500), sizes.randint(241, 950)
            window.before_swap(lambda size=size: resize(*size))
            d.ctx.yield_()
            check(d)
        window.before_swap(lambda: resize(901, 601))
        d.ctx.yield_(3)
        d.until(lambda: d.shown_size == d.area_size)
        assert len(errors) > 95
        assert set(errors) == {GL.GL_NO_ERROR}

    drive(watched=True).run(script)
