"""What the user made of the table of keys and mouse: presets for people who come from other viewers, and keys of their own. Pure."""

from __future__ import annotations

from dataclasses import replace

from viewer.bindings import KEYS, MODIFIERS, MOUSE, Key, Mouse, Table
from viewer.preferences import Preferences, Preset

NAMES: dict[Preset, str] = {"default": "Default", "easyvolcap": "EasyVolcap", "web": "Web viewers"}
EXPLAINED: dict[Preset, str] = {
    "default": "Right drag looks around, the wheel moves closer.",
    "easyvolcap": "The wheel changes the field of view, Ctrl + wheel moves closer; C and V move down and up, I adds a key, Ctrl + arrows change the camera.",
    "web": "Right drag pans, middle drag looks around, as in nerfstudio's viewer and most web viewers.",
}
_MOUSE: dict[Preset, tuple[Mouse, ...]] = {
    "default": MOUSE,
    "easyvolcap": tuple(replace(row, modifiers={"dolly": ("Ctrl",), "fov": ()}.get(row.action, row.modifiers)) for row in MOUSE),
    "web": tuple(
        replace(row, action="look", help="look around; with W A S D fly")
        if (row.gesture, row.button) == ("drag", "middle")
        else replace(row, action="pan", help="pan")
        if (row.gesture, row.button) == ("drag", "right")
        else row
        for row in MOUSE
    ),
}
_CHORDS: dict[Preset, dict[str, tuple[str, ...]]] = {
    "default": {},
    "easyvolcap": {
        "move_down": ("C",),
        "move_up": ("V",),
        "show_cameras": ("Q",),
        "navigation": ("E",),
        "key_add": ("I", "K", "Enter"),
        "stats": ("F10",),
        "timing": ("Shift+F10",),
        "camera_previous": ("Ctrl+Left", "["),
        "camera_next": ("Ctrl+Right", "]"),
    },
    "web": {},
}


def table(preferences: Preferences) -> Table:
    """The table that these preferences ask for; chords of actions that do not exist any more are left out."""
    chords = {**_CHORDS[preferences.preset], **dict(preferences.chords)}
    keys = tuple(replace(key, chords=chords[key.action]) if key.action in chords else key for key in KEYS)
    return Table(keys=keys, mouse=_MOUSE[preferences.preset])


def can_change(key: Key) -> bool:
    """Whether a key may be chosen for an action: not for the modifiers that are held while moving."""
    return not any(chord in MODIFIERS for chord in key.chords)


def rebound(preferences: Preferences, action: str, chord: str) -> tuple[Preferences, tuple[str, ...]]:
    """The preferences with one chord for an action, and the actions that had it and have lost it.

    A key that is held to move acts whatever Shift and Alt do, so it takes the chords that differ by these only.
    """
    keys = {key.action: key for key in table(preferences).keys}
    if action not in keys or not can_change(keys[action]):
        return preferences, ()
    if keys[action].held:
        chord = chord.rsplit("+", 1)[-1]
    changed, losers = dict(preferences.chords), []
    for other in keys.values():
        kept = tuple(known for known in other.chords if not _same(chord, keys[action].held, known, other.held))
        if other.action != action and kept != other.chords:
            changed[other.action] = kept
            losers.append(other.action)
    changed[action] = (chord,)
    return replace(preferences, chords=tuple(changed.items())), tuple(losers)


def as_shipped(preferences: Preferences) -> Preferences:
    """Without keys of the user's own."""
    return replace(preferences, chords=())


def _same(chord: str, held: bool, other: str, other_held: bool) -> bool:
    """Whether one press would mean both."""
    if chord == other:
        return True
    return (held or other_held) and _plain(chord) == _plain(other)


def _plain(chord: str) -> str:
    *modifiers, key = chord.split("+")
    return "+".join([*(name for name in modifiers if name == "Ctrl"), key])
