"""The mouse over the picture, as ImGui tells it frame by frame; no window."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from imgui_bundle import ImVec2, imgui
from panel_host import promise_textures

from viewer import events as e
from viewer.inputs import InputReader
from viewer.rectangle import Rectangle

Frame = Callable[[], list[e.Event]]


@pytest.fixture
def frame(display: str) -> Iterator[Frame]:
    """Draws an empty frame and tells what the user did since the last one."""
    before, context = imgui.get_current_context(), imgui.create_context()
    imgui.set_current_context(context)
    promise_textures()
    io = imgui.get_io()
    io.display_size, io.delta_time = ImVec2(400.0, 300.0), 0.2
    io.set_ini_filename("")
    reader = InputReader()
    picture = Rectangle(x=0.0, y=0.0, width=400.0, height=300.0, scale=1.0, density=1.0, window_height=300.0)

    def drawn() -> list[e.Event]:
        imgui.new_frame()
        told = reader.events(picture, "orbit", capture=False)
        imgui.end_frame()
        return told

    yield drawn
    imgui.destroy_context(context)
    if before is not None:
        imgui.set_current_context(before)


def test_the_way_to_where_a_drag_begins_is_no_part_of_it(frame: Frame) -> None:
    """A frame that takes long gets both at once: the mouse going to a place, and the press there."""
    io = imgui.get_io()
    io.add_mouse_pos_event(50.0, 50.0)
    assert frame() == []
    io.add_mouse_pos_event(200.0, 150.0)
    io.add_mouse_button_event(0, True)
    assert frame() == []
    io.add_mouse_pos_event(210.0, 145.0)
    assert frame() == [e.Dragged(action="orbit", dx_px=10.0, dy_px=-5.0, height_px=300.0)]
