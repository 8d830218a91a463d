"""Mouse and keyboard as events, through the one table of `viewer.bindings`. Reads ImGui's inputs of this frame; runs on the main thread."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from imgui_bundle import imgui

from viewer import bindings
from viewer.events import DragAbandoned, Dragged, Event, KeyCaptured, Scrolled, Triggered
from viewer.glfw_library import glfw
from viewer.rectangle import Rectangle
from viewer.state import NavigationMode
from viewer.window import Window

_BUTTONS = {"left": 0, "right": 1, "middle": 2}
_SIGNS = {"-": imgui.Key.minus, "=": imgui.Key.equal, "[": imgui.Key.left_bracket, "]": imgui.Key.right_bracket, ",": imgui.Key.comma, ".": imgui.Key.period}
_NAMES = {
    "Left": imgui.Key.left_arrow,
    "Right": imgui.Key.right_arrow,
    "Up": imgui.Key.up_arrow,
    "Down": imgui.Key.down_arrow,
    "PageUp": imgui.Key.page_up,
    "PageDown": imgui.Key.page_down,
}
_GLFW = {"-": "MINUS", "=": "EQUAL", "[": "LEFT_BRACKET", "]": "RIGHT_BRACKET", ",": "COMMA", ".": "PERIOD", "PageUp": "PAGE_UP", "PageDown": "PAGE_DOWN"}
_PLACES = {"Shift": (glfw.KEY_LEFT_SHIFT, glfw.KEY_RIGHT_SHIFT), "Alt": (glfw.KEY_LEFT_ALT, glfw.KEY_RIGHT_ALT)}


@dataclass(frozen=True, kw_only=True)
class _Drag:
    button: int
    action: str


class InputReader:
    """Remembers which drag is under way; everything else is read afresh each frame."""

    def __init__(self) -> None:
        self._drag: _Drag | None = None
        self._keys = {name: imgui_key(name) for name in bindings.KEY_NAMES}

    def held(self, window: Window) -> frozenset[str]:
        """The while-held actions: by place on the keyboard, none without focus or while text is typed, so that no key can stick."""
        io = imgui.get_io()
        if io.want_text_input or not window.focused:
            return frozenset()
        table = bindings.in_use()
        names = [chord for key in table.keys if key.held for chord in key.chords]
        down = [name for name in names if any(window.key_down(place) for place in _places(name))]
        moving = [name for name in down if name not in bindings.MODIFIERS]
        return table.held(down, ctrl=io.key_ctrl) if moving else frozenset()

    def events(self, picture: Rectangle, navigation: NavigationMode, *, capture: bool) -> list[Event]:
        """What the user did since the last frame, without the held keys.

        Args:
            capture: the next key is only told, and does nothing else.
        """
        return [*self._mouse(picture, navigation), *(self._captured() if capture else self._keyboard())]

    @property
    def gesture(self) -> int:
        """As `gesture`, and of a drag over the picture too."""
        return gesture() if self._drag is None else _press(self._drag.button)

    def picked(self, picture: Rectangle) -> tuple[float, float] | None:
        """Where in the picture a double-click fell, as fractions of its width and height from the top left."""
        return self.pointed(picture) if imgui.is_mouse_double_clicked(0) else None

    def clicked(self, picture: Rectangle) -> tuple[float, float] | None:
        """Where a click fell that was no drag, as its button was let go."""
        io = imgui.get_io()
        still = io.mouse_drag_max_distance_sqr[0] < io.mouse_drag_threshold**2
        return self.pointed(picture) if still and imgui.is_mouse_released(0) and io.mouse_clicked_last_count[0] == 1 else None

    def pointed(self, picture: Rectangle) -> tuple[float, float] | None:
        """Where in the picture the mouse is, likewise; None over a panel or outside."""
        io = imgui.get_io()
        if io.want_capture_mouse or not imgui.is_mouse_pos_valid():
            return None
        x, y = (io.mouse_pos.x - _origin().x - picture.x) / picture.width, (io.mouse_pos.y - _origin().y - picture.y) / picture.height
        return (x, y) if 0 <= x < 1 and 0 <= y < 1 else None

    def _mouse(self, picture: Rectangle, navigation: NavigationMode) -> Iterable[Event]:
        io = imgui.get_io()
        modifiers = [name for name, down in zip(bindings.MODIFIERS, (io.key_ctrl, io.key_alt, io.key_shift)) if down]
        if self._drag is not None and not imgui.is_mouse_down(self._drag.button):
            self._drag = None
        if self._drag is None and not io.want_capture_mouse:
            for name, button in _BUTTONS.items():
                action = bindings.in_use().dragged(name, modifiers, navigation) if imgui.is_mouse_clicked(button) else None
                if action is not None:
                    self._drag = _Drag(button=button, action=action)
        delta = io.mouse_delta  # in the frame of the press, that of the way there: a slow frame takes both at once
        if self._drag is not None and not imgui.is_mouse_clicked(self._drag.button) and (delta.x or delta.y):
            yield Dragged(action=self._drag.action, dx_px=delta.x, dy_px=delta.y, height_px=picture.height)
        if io.mouse_wheel and not io.want_capture_mouse:
            button = next((name for name, number in _BUTTONS.items() if imgui.is_mouse_down(number)), "none")
            action = bindings.in_use().scrolled(button, modifiers, navigation)
            if action is not None:
                yield Scrolled(action=action, steps=io.mouse_wheel, at=self.pointed(picture))

    def _keyboard(self) -> Iterable[Event]:
        io = imgui.get_io()
        if io.want_text_input:
            return
        for name, key in self._keys.items():
            if imgui.is_key_pressed(key, True):
                chord = bindings.chord(name, ctrl=io.key_ctrl, alt=io.key_alt, shift=io.key_shift)
                action = bindings.in_use().pressed(chord, repeated=not imgui.is_key_pressed(key, False))
                if action == "cancel" and self._lets_go():
                    yield DragAbandoned()
                elif action is not None and not (action == "cancel" and _closed_popup()):
                    yield Triggered(action=action)

    def _lets_go(self) -> bool:
        """Let go of what is dragged, though the button stays down; False where nothing is."""
        dragged = self._drag is not None or (imgui.is_any_item_active() and imgui.is_any_mouse_down())
        self._drag = None
        if dragged:
            imgui.internal.clear_active_id()
        return dragged

    def _captured(self) -> Iterable[Event]:
        io = imgui.get_io()
        pressed = next((name for name, key in self._keys.items() if imgui.is_key_pressed(key, False)), None)
        if pressed is not None:
            yield KeyCaptured(chord=bindings.chord(pressed, ctrl=io.key_ctrl, alt=io.key_alt, shift=io.key_shift))


def _closed_popup() -> bool:
    """Close the list, menu or picker of colours on top; False where none is open. ImGui does so only where keys move from widget to widget."""
    count = imgui.get_current_context().open_popup_stack.size()
    if count:
        imgui.internal.close_popup_to_level(count - 1, True)
    return count > 0


def _origin() -> imgui.ImVec2:
    return imgui.get_main_viewport().pos


def gesture() -> int:
    """A number that all edits of one drag share, or all that is typed into a field: when the mouse went down. 0 where no widget is held."""
    return _press(0) if imgui.is_any_item_active() else 0


def _press(button: int) -> int:
    return 1 + int(imgui.get_io().mouse_clicked_time[button] * 1000.0)


def imgui_key(name: str) -> imgui.Key:
    """The key that the table of bindings calls by a name."""
    known = _SIGNS.get(name) or _NAMES.get(name)
    if known is not None:
        return known
    return getattr(imgui.Key, f"_{name}" if name.isdigit() else name.lower())


def _places(name: str) -> tuple[int, ...]:
    return _PLACES.get(name) or (getattr(glfw, f"KEY_{_GLFW.get(name, name.upper())}"),)
