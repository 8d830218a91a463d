"""The question before something is ended or replaced."""

from __future__ import annotations

from imgui_bundle import ImVec2, imgui

from viewer import bindings
from viewer.consent import question
from viewer.events import Event
from viewer.panels.widgets import action, em
from viewer.state import ViewerState

_FLAGS = imgui.WindowFlags_.no_decoration | imgui.WindowFlags_.always_auto_resize | imgui.WindowFlags_.no_docking | imgui.WindowFlags_.no_saved_settings


def draw(state: ViewerState) -> list[Event]:
    """In the middle of the window, until it is answered."""
    if state.asks is None:
        return []
    asked = question(state, state.asks)
    imgui.set_next_window_pos(imgui.get_main_viewport().get_work_center(), imgui.Cond_.always, ImVec2(0.5, 0.5))
    imgui.push_style_var(imgui.StyleVar_.window_border_size, 1.0)
    imgui.push_style_var(imgui.StyleVar_.window_padding, ImVec2(em(1.0), em(0.8)))
    imgui.begin("Question###question", None, _FLAGS)
    imgui.pop_style_var(2)
    imgui.push_text_wrap_pos(em(34))
    imgui.text_unformatted("\n".join([*asked.losses, asked.text]))
    imgui.pop_text_wrap_pos()
    imgui.dummy(ImVec2(0.0, em(0.2)))
    events = action(f"{asked.yes}##agree", "agree", width=em(7), why="Do it")
    imgui.same_line()
    if asked.saves:
        events += action(f"{asked.saves}##save_first", "save_first", width=em(8), why="Save the camera path before")
        imgui.same_line()
    events += action(f"{asked.no}##decline", "decline", width=em(7), why=bindings.keyed("Leave everything as it is", "cancel"))
    imgui.end()
    return events
