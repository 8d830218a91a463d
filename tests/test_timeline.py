"""The timeline under the mouse: ends of the range, keys with their frames, copies of keys."""

from __future__ import annotations

import pytest

try:
    from imgui_bundle import ImVec2, imgui
except ImportError as error:  # its X11 and OpenGL libraries are missing
    pytest.skip(f"imgui-bundle cannot be imported: {error}", allow_module_level=True)

from panel_host import Host, run
from states import after, opened, press, with_path

from viewer import events as e
from viewer.stats import Stats


def drag(ctx: imgui.test_engine.TestContext, x: float, y: float, to_x: float) -> None:
    """From one point to another of the same height; slowly, so that ImGui's threshold between click and drag is passed on the way."""
    ctx.mouse_move_to_pos(ImVec2(x, y))
    ctx.mouse_down(0)
    ctx.yield_()
    ctx.mouse_move_to_pos(ImVec2(0.5 * (x + to_x), y))
    ctx.mouse_move_to_pos(ImVec2(to_x, y))
    ctx.yield_()
    ctx.mouse_up(0)
    ctx.yield_(2)


class Ruler:
    """Where things of the scene lane are on screen, for a scene of 24 frames from 10 on."""

    def __init__(self, ctx: imgui.test_engine.TestContext) -> None:
        place = ctx.item_info("//Transport/##scene_time").rect_full
        self._left, self._pitch = place.min.x, (place.max.x - place.min.x) / 24
        self.middle, self.key_row = place.min.y + 12.0, place.max.y - 0.33 * imgui.get_font_size()

    def start(self, index: int) -> float:
        return self._left + index * self._pitch

    def centre(self, frame: float) -> float:
        return self._left + (frame - 10 + 0.5) * self._pitch


def test_the_ends_of_the_range_are_dragged() -> None:
    host = Host(after(opened(24), e.SetRange(first=4, last=15)), Stats())

    def steps(ctx: imgui.test_engine.TestContext) -> None:
        ctx.yield_(2)
        ruler = Ruler(ctx)
        drag(ctx, ruler.start(4), ruler.middle, ruler.start(8) + 2.0)
        assert (host.state.transport.first, host.state.transport.last) == (8, 15)
        drag(ctx, ruler.start(16), ruler.middle, ruler.start(12) - 2.0)
        assert (host.state.transport.first, host.state.transport.last) == (8, 11)
        drag(ctx, ruler.start(12), ruler.middle, ruler.start(2))  # not beyond the other end
        assert (host.state.transport.first, host.state.transport.last) == (8, 8)
        assert not any(isinstance(event, e.SetFrame) for event in host.events)

    run(host, steps)


def test_the_range_is_set_from_the_rulers_menu() -> None:
    host = Host(after(opened(24), e.SetFrame(index=6)), Stats())

    def steps(ctx: imgui.test_engine.TestContext) -> None:
        ctx.yield_(2)
        for item in ("Range begins at the frame shown##range_in", "Range ends at the frame shown##range_out"):
            ctx.mouse_move("//Transport/##scene_time")
            ctx.mouse_click(1)
            ctx.yield_(2)
            ctx.item_click(f"//$FOCUSED/{item}")
            ctx.yield_(2)
        assert (host.state.transport.first, host.state.transport.last) == (6, 6)

    run(host, steps)


def test_a_key_is_dragged_to_another_frame_in_one_undo_step() -> None:
    host = Host(with_path(opened(24)), Stats())

    def steps(ctx: imgui.test_engine.TestContext) -> None:
        ctx.yield_(2)
        ruler = Ruler(ctx)
        drag(ctx, ruler.centre(15), ruler.key_row, ruler.centre(21))
        key = host.state.path_editor.path.keys[1]
        assert (key.id, key.scene_frame, key.time_s) == (2, 21.0, 2.0)
        assert host.state.path_editor.selected == 2
        assert host.state.transport.index == 0  # it was not a scrub
        host.state = press(host.state, "undo")
        assert host.state.path_editor.path.keys[1].scene_frame == 15.0

    run(host, steps)


def test_shift_drags_a_copy_in_one_undo_step() -> None:
    host = Host(with_path(opened(24)), Stats())

    def steps(ctx: imgui.test_engine.TestContext) -> None:
        ctx.yield_(2)
        place = ctx.item_info("//Transport/##path_time").rect_full
        inset = 0.6 * imgui.get_font_size()
        per_second = (place.max.x - place.min.x - 2 * inset) / 5.0  # keys at 0, 2, 4 s on an axis of 5 s
        ctx.key_down(imgui.Key.mod_shift)
        drag(ctx, place.min.x + inset + 2.0 * per_second, place.min.y + 8.0, place.min.x + inset + 3.0 * per_second)
        ctx.key_up(imgui.Key.mod_shift)
        keys = host.state.path_editor.path.keys
        assert [key.id for key in keys] == [1, 2, 4, 3]
        assert keys[1].time_s == 2.0
        assert abs(keys[2].time_s - 3.0) < 7 / per_second  # drags begin six pixels late
        assert (keys[2].position, keys[2].scene_frame) == (keys[1].position, 15.0)
        assert host.state.path_editor.selected == 4
        host.state = press(host.state, "undo")
        assert [key.id for key in host.state.path_editor.path.keys] == [1, 2, 3]

    run(host, steps)


def test_every_frame_is_a_button() -> None:
    host = Host(opened(24), Stats())

    def steps(ctx: imgui.test_engine.TestContext) -> None:
        ctx.item_click("//Transport/All##every_frame")
        assert host.state.transport.every_frame
        ctx.item_click("//Transport/All##every_frame")
        assert not host.state.transport.every_frame

    run(host, steps)
