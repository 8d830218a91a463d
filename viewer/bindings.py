"""The one table of keys and mouse. Help, tooltips and menu hints are made from it; window code asks it what an input means.

Chords are text: modifiers in the order Ctrl, Alt, Shift, then the key, e.g. ``Ctrl+Shift+Z``. Keys are named A-Z, 0-9, F1-F12, Space, Enter, Escape, Tab,
Delete, Left, Right, Up, Down, Home, End, PageUp, PageDown, and by their sign: - = [ ] , . Held keys are meant by place on the keyboard, the rest by letter.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

MODIFIERS = ("Ctrl", "Alt", "Shift")


KEY_NAMES: tuple[str, ...] = (
    *"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-=[],.",
    *(f"F{n}" for n in range(1, 13)),
    *("Space", "Enter", "Escape", "Tab", "Delete", "Left", "Right", "Up", "Down", "Home", "End", "PageUp", "PageDown"),
)
"""Every key that a chord may end with."""


@dataclass(frozen=True, kw_only=True)
class Key:
    """An action on the keyboard."""

    action: str
    chords: tuple[str, ...]
    help: str
    section: str
    repeats: bool = False
    """Fires again while the key stays down."""
    held: bool = False
    """Acts while the key is down (`Tick.held`), whatever Shift and Alt do; otherwise it fires once (`Triggered`)."""


@dataclass(frozen=True, kw_only=True)
class Mouse:
    """An action of the mouse over the picture."""

    action: str
    gesture: Literal["drag", "scroll", "click", "double click"]
    button: Literal["left", "right", "middle", "none"]
    """For the wheel: the button that is down meanwhile."""
    help: str
    modifiers: tuple[str, ...] = ()
    navigation: Literal["orbit", "fly", "both"] = "both"

    @property
    def text(self) -> str:
        """What the hand does, such as Ctrl+wheel."""
        gesture = {"drag": "drag", "scroll": "wheel", "click": "click", "double click": "double click"}[self.gesture]
        button = {"none": "", "right": "right button + "}.get(self.button, f"{self.button} ") if self.gesture == "scroll" else f"{self.button} "
        return "+".join([*self.modifiers, f"{button}{gesture}"])


KEYS: tuple[Key, ...] = (
    Key(action="play", chords=("Space",), help="play or pause the scene", section="Time"),
    Key(action="frame_back", chords=("Left", ","), help="one frame back", section="Time", repeats=True),
    Key(action="frame_forward", chords=("Right", "."), help="one frame forward", section="Time", repeats=True),
    Key(action="frames_back", chords=("Shift+Left", "Shift+,"), help="ten frames back", section="Time", repeats=True),
    Key(action="frames_forward", chords=("Shift+Right", "Shift+."), help="ten frames forward", section="Time", repeats=True),
    Key(action="frame_first", chords=("Home",), help="first frame of the range", section="Time"),
    Key(action="frame_last", chords=("End",), help="last frame of the range", section="Time"),
    Key(action="range_in", chords=("Shift+I",), help="the range that plays begins here", section="Time"),
    Key(action="range_out", chords=("Shift+O",), help="the range that plays ends here", section="Time"),
    Key(action="loop_next", chords=("J",), help="once, loop, ping-pong", section="Time"),
    Key(action="between", chords=("Shift+J",), help="moments between frames, interpolated", section="Time"),
    Key(action="move_forward", chords=("W",), help="move forward", section="Camera", held=True),
    Key(action="move_back", chords=("S",), help="move back", section="Camera", held=True),
    Key(action="move_left", chords=("A",), help="move left", section="Camera", held=True),
    Key(action="move_right", chords=("D",), help="move right", section="Camera", held=True),
    Key(action="move_down", chords=("Q",), help="move down", section="Camera", held=True),
    Key(action="move_up", chords=("E",), help="move up", section="Camera", held=True),
    Key(action="move_fast", chords=("Shift",), help="held: five times as fast", section="Camera", held=True),
    Key(action="move_slow", chords=("Alt",), help="held: a fifth as fast", section="Camera", held=True),
    Key(action="speed_down", chords=("-",), help="slower moves", section="Camera", repeats=True),
    Key(action="speed_up", chords=("=",), help="faster moves", section="Camera", repeats=True),
    Key(action="navigation", chords=("V",), help="orbit or fly", section="Camera"),
    Key(action="frame_selected", chords=("F",), help="frame the selected camera or key of the path, else the scene", section="Camera"),
    Key(action="frame_scene", chords=("Shift+F",), help="frame the scene", section="Camera"),
    Key(action="reset_view", chords=("R",), help="back to the first view", section="Camera"),
    Key(action="roll_left", chords=("Alt+Left",), help="roll to the left", section="Camera", repeats=True),
    Key(action="roll_right", chords=("Alt+Right",), help="roll to the right", section="Camera", repeats=True),
    Key(action="level", chords=("Alt+Up",), help="level: no roll", section="Camera"),
    Key(action="camera_previous", chords=("[",), help="previous camera of the capture", section="Camera", repeats=True),
    Key(action="camera_next", chords=("]",), help="next camera of the capture", section="Camera", repeats=True),
    Key(action="camera_first", chords=("Shift+[",), help="first camera of the capture", section="Camera"),
    Key(action="camera_last", chords=("Shift+]",), help="last camera of the capture", section="Camera"),
    *(Key(action=f"camera_{n}", chords=(f"Ctrl+{n}",), help=f"camera {n} of the capture", section="Camera") for n in range(10)),
    Key(action="copy_camera", chords=("Ctrl+C",), help="copy the camera as text", section="Camera"),
    Key(action="paste_camera", chords=("Ctrl+V",), help="paste a camera", section="Camera"),
    Key(action="mode", chords=("X",), help="fast or full renderer", section="Picture"),
    Key(action="mode_auto", chords=("Shift+X",), help="fast while moving, full when still", section="Picture"),
    Key(action="output_colour", chords=("1",), help="colour", section="Picture"),
    Key(action="output_depth", chords=("2",), help="depth", section="Picture"),
    Key(action="output_opacity", chords=("3",), help="opacity", section="Picture"),
    Key(action="output_cost", chords=("4",), help="cost: samples per ray", section="Picture"),
    Key(action="output_normals", chords=("5",), help="normals of surfaces", section="Picture"),
    Key(action="compare_next", chords=("M",), help="compare: off, wipe, split, difference", section="Picture"),
    Key(action="hold_captured", chords=("0",), help="held: what the camera of the capture saw", section="Picture", held=True),
    Key(action="show_cameras", chords=("C",), help="cameras of the capture", section="Picture"),
    Key(action="show_box", chords=("B",), help="box of the frame", section="Picture"),
    Key(action="show_grid", chords=("G",), help="grid on the floor", section="Picture"),
    Key(action="show_axes", chords=("Shift+G",), help="world axes", section="Picture"),
    Key(action="show_cells", chords=("O",), help="occupied cells of the frame", section="Picture"),
    Key(action="show_sources", chords=("Shift+T",), help="cameras that colour comes from", section="Picture"),
    Key(action="show_thumbnails", chords=("T",), help="pictures that colour comes from", section="Picture"),
    Key(action="screenshot", chords=("P",), help="screenshot of the picture", section="Picture"),
    Key(action="screenshot_window", chords=("Shift+P",), help="screenshot of the window", section="Picture"),
    Key(action="path_play", chords=("Shift+Space",), help="play or pause the path", section="Path"),
    Key(action="key_add", chords=("K", "Enter"), help="add a key at the playhead of the path", section="Path"),
    Key(action="key_overwrite", chords=("Shift+K",), help="overwrite the selected key", section="Path"),
    Key(action="key_duplicate", chords=("Ctrl+D",), help="duplicate the selected key", section="Path"),
    Key(action="key_delete", chords=("Delete", "Shift+Enter"), help="delete the selected key", section="Path"),
    Key(action="key_previous", chords=("PageUp",), help="go to the previous key", section="Path", repeats=True),
    Key(action="key_next", chords=("PageDown",), help="go to the next key", section="Path", repeats=True),
    Key(action="path_loop", chords=("L",), help="loop the path", section="Path"),
    Key(action="path_record", chords=("Ctrl+Shift+R",), help="record how you move as a path; again to end", section="Path"),
    Key(action="path_save", chords=("Ctrl+S",), help="save the path", section="Path"),
    Key(action="undo", chords=("Ctrl+Z",), help="undo the last edit", section="Window", repeats=True),
    Key(action="redo", chords=("Ctrl+Shift+Z", "Ctrl+Y"), help="redo what was undone", section="Window", repeats=True),
    Key(action="open", chords=("Ctrl+O",), help="open a scene or a path", section="Window"),
    Key(action="reload", chords=("F5",), help="read the scene again from disk, as after more training", section="Window"),
    Key(action="live", chords=("Ctrl+R",), help="record the screen as a video; again to end", section="Window"),
    Key(action="export_panel", chords=("Ctrl+E",), help="go to the export panel", section="Window"),
    Key(action="panels", chords=("Tab",), help="show or hide the panels", section="Window"),
    Key(action="panels_arrange", chords=("F9",), help="arrange the panels as at first", section="Window"),
    Key(action="stats", chords=("I",), help="show or hide the figures", section="Window"),
    Key(action="timing", chords=("F10",), help="times of the last pictures by stage, in the figures", section="Window"),
    Key(action="help", chords=("F1",), help="this help", section="Window"),
    Key(action="fullscreen", chords=("F11",), help="full screen", section="Window"),
    Key(
        action="cancel",
        chords=("Escape",),
        help="put back what is dragged; else close a list or menu; else leave help, preview, export, picture or occupancy; never quits",
        section="Window",
    ),
    Key(action="quit", chords=("Ctrl+Q",), help="quit; asks while something is made or a path is unsaved", section="Window"),
)

MOUSE: tuple[Mouse, ...] = (
    Mouse(action="orbit", gesture="drag", button="left", navigation="orbit", help="orbit about the pivot"),
    Mouse(action="look", gesture="drag", button="left", navigation="fly", help="look around"),
    Mouse(action="look", gesture="drag", button="right", help="look around; with W A S D fly"),
    Mouse(action="pan", gesture="drag", button="middle", help="pan"),
    Mouse(action="pan", gesture="drag", button="left", modifiers=("Shift",), help="pan"),
    Mouse(action="dolly", gesture="scroll", button="none", help="closer to the point under the mouse (or to the pivot: Display panel), or away"),
    Mouse(action="fly_speed", gesture="scroll", button="right", help="speed of moves"),
    Mouse(action="fov", gesture="scroll", button="none", modifiers=("Ctrl",), help="field of view"),
    Mouse(action="scale", gesture="scroll", button="none", modifiers=("Alt",), help="render scale"),
    Mouse(action="camera", gesture="click", button="left", help="on a camera of the capture that is shown: select it; a double click goes there"),
    Mouse(action="pivot", gesture="double click", button="left", navigation="orbit", help="turn about this point from now on"),
    Mouse(action="approach", gesture="double click", button="left", navigation="fly", help="fly towards this point"),
)

PANEL_ACTIONS = (
    "range_clear",
    "up_here",
    "up_scene",
    "path_clear",
    "path_load",
    "path_orbit",
    "path_arc",
    "path_spiral",
    "path_round",
    "path_new",
    "path_export",
    "path_copy",
    "path_remove",
    "path_cameras",
    "preview_stop",
    "export_start",
    "picture_save",
    "export_cancel",
    "picture_cancel",
    "occupancy_build",
    "occupancy_cancel",
    "agree",
    "save_first",
    "decline",
)
"""Actions of panel buttons that have no key; `Triggered` takes them as well."""

# Rows that read better together in the help, as long as the user changed none of them: the first one's action → all of them, and what is shown.
_TOGETHER: dict[str, tuple[tuple[str, ...], str, str]] = {
    "move_forward": (("move_forward", "move_back", "move_left", "move_right"), "W A S D", "move forward, left, back, right"),
    "move_down": (("move_down", "move_up"), "Q E", "move down, up"),
    "camera_0": (tuple(f"camera_{n}" for n in range(10)), "Ctrl+0 to Ctrl+9", "camera 0 to 9 of the capture"),
}


def chord(key: str, *, ctrl: bool = False, alt: bool = False, shift: bool = False) -> str:
    """The text of a key with modifiers, as the table writes it."""
    down = [name for name, on in zip(MODIFIERS, (ctrl, alt, shift)) if on]
    return "+".join([*down, key])


@dataclass(frozen=True, kw_only=True)
class Table:
    """What keys and mouse mean: the table above, or what presets and the user made of it (`viewer.keymap`)."""

    keys: tuple[Key, ...] = KEYS
    mouse: tuple[Mouse, ...] = MOUSE

    @cached_property
    def _by_chord(self) -> dict[str, Key]:
        return {chord: key for key in self.keys for chord in key.chords}

    def pressed(self, chord: str, *, repeated: bool = False) -> str | None:
        """The action a chord fires now, if any.

        Args:
            repeated: the keyboard's repetition of a key that stays down.
        """
        key = self._by_chord.get(chord)
        if key is None or key.held or (repeated and not key.repeats):
            return None
        return key.action

    def held(self, keys: Iterable[str], *, ctrl: bool = False) -> frozenset[str]:
        """The while-held actions of keys that are down, modifiers among them by name. Ctrl is for commands: nothing moves with it."""
        if ctrl:
            return frozenset()
        found = (self._by_chord.get(key) for key in keys)
        return frozenset(key.action for key in found if key is not None and key.held)

    def dragged(self, button: str, modifiers: Iterable[str], navigation: str) -> str | None:
        """The action of a drag that began with a button and modifiers down; modifiers without a row of their own do not matter."""
        return self._mouse("drag", button, modifiers, navigation)

    def scrolled(self, button: str, modifiers: Iterable[str], navigation: str) -> str | None:
        """The action of the wheel while a button ("none": no button) and modifiers are down."""
        return self._mouse("scroll", button, modifiers, navigation)

    def _mouse(self, gesture: str, button: str, modifiers: Iterable[str], navigation: str) -> str | None:
        down = tuple(name for name in MODIFIERS if name in set(modifiers))
        rows = [row for row in self.mouse if row.gesture == gesture and row.button == button and row.navigation in ("both", navigation)]
        exact = [row for row in rows if row.modifiers == down]
        plain = [row for row in rows if not row.modifiers]
        return next((row.action for row in exact + plain), None)

    def hint(self, action: str) -> str:
        """The first chord of an action, for tooltips and menus; empty where it has none."""
        return next((key.chords[0] for key in self.keys if key.action == action and key.chords), "")

    def help_rows(self) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
        """(section, ((input, what it does), …), …) of everything in the table."""
        sections: dict[str, list[tuple[str, str]]] = {"Mouse": []}
        for row in self.mouse:
            only = "" if row.navigation == "both" else f" ({row.navigation})"
            sections["Mouse"].append((row.text, row.help + only))
        plain = {key.action: key.chords for key in KEYS}
        for key in self.keys:
            first = next((first for first, (actions, *_) in _TOGETHER.items() if key.action in actions), None)
            together = first is not None and all(other.chords == plain[other.action] for other in self.keys if other.action in _TOGETHER[first][0])
            if first is not None and together:
                rows = (_TOGETHER[first][1:],) if key.action == first else ()
            else:
                rows = ((" or ".join(key.chords), key.help),) if key.chords else ()
            sections.setdefault(key.section, []).extend(rows)
        return tuple((name, tuple(rows)) for name, rows in sections.items())


_in_use = Table()


def use(table: Table) -> None:
    """From now on this is what keys and mouse mean; there is one window, so there is one."""
    global _in_use
    _in_use = table


def in_use() -> Table:
    """The table that help and tooltips are made from."""
    return _in_use


def hint(action: str) -> str:
    """The first chord of an action in the table in use."""
    return _in_use.hint(action)


def hints(*actions: str) -> str:
    """The first chords of several actions, such as W A S D."""
    return " ".join(filter(None, map(hint, actions)))


def keyed(text: str, *actions: str) -> str:
    """A text with the keys of actions behind it, those that have one."""
    chords = ", ".join(filter(None, map(hint, actions)))
    return f"{text} ({chords})" if chords else text


def press(action: str) -> str:
    """How to do an action, as the beginning of a sentence: by its key, or where every action can be clicked."""
    chord = hint(action)
    return f"press {chord}" if chord else "use the Keys panel"


def gesture(action: str) -> str:
    """What the mouse does over the picture for an action, in the table in use; empty for nothing."""
    return next((row.text for row in _in_use.mouse if row.action == action), "")
