"""Keys and mouse: a preset for people who come from another viewer, keys of one's own, and every action by a click."""

from __future__ import annotations

from dataclasses import replace

from imgui_bundle import imgui

from viewer import bindings, keymap
from viewer.bindings import Key
from viewer.events import AskForKey, Event, SetPreferences, Triggered
from viewer.panels.widgets import action, button, choice, em, muted, note, row, section, tooltip
from viewer.preferences import PRESETS
from viewer.state import ViewerState
from viewer.stats import Stats
from viewer.theme import palette


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
    muted("Click a key to change it, the words to do it.")
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
    events: list[Event] = [AskForKey(action=None if asked else key.action)] if clicked else []
    imgui.same_line()
    imgui.align_text_to_frame_padding()
    imgui.push_style_color(imgui.Col_.text, imgui.ImVec4(*(palette().accent_text if changed else palette().muted)))
    if key.held:
        imgui.text_unformatted(key.help)
    else:
        chosen, _ = imgui.selectable(f"{key.help}###do_{key.action}", False)
        events += [Triggered(action=key.action)] if chosen else []
    imgui.pop_style_color()
    tooltip("Changed by you" if changed else "Hold the key" if key.held else "Click to do it")
    return events
