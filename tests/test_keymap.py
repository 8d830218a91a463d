"""Presets and keys of the user's own: no preset clashes, a key that is taken is taken away, and what nobody knows is ignored."""

from __future__ import annotations

import pytest
from test_bindings import clashes

from viewer import keymap
from viewer.bindings import KEYS, Table
from viewer.events import AskForKey, KeyCaptured, SetPreferences
from viewer.preferences import PRESETS, Preferences, Preset, clamped
from viewer.reduce import reduce
from viewer.state import ViewerState


@pytest.mark.parametrize("preset", PRESETS)
def test_no_preset_clashes(preset: Preset) -> None:
    table = keymap.table(Preferences(preset=preset))
    assert clashes(table.keys) == []
    gestures = [(row.gesture, row.button, row.modifiers, mode) for row in table.mouse for mode in ("orbit", "fly") if row.navigation in ("both", mode)]
    assert len(gestures) == len(set(gestures))
    assert [key.action for key in table.keys] == [key.action for key in KEYS]
    assert all(key.chords for key in table.keys), "no action loses its key by a preset"


def test_presets_do_what_their_programs_do() -> None:
    web, other = keymap.table(Preferences(preset="web")), keymap.table(Preferences(preset="easyvolcap"))
    assert web.dragged("right", [], "orbit") == "pan"
    assert other.scrolled("none", [], "orbit") == "fov"
    assert other.scrolled("none", ["Ctrl"], "orbit") == "dolly"
    assert other.held(["C"]) == {"move_down"}
    assert keymap.table(Preferences()) == Table()


def test_a_key_that_is_taken_is_taken_away() -> None:
    preferences, losers = keymap.rebound(Preferences(), "play", "X")
    table = keymap.table(preferences)
    assert losers == ("mode",)
    assert table.pressed("X") == "play"
    assert table.pressed("Space") is None
    assert table.hint("mode") == ""
    assert clashes(table.keys) == []
    text = " ".join(words for _, rows in table.help_rows() for words, _ in rows)
    assert "Space" not in text.replace("Shift+Space", "")
    assert keymap.table(keymap.as_shipped(preferences)) == Table()


def test_held_keys_take_what_shift_and_alt_make_of_them() -> None:
    preferences, losers = keymap.rebound(Preferences(), "move_forward", "Shift+K")
    table = keymap.table(preferences)
    assert table.held(["K"]) == {"move_forward"}
    assert set(losers) == {"key_add", "key_overwrite"}
    assert table.pressed("Enter") == "key_add", "its other key stays"
    assert clashes(table.keys) == []
    assert any(words == "K" for _, rows in table.help_rows() for words, _ in rows), "the four keys are no longer told together"


def test_modifiers_stay() -> None:
    assert keymap.rebound(Preferences(), "move_fast", "G") == (Preferences(), ())
    assert reduce(ViewerState(), AskForKey(action="move_fast")).asks_key is None
    assert reduce(ViewerState(), AskForKey(action="no such action")).asks_key is None


def test_a_key_is_asked_for_and_caught() -> None:
    asked = reduce(ViewerState(), AskForKey(action="play"))
    assert asked.asks_key == "play"
    assert reduce(asked, KeyCaptured(chord="Escape")) == ViewerState()
    caught = reduce(asked, KeyCaptured(chord="Shift+X"))
    assert caught.asks_key is None
    assert dict(caught.preferences.chords) == {"play": ("Shift+X",), "mode_auto": ()}
    assert "no longer means: fast while moving" in caught.notices[-1].text
    assert reduce(ViewerState(), KeyCaptured(chord="G")) == ViewerState(), "nobody asked"


def test_keys_of_actions_that_are_gone_are_ignored() -> None:
    assert keymap.table(Preferences(chords=(("an action of a newer version", ("G",)),))) == Table()


def test_preferences_are_brought_into_their_ranges() -> None:
    absurd = Preferences(max_fps=float("nan"), ui_scale=50.0, recent=tuple(map(str, range(20))))
    state = reduce(ViewerState(), SetPreferences(preferences=absurd))
    assert state.preferences == clamped(absurd)
    assert (state.preferences.max_fps, state.preferences.ui_scale, len(state.preferences.recent)) == (60.0, 3.0, 8)
