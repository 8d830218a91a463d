"""Keys and mouse: a preset for people who come from another viewer, and keys of one's own."""

from __future__ import annotations

from dataclasses import replace

from imgui_bundle import imgui

from viewer import bindings, keymap
from viewer.bindings import Key
from viewer.events import AskForKey, Event, SetPreferences
from viewer.panels.widgets import action, button, choice, em, muted, note, row, section, tooltip
from viewer.preferences import PRESETS
from viewer.state import ViewerState
from viewer.stats import Stats


def draw(state: ViewerState, stats: Stats) -> list[Event]:
    events: list[Event] = []
    preferences = state.preferences
    row("Preset")
    names, whys = [keymap.NAMES[preset] for preset in PRESETS], [keymap.EXPLAINED[preset] for preset in PRESETS]
    clicked = choice("preset", PRESETS, preferences.preset, names, whys)
    events += [SetPreferences(preferences=replace(preferences, preset=preset)) for preset in PRESETS if preset == clicked]
    note(keymap.EXPLAINED[preferences.preset])
    width = 0.5 * (imgui.get_content_region_avail().x - imgui.get_style().item_spacing.x)
    events += action("All keys##keys_help", "help", width=width, on=state.layout.help)
    imgui.same_line()
    if button("As shipped##keys_reset", width=width, enabled=bool(preferences.chords), why="Forget the keys that were changed"):
        events.append(SetPreferences(preferences=keymap.as_shipped(preferences)))
    muted("Click a key to change it.")
    sections: dict[str, list[Key]] = {}
    for key in bindings.in_use().keys:
        sections.setdefault(key.section, []).append(key)
    for name, keys in sections.items():
        section(name)
        for key in keys:
            events += _key(key, asked=state.asks_key == key.action, changed=key.action in dict(preferences.chords))
    return events


def _key(key: Key, *, asked: bool, changed: bool) -> list[Event]:
    """A line: the key as a button, and what it does."""
    label = "press a key" if asked else " or ".join(key.chords) or "none"
    fixed = not keymap.can_change(key)
    why = "Fixed" if fixed else "Escape leaves it as it is" if asked else "Click, then press the new key"
    clicked = button(f"{label}##key_{key.action}", width=em(9.0), on=asked, enabled=not fixed, why=why)
    imgui.same_line()
    imgui.align_text_to_frame_padding()
    if changed:
        imgui.text_unformatted(key.help)
        tooltip("Changed by you")
    else:
        muted(key.help)
    return [AskForKey(action=None if asked else key.action)] if clicked else []
