"""The real window when it is small: nothing leaves its place, nothing covers anything else."""

from __future__ import annotations

from pathlib import Path

from driver import Driver

from viewer import bindings
from viewer.events import AskedFor, Notified, SetMode, SetOverlay, TakeScreenshot, Triggered
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


def _tabs(d: Driver) -> dict[str, tuple[float, float]]:
    """Where each tab of the panels begins and ends, as far as it is seen."""
    places = {}
    for panel in d.session.window.params.docking_params.dockable_windows:
        seen = d.ctx.item_info(f"//**/{panel.label}").rect_clipped
        places[panel.label] = (seen.min.x, seen.max.x)
    return places


def test_the_names_of_tabs_are_not_cut_from_the_second_start_on(drive, tmp_path: Path) -> None:
    """When a scene is opened for the first time the preferences change, and all that hangs on them is set again; later it is not."""
    from imgui_bundle import imgui

    shrunk: list[float] = []

    def script(d: Driver) -> None:
        shrunk.append(imgui.get_style().tab_min_width_shrink / imgui.get_font_size())
        for name, (left, right) in _tabs(d).items():
            assert right - left > imgui.calc_text_size(name).x, name

    for _ in range(2):
        drive(settings=tmp_path / "settings", size=(1440, 900)).run(script)
    assert shrunk[0] == shrunk[1] > 2.0, "in font heights"


def test_in_a_small_window_everything_can_be_reached(drive, tmp_path: Path) -> None:
    """Also after a large one: the panels take their share of the window that there is."""
    from imgui_bundle import imgui

    def panels(d: Driver) -> float:
        x, _, width, _ = d.area
        return imgui.get_io().display_size.x - x - width

    large: list[float] = []

    def before(d: Driver) -> None:
        large.append(panels(d))

    def script(d: Driver) -> None:
        d.ctx.yield_(3)
        tabs = _tabs(d)
        assert len(tabs) == 8 and all(right - left > 2.0 * imgui.get_font_size() for left, right in tabs.values()), tabs
        assert panels(d) < 0.75 * large[0] and d.area[2] > 0.59 * 900
        for name in tabs:
            d.click(name)
            d.until(lambda name=name: name in d.session._stats.front)
        assert d.ctx.item_info("//**/###undo").id_ and d.ctx.item_info("//**/###redo").id_
        for width, share in ((1500, 0.33), (900, 0.4), (1200, 0.33)):
            d.session.window.before_swap(lambda width=width: d.session.window.resize(width, 600))
            d.until(lambda width=width: imgui.get_io().display_size.x == width)
            d.ctx.yield_(3)
            assert abs(panels(d) / width - share) < 0.01  # borders stand at whole pixels

    drive(size=(1600, 900), settings=tmp_path / "settings").run(before)
    drive(size=(900, 600), settings=tmp_path / "settings").run(script)


def test_a_narrow_picture_keeps_more_of_itself(drive) -> None:
    from imgui_bundle import imgui

    heights: list[float] = []

    def script(d: Driver) -> None:
        d.until(lambda: d.shown.final and not d.session.busy)
        d.ctx.yield_(3)
        figures = imgui.internal.find_window_by_name("##figures")
        assert figures is not None
        heights.append(figures.size.y / imgui.get_text_line_height_with_spacing())

    for size in ((1500, 900), (900, 600)):
        drive(size=size).run(script)
    assert heights[1] < heights[0] - 0.8, "a line less"


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


def test_a_panel_that_was_pulled_loose_comes_back(drive) -> None:
    """Also where the panels are hidden; the picture gets its place back."""
    from imgui_bundle import imgui

    def script(d: Driver) -> None:
        area, render = d.area, imgui.internal.find_window_by_name("Render")
        assert render is not None
        docked = render.dock_id
        d.ctx.undock_window("Render")
        d.ctx.yield_(3)
        assert render.dock_id != docked
        d.click("Display")
        d.ctx.item_click("//Display/Arrange panels as at first##panels_arrange")
        d.until(lambda: render.dock_id == docked and d.area == area)
        d.ctx.undock_window("Render")
        d.press_name("Tab")
        d.press_name("F9")
        d.until(lambda: d.state.layout.panels and render.dock_id == docked and d.area == area)

    drive().run(script)


def test_that_the_screen_is_recorded_is_seen_but_not_recorded(drive, tmp_path: Path) -> None:
    """In the bar, which is always there: with the panels hidden, too."""
    import imageio.v3 as imageio
    import numpy as np

    from viewer.palette import DARK

    def red(name: str) -> int:
        """How far down red words are seen in a screenshot of the window; 0 for nowhere."""
        near = np.abs(imageio.imread(tmp_path / name)[..., :3] / 255.0 - DARK.error[:3]).max(axis=-1) < 0.03
        return int(np.flatnonzero(near.any(axis=1)).min(initial=10**6)) % 10**6

    def script(d: Driver) -> None:
        def shot(name: str) -> int:
            d.ctx.yield_(3)
            d.session.send(AskedFor(effect=TakeScreenshot(window=True, file=tmp_path / name)))
            d.until((tmp_path / name).exists)
            d.until(lambda: name in d.notices())
            return red(name)

        d.press_name("Tab")
        d.until(lambda: not d.state.layout.panels)
        assert shot("before.png") == 0
        d.press_name("Ctrl+R")
        d.until(lambda: d.state.live_since_s is not None)
        assert shot("while.png") >= d.area[1] + d.area[3], "below the picture area, which is all that is recorded"
        d.press_name("Ctrl+R")
        d.until(lambda: d.state.live_since_s is None)
        assert shot("after.png") == 0

    for size in ((1100, 700), (640, 480)):
        for name in ("before.png", "while.png", "after.png"):
            (tmp_path / name).unlink(missing_ok=True)
        drive(size=size).run(script)
