"""The table of keys and mouse: no clash, nothing unhandled, help that says it all."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest
from states import opened, press

from viewer import bindings, controls
from viewer.actions import HANDLERS
from viewer.bindings import KEYS, MODIFIERS, MOUSE, Key
from viewer.events import Tick, Triggered
from viewer.panels import modes
from viewer.reduce import DRAGS, SCROLLS, reduce
from viewer.state import MODES, Picture, ViewerState


def clashes(keys: tuple[Key, ...]) -> list[str]:
    """Pairs of rows that one press would fire together."""
    found = []
    rows = [(key, chord) for key in keys for chord in key.chords]
    for i, (a, chord_a) in enumerate(rows):
        for b, chord_b in rows[i + 1 :]:
            held = {chord_a if a.held else None, chord_b if b.held else None} - {None}
            # a held key moves whatever Shift and Alt do, so it also takes the chords that differ by these only
            plain = [re.sub(r"^(Alt\+|Shift\+)+", "", chord) for chord in (chord_a, chord_b)]
            if chord_a == chord_b or (held and plain[0] == plain[1]):
                found.append(f"{a.action} and {b.action}: {chord_a}, {chord_b}")
    return found


def test_no_two_rows_clash() -> None:
    assert clashes(KEYS) == []
    gestures = [(row.gesture, row.button, row.modifiers, mode) for row in MOUSE for mode in ("orbit", "fly") if row.navigation in ("both", mode)]
    assert len(gestures) == len(set(gestures))


@pytest.mark.parametrize("chord", ["Space", "Shift+W", "W"])
def test_the_clash_check_can_fail(chord: str) -> None:
    assert clashes((*KEYS, Key(action="new", chords=(chord,), help="", section="Window")))


def test_every_action_is_handled_and_every_handler_is_reachable() -> None:
    pressed = {key.action for key in KEYS if not key.held}
    assert pressed | set(bindings.PANEL_ACTIONS) == set(HANDLERS)
    assert {key.action for key in KEYS if key.held} == set(controls.HELD_ACTIONS)
    assert {row.action for row in MOUSE if row.gesture == "drag"} == set(DRAGS)
    assert {row.action for row in MOUSE if row.gesture == "scroll"} == set(SCROLLS)


def test_every_action_is_total_without_a_scene() -> None:
    for action in HANDLERS:
        assert isinstance(reduce(ViewerState(), Triggered(action=action)), ViewerState)
    assert reduce(ViewerState(), Triggered(action="no such action")) == ViewerState()
    assert isinstance(reduce(ViewerState(), Tick(now_s=1.0, held=frozenset(controls.HELD_ACTIONS))), ViewerState)


def test_chords_are_written_in_one_way() -> None:
    for key in KEYS:
        for chord in key.chords:
            parts = chord.split("+")
            assert [part for part in parts[:-1] if part not in MODIFIERS] == []
            assert parts[:-1] == sorted(parts[:-1], key=MODIFIERS.index)
    assert bindings.chord("Z", ctrl=True, shift=True) == "Ctrl+Shift+Z"
    assert bindings.chord("Space") == "Space"


def test_pressed() -> None:
    assert bindings.in_use().pressed("Space") == "play"
    assert bindings.in_use().pressed("Shift+Space") == "path_play"
    assert bindings.in_use().pressed(",") == bindings.in_use().pressed("Left") == "frame_back"
    assert bindings.in_use().pressed("Left", repeated=True) == "frame_back"
    assert bindings.in_use().pressed("Shift+,") == bindings.in_use().pressed("Shift+Left") == "frames_back"
    assert bindings.in_use().pressed("Shift+.") == bindings.in_use().pressed("Shift+Right") == "frames_forward"
    assert bindings.in_use().pressed("Space", repeated=True) is None
    assert bindings.in_use().pressed("W") is None
    assert bindings.in_use().pressed("Ctrl+W") is None


def test_held() -> None:
    assert bindings.in_use().held(["W", "Shift", "Space", "X"]) == {"move_forward", "move_fast"}
    assert bindings.in_use().held(["S"], ctrl=True) == frozenset()  # saving while backing away must not move


def test_mouse() -> None:
    assert bindings.in_use().dragged("left", [], "orbit") == "orbit"
    assert bindings.in_use().dragged("left", [], "fly") == "look"
    assert bindings.in_use().dragged("left", ["Shift"], "fly") == "pan"
    assert bindings.in_use().dragged("right", ["Shift"], "orbit") == "look"  # flying fast meanwhile
    assert bindings.in_use().scrolled("none", [], "orbit") == "dolly"
    assert bindings.in_use().scrolled("right", [], "fly") == "fly_speed"
    assert bindings.in_use().scrolled("none", ["Ctrl"], "orbit") == "fov"
    assert bindings.in_use().scrolled("none", ["Alt"], "orbit") == "scale"
    assert bindings.in_use().scrolled("left", [], "orbit") is None


def test_help_says_everything() -> None:
    text = " ".join(f"{keys} {what}" for _, rows in bindings.in_use().help_rows() for keys, what in rows)
    for key in KEYS:
        for chord in key.chords:
            digit = re.fullmatch(r"Ctrl\+[1-8]", chord)
            assert digit or chord in text, chord
    for row in MOUSE:
        assert row.help in text
    assert all(text.isascii() for _, rows in bindings.in_use().help_rows() for row in rows for text in row)


def test_hint() -> None:
    assert bindings.hint("play") == "Space"
    assert bindings.hint("path_clear") == ""


def test_rows_are_frozen() -> None:
    assert {field.name for field in fields(Key)} >= {"action", "chords", "help", "repeats", "held"}
    assert replace(KEYS[0], help="other") != KEYS[0]


# ---- what panels say ----------------------------------------------------------------------------------------------------------------------------

_INPUT = re.compile(r"\b(Ctrl|Alt|Shift|Escape|PageUp|PageDown|wheel)\b|\b(press|key) [A-Z]\b|\([A-Z]\)|\bF\d{1,2}\b|W A S D|\[ and \]")
_FIXED = (
    "Escape leaves it as it is",  # no key of the table: the next key is being asked for
    "Doubles the light with every stop; Ctrl + click to type",  # of ImGui's own sliders
    " s: drag to move it in time, with Shift to copy it",  # on the lanes of the timeline, not over the picture
    "Drag to move the key, with Shift a copy of it",  # of a handle, which takes the mouse from the picture
    ", with Shift a copy of it",
)


def told(source: str) -> Iterator[str]:
    """Strings of a program that are no docstrings."""
    tree = ast.parse(source)
    documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents:
            yield node.value


def test_no_panel_names_a_key_that_may_mean_something_else() -> None:
    """Keys and mouse can be changed: what is said of them comes from the table in use."""
    viewer = Path(bindings.__file__).parent
    files = [*viewer.glob("panels/*.py"), *(viewer / f"{name}.py" for name in ("actions", "path_actions", "comparing", "reduce", "path_reduce", "attitude"))]
    texts = [(file.name, text) for file in files for text in told(file.read_text(encoding="utf-8"))]
    assert len(texts) > 500
    assert [(name, text) for name, text in texts if _INPUT.search(text) and text not in _FIXED] == []


@pytest.mark.parametrize(
    "text", ["Back to your own camera (Escape)", "press K to add one", "Loop (L)", "Vertical; Ctrl + wheel", "W A S D: fly", "F5 reads it again"]
)
def test_the_search_for_keys_can_fail(text: str) -> None:
    assert [found for found in told(f"tooltip({text!r})") if _INPUT.search(found)] == [text]


def test_hints_follow_the_table_in_use() -> None:
    chords = {"loop_next": (), "key_add": ("N",)}
    keys = tuple(replace(key, chords=chords.get(key.action, key.chords)) for key in KEYS)
    mouse = tuple(replace(row, modifiers=("Alt",)) if row.action == "fov" else row for row in MOUSE)
    try:
        bindings.use(bindings.Table(keys=keys, mouse=mouse))
        assert bindings.keyed("What happens at the last frame", "loop_next") == "What happens at the last frame"
        assert bindings.keyed("Modes", "mode", "loop_next", "mode_auto") == "Modes (X, Shift+X)"
        assert bindings.press("key_add") == "press N"
        assert "Keys panel" in bindings.press("loop_next")
        assert bindings.gesture("fov") == "Alt+wheel"
        assert bindings.gesture("fly_speed") == "right button + wheel"
        assert bindings.hints("move_forward", "move_left", "loop_next") == "W A"
        assert "press N" in reduce(ViewerState(), Triggered(action="path_play")).notices[-1].text
    finally:
        bindings.use(bindings.Table())


def test_the_tooltip_of_a_renderer_names_the_key_that_chooses_it() -> None:
    for mode in MODES:
        named = modes.why(mode).rpartition("(")[2].rstrip(")") if "(" in modes.why(mode) else ""
        action = bindings.in_use().pressed(named)
        assert (action is None) == (mode == "exact")
        if action is not None:
            assert mode in {press(replace(opened(), picture=Picture(mode=before)), action).picture.mode for before in MODES if before != mode}
