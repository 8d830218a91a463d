"""Every action in the real window, by its key and by the mouse; both must arrive as the same event, and leave everything in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from driver import Driver, tidy
from invariants import check

from viewer import bindings
from viewer.events import Event, SetScale, Triggered
from viewer.state import ViewerState
from viewer.window import Window

_KEYS = [key for key in bindings.KEYS if not key.held]


@pytest.fixture
def stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """Quitting is asked for like everything else, and must not end the test."""
    monkeypatch.setattr(Window, "request_close", lambda self: None)
    monkeypatch.setattr("viewer.file_dialog.shutil.which", lambda name: None)  # no desktop dialog, which nobody would answer


@contextmanager
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Event]]:
    """All events that are reduced meanwhile."""
    from viewer import session

    events: list[Event] = []
    reduce: Callable[[ViewerState, Event], ViewerState] = session.reduce

    def noted(state: ViewerState, event: Event) -> ViewerState:
        events.append(event)
        return reduce(state, event)

    with monkeypatch.context() as patch:
        patch.setattr(session, "reduce", noted)
        yield events


def test_every_action_by_its_key(drive, monkeypatch: pytest.MonkeyPatch, stays_open: None) -> None:
    def script(d: Driver) -> None:
        d.session.send(SetScale(scale=0.2))  # the pictures are not what is tested
        with heard(monkeypatch) as events:
            for key in _KEYS:
                for chord in key.chords:
                    tidy(d)
                    events.clear()
                    d.press_name(chord)
                    assert Triggered(action=key.action) in events, f"{chord} does not {key.help}"
                    check(d)
            tidy(d)

    drive(size=(760, 520)).run(script)


def test_every_action_by_the_mouse(drive, monkeypatch: pytest.MonkeyPatch, stays_open: None) -> None:
    """The Keys panel has them all; those that are no more than a button of another panel are clicked by the crawler."""

    def script(d: Driver) -> None:
        d.session.send(SetScale(scale=0.2))
        with heard(monkeypatch) as events:
            for key in _KEYS:
                tidy(d)
                events.clear()
                d.ctx.item_click(f"//Keys/###do_{key.action}")
                d.ctx.yield_(2)
                assert Triggered(action=key.action) in events, f"a click on its words does not {key.help}"
                check(d)
            tidy(d)

    drive(size=(760, 520)).run(script)


def test_every_held_key_moves_and_lets_go_without_focus(drive, monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    from viewer.inputs import _places

    down: set[int] = set()
    focus = [True]
    monkeypatch.setattr(Window, "key_down", lambda self, key: key in down)
    monkeypatch.setattr(Window, "focused", property(lambda self: focus[0]))

    def script(d: Driver) -> None:
        for key in bindings.KEYS:
            if not key.action.startswith("move_") or key.action in ("move_fast", "move_slow"):
                continue
            before = d.state.navigation.T_camera_world
            down.update(_places(key.chords[0]))
            d.until(lambda before=before: not np.allclose(d.state.navigation.T_camera_world, before, atol=1e-3))
            focus[0] = False  # the key is let go where the window cannot see it
            d.until(lambda: not any(d.state.navigation.velocity))
            down.clear()
            focus[0] = True
            check(d)

    drive().run(script)
