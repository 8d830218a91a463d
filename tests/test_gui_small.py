"""The real window when it is small: nothing leaves its place, nothing covers anything else."""

from __future__ import annotations

from pathlib import Path

from driver import Driver

from viewer import bindings
from viewer.events import Notified, SetMode, SetOverlay, Triggered
from viewer.panels.floating import column_rows, packed


def test_columns_of_the_help_are_about_as_high_as_each_other() -> None:
    sections = bindings.in_use().help_rows()
    columns = packed(sections, 3)
    assert sorted(name for column in columns for name, _ in column) == sorted(name for name, _ in sections)
    mean = sum(map(column_rows, columns)) / 3
    assert max(map(column_rows, columns)) <= 1.2 * mean  # in the order of the table alone the highest had 1.4 times as many
    assert packed(sections, 1) == [list(sections)]


def test_a_small_window(drive) -> None:
    """Figures, hint, notice and values stay over the picture and apart; the renderer can be chosen."""
    from imgui_bundle import imgui

    def place(name: str) -> tuple[float, float, float, float]:
        window = imgui.internal.find_window_by_name(name)
        assert window is not None and window.was_active, f"{name} is not shown"
        return window.pos.x, window.pos.y, window.pos.x + window.size.x, window.pos.y + window.size.y

    def apart(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
        return a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]

    def script(d: Driver) -> None:
        d.session.send(Notified(level="error", text="something long that did not work, and what there is to be done about it now"))
        x, y, width, height = d.area
        d.ctx.mouse_move_to_pos((x + 0.5 * width, y + 0.5 * height))
        d.until(lambda: d.session._stats.pointed is not None and d.state.notices)
        d.ctx.yield_(4)
        (notice,) = d.state.notices
        figures, values, told = place("##figures"), place("##pointer"), place(f"##notice_{notice.id}")
        for left, _, right, _ in (figures, values, told):
            assert x <= left and right <= x + width, "over a panel"
        assert apart(values, told) and apart(figures, values)
        d.ctx.mouse_move_to_pos((610.0, y + height + 14.0))  # the list of renderers, at the right end of the bar
        d.ctx.mouse_click(0)
        d.ctx.yield_(2)
        d.ctx.item_click("//$FOCUSED/$$2/Full")
        d.ctx.yield_(2)
        assert d.state.picture.mode == "full"
        d.session.send(SetMode(mode="fast"))

    drive(size=(640, 480)).run(script)


def test_the_pictures_that_colour_comes_from_leave_the_figures_alone(drive) -> None:
    """Beside them where there is room, below them where there is none."""
    from imgui_bundle import imgui

    def script(d: Driver) -> None:
        d.session.send(SetOverlay(name="thumbnails", shown=True))
        d.until(lambda: d.session._stats.thumbnails)
        d.ctx.yield_(4)
        figures, pictures = (imgui.internal.find_window_by_name(name) for name in ("##figures", "##sources"))
        assert figures is not None and pictures is not None
        assert pictures.pos.y >= figures.pos.y + figures.size.y
        assert pictures.pos.x + pictures.size.x <= d.area[0] + d.area[2]
        d.session.send(Triggered(action="panels"))
        d.until(lambda: pictures.pos.y == figures.pos.y)
        assert pictures.pos.x >= figures.pos.x + figures.size.x

    drive(size=(640, 480)).run(script)


def test_the_names_of_tabs_are_not_cut_from_the_second_start_on(drive, tmp_path: Path) -> None:
    """When a scene is opened for the first time the preferences change, and all that hangs on them is set again; later it is not."""
    from imgui_bundle import imgui

    shrunk: list[float] = []

    def script(d: Driver) -> None:
        shrunk.append(imgui.get_style().tab_min_width_shrink / imgui.get_font_size())

    for _ in range(2):
        drive(settings=tmp_path / "settings").run(script)
    assert shrunk[0] == shrunk[1] > 5.0, "in font heights: Compare has 5"


def test_times_by_stage_grow_with_the_pictures_and_stay_over_the_picture(drive) -> None:
    from imgui_bundle import imgui

    def script(d: Driver) -> None:
        d.until(lambda: d.shown.final and not d.session.busy)
        figures = imgui.internal.find_window_by_name("##figures")
        assert figures is not None
        before = figures.size.y
        d.press_name("F10")
        d.until(lambda: figures.size.y > before + 4 * imgui.get_font_size())
        x, _, width, _ = d.area
        assert x <= figures.pos.x and figures.pos.x + figures.size.x <= x + width, "over a panel"
        known = len(d.session._stats.recent)
        assert known >= 1
        d.press_name("Right")
        d.ctx.yield_(3)
        d.until(lambda: d.shown.request.frame == d.state.frame and d.shown.final)
        d.until(lambda: len(d.session._stats.recent) > known)
        assert d.session._stats.recent[-1] == d.shown.stages_ms
        d.press_name("F10")
        d.until(lambda: figures.size.y == before)

    drive(size=(640, 480)).run(script)
