"""The table of keys and mouse: no clash, nothing unhandled, help that says it all."""

from __future__ import annotations

import re
from dataclasses import fields, replace

import pytest

from viewer import bindings, controls
from viewer.actions import HANDLERS
from viewer.bindings import KEYS, MODIFIERS, MOUSE, Key
from viewer.events import Tick, Triggered
from viewer.reduce import DRAGS, SCROLLS, reduce
from viewer.state import ViewerState


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
