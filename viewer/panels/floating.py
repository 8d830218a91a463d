"""What floats over the picture: figures at the top left, notices at the bottom right, help, and questions."""

from __future__ import annotations

from imgui_bundle import ImVec2, imgui

from viewer import bindings
from viewer.events import AskedFor, CopyText, DismissNotice, Event, ShowInFolder, Triggered
from viewer.panels import crop, frame, key_handles, pointer, preview, question, sources, timing, wipe
from viewer.panels.widgets import SHADE, colour, em, megabytes, muted, steady
from viewer.request import is_moving
from viewer.state import Notice, ViewerState
from viewer.stats import Stats
from viewer.theme import palette

_FIXED = (
    imgui.WindowFlags_.no_decoration
    | imgui.WindowFlags_.no_move
    | imgui.WindowFlags_.no_saved_settings
    | imgui.WindowFlags_.no_docking
    | imgui.WindowFlags_.always_auto_resize
    | imgui.WindowFlags_.no_focus_on_appearing
    | imgui.WindowFlags_.no_nav
)
_MAX_NOTICES = 5
_ABOVE_POINTER_EM = 2.7  # the values under the mouse stand in the last line of the picture
_WIDE_EM = 44.0
"""Width of a picture that the times and the parts of memory do not cover."""
HINT_S = 15.0
"""How long the hint for newcomers is shown."""


def draw(state: ViewerState, stats: Stats) -> list[Event]:
    """Everything that floats."""
    frame.draw(state, stats, _area(stats))
    corner = (0.0, 0.0)
    if state.layout.stats:
        corner = _figures(state, stats)
        pointer.draw(stats, int(_FIXED), _area(stats))
    preview.draw(state, int(_FIXED), _area(stats), corner)
    if _hints(state):
        _hint(state, stats)
    events = _notices(state, stats)
    events += crop.draw_handles(state, stats, int(_FIXED), _area(stats))
    events += key_handles.draw(state, stats, int(_FIXED), _area(stats))
    events += wipe.draw(state, stats, int(_FIXED), _area(stats))
    if state.overlays.thumbnails:
        events += sources.draw(state, stats, int(_FIXED), _area(stats), corner)
    if state.layout.help:
        events += _help()
    return events + question.draw(state)


def passes(state: ViewerState) -> bool:
    """Whether something of it goes away by itself after a while."""
    return _hints(state) or any(notice.level == "info" for notice in state.notices)


def _hints(state: ViewerState) -> bool:
    return state.opened_s is not None and state.now_s - state.opened_s < HINT_S and state.layout.panels


def _area(stats: Stats) -> tuple[float, float, float, float]:
    """The picture area in screen coordinates."""
    viewport = imgui.get_main_viewport()
    if stats.area is None:
        return viewport.work_pos.x, viewport.work_pos.y, viewport.work_size.x, viewport.work_size.y
    x, y, width, height = stats.area
    return viewport.pos.x + x, viewport.pos.y + y, width, height


# ---- figures ------------------------------------------------------------------------------------------------------------------------------------


def badge(state: ViewerState, stats: Stats) -> str:
    """What is seen: which renderer made the picture, at which scale and size, and how far a better one is; e.g. "Fast · 62 % · 1180 x 664 · full 8 %"."""
    if stats.displayed is None:
        return stats.loading or ("Rendering the first picture" if state.scene is not None else "No scene")
    seen = stats.below or stats.displayed  # most of a picture that is being made is what lies below
    made = seen.mode.capitalize()
    if stats.displayed.against is not None and stats.compared != "off":
        made = "Captured" if stats.compared == "other" else " | ".join(wipe.sides(seen.mode, stats.displayed))
    words = [made, f"{100.0 * seen.scale:.0f} %", f"{seen.camera.width} x {seen.camera.height}"]
    if stats.displayed.onward > 0.0:
        words.append(f"interpolated {stats.displayed.frame} + {stats.displayed.onward:.2f}")
    if stats.displayed.output != "colour":
        words.append(stats.displayed.output)
    if refining(state, stats):
        finer = "refining" if seen.mode == stats.displayed.mode else stats.displayed.mode
        words.append(f"{finer} {100.0 * stats.progress:.0f} %")
    elif stats.postponed:
        words.append("finer after the job")
    if state.scene is not None and state.selected_camera is not None and state.overlays.cameras:
        words.append(f"camera {state.scene.cameras[state.selected_camera].name} selected")
    return " · ".join(words)


def refining(state: ViewerState, stats: Stats) -> bool:
    """Whether a better picture is under way; while things move the next one is no better, only newer."""
    return stats.busy and stats.progress < 1.0 and not is_moving(state)


def _duration(ms: float) -> str:
    """In as many digits as tell something."""
    return f"{ms:.1f} ms" if ms < 100 else f"{ms:.0f} ms" if ms < 10_000 else f"{1e-3 * ms:.0f} s"


def kept(memory: tuple[tuple[str, int], ...], *, parts: bool) -> str:
    """How much is kept, and what a GPU has allocated, which holds some of the same."""
    held = [(name, size) for name, size in memory if size and name != "gpu"]
    on_gpu = dict(memory).get("gpu", 0)
    each = "  ".join(f"{name} {megabytes(size)}" for name, size in held)
    return megabytes(sum(size for _, size in held)) + (f"  ({each})" if parts and each else "") + (f" · {megabytes(on_gpu)} on the GPU" if on_gpu else "")


def _figures(state: ViewerState, stats: Stats) -> tuple[float, float]:
    """Draw them at the top left; where they end to the right and below."""
    x, y, width, _ = _area(stats)
    imgui.set_next_window_pos(ImVec2(x + em(0.7), y + em(0.7)))
    stages = "  ".join(f"{name} {ms:.0f}" for name, ms in stats.stages_ms if ms >= 0.5)
    words = [_duration(stats.render_ms) + (f"  ({stages})" if stages else "")]
    if stats.latency_ms:
        words.append(f"latency {_duration(stats.latency_ms)}")
    if stats.pictures_per_s:
        words.append(f"{stats.pictures_per_s:.0f} pictures/s")
    if stats.gui_fps:
        words.append(f"GUI {stats.gui_fps:.0f} fps")
    how = {"none": "", "interop": " · interop", "upload": " · upload"}[stats.present]
    lines = (badge(state, stats), " · ".join(words), kept(stats.memory, parts=True) + how)
    if width < em(_WIDE_EM):  # a narrow picture keeps more of itself
        lines = (lines[0], kept(stats.memory, parts=False) + how)
    steady(max(imgui.calc_text_size(line).x for line in lines), width - em(1.2))
    imgui.begin("##figures", None, _FIXED | imgui.WindowFlags_.no_inputs)
    imgui.push_text_wrap_pos(width - em(1.9))  # a narrow picture keeps them to itself
    imgui.text_unformatted(lines[0])
    for line in lines[1:]:
        muted(line)
    imgui.pop_text_wrap_pos()
    if state.layout.timing:
        timing.draw(stats)
    corner, size = imgui.get_window_pos(), imgui.get_window_size()
    imgui.end()
    return corner.x + size.x, corner.y + size.y


def _hint(state: ViewerState, stats: Stats) -> None:
    """One line at the foot of the picture: how to begin."""
    x, y, width, height = _area(stats)
    drag = "orbit" if state.navigation.mode == "orbit" else "look"
    above = em(0.7) if stats.pointed is None else em(_ABOVE_POINTER_EM)
    imgui.set_next_window_pos(ImVec2(x + em(0.7), y + height - above), imgui.Cond_.always, ImVec2(0.0, 1.0))
    imgui.set_next_window_bg_alpha(SHADE)
    imgui.begin("##hint", None, _FIXED | imgui.WindowFlags_.no_inputs)
    moves = bindings.hints("move_forward", "move_left", "move_back", "move_right")
    plays, helps = bindings.hint("play"), bindings.hint("help")
    known = ((bindings.gesture(drag), drag), (bindings.gesture("dolly"), "closer"), (moves, "fly"), (plays, "play"), (helps, "all keys"))
    imgui.push_text_wrap_pos(width - em(1.9))
    imgui.text_unformatted(" · ".join(f"{how}: {what}" for how, what in known if how))
    imgui.pop_text_wrap_pos()
    imgui.end()


# ---- notices ------------------------------------------------------------------------------------------------------------------------------------


def _notices(state: ViewerState, stats: Stats) -> list[Event]:
    events: list[Event] = []
    x, y, width, height = _area(stats)
    bottom = y + height - em(_ABOVE_POINTER_EM if state.layout.stats else 0.7)
    for notice in reversed(state.notices[-_MAX_NOTICES:]):
        imgui.set_next_window_pos(ImVec2(x + width - em(0.7), bottom), imgui.Cond_.always, ImVec2(1.0, 1.0))
        imgui.set_next_window_bg_alpha(0.94)
        imgui.begin(f"##notice_{notice.id}", None, _FIXED)
        events += _notice(notice, min(em(26), max(width - em(3), em(10))))
        bottom = imgui.get_window_pos().y - em(0.4)
        imgui.end()
    return events


def _notice(notice: Notice, width: float) -> list[Event]:
    events: list[Event] = []
    corner, size = imgui.get_window_pos(), imgui.get_window_size()
    level = {"info": palette().accent, "warning": palette().warning, "error": palette().error}[notice.level]
    imgui.get_window_draw_list().add_rect_filled(corner, ImVec2(corner.x + em(0.22), corner.y + size.y), colour(level), em(0.2))
    imgui.push_text_wrap_pos(imgui.get_cursor_pos_x() + width)
    imgui.text_unformatted(notice.text + (f"  (x {notice.count})" if notice.count > 1 else ""))
    imgui.pop_text_wrap_pos()
    if imgui.small_button("Dismiss##dismiss"):
        events.append(DismissNotice(notice_id=notice.id))
    if notice.path is not None:
        imgui.same_line()
        if imgui.small_button("Show in folder##show"):
            events.append(AskedFor(effect=ShowInFolder(path=notice.path)))
    if notice.path is not None or notice.level != "info":
        imgui.same_line()
        if imgui.small_button("Copy##copy"):
            events.append(AskedFor(effect=CopyText(text=str(notice.path) if notice.path is not None else notice.text)))
    return events


# ---- help ---------------------------------------------------------------------------------------------------------------------------------------


def _help() -> list[Event]:
    """The table of bindings in columns."""
    viewport = imgui.get_main_viewport()
    width, height = min(em(62), viewport.work_size.x - em(2)), min(em(50), viewport.work_size.y - em(2))
    imgui.set_next_window_pos(viewport.get_work_center(), imgui.Cond_.appearing, ImVec2(0.5, 0.5))
    imgui.set_next_window_size(ImVec2(width, height), imgui.Cond_.appearing)
    flags = imgui.WindowFlags_.no_docking | imgui.WindowFlags_.no_saved_settings | imgui.WindowFlags_.no_collapse
    shown, stays_open = imgui.begin("Help###help", True, flags)
    events: list[Event] = [] if stays_open else [Triggered(action="help")]
    if shown:
        sections = bindings.in_use().help_rows()
        columns = max(min(int(width / em(20)), 3), 1)
        if imgui.begin_table("##help_columns", columns, imgui.TableFlags_.sizing_stretch_same):
            for column in packed(sections, columns):
                imgui.table_next_column()
                for name, rows in column:
                    _help_section(name, rows)
            imgui.end_table()
    imgui.end()
    return events


Section = tuple[str, tuple[tuple[str, str], ...]]


def packed(sections: tuple[Section, ...], columns: int) -> list[list[Section]]:
    """Sections over columns of about the same height: the longest first, each where most room is left; within a column in the order of the table."""
    filled: list[list[Section]] = [[] for _ in range(columns)]
    for section in sorted(sections, key=lambda section: -len(section[1])):
        min(filled, key=column_rows).append(section)
    ordered = [sorted(column, key=sections.index) for column in filled]
    return sorted(ordered, key=lambda column: sections.index(column[0]) if column else len(sections))


def column_rows(column: list[Section]) -> int:
    """How many rows high a column is; a heading takes two."""
    return sum(len(rows) + 2 for _, rows in column)


def _help_section(name: str, rows: tuple[tuple[str, str], ...]) -> None:
    imgui.separator_text(name)
    if imgui.begin_table(f"##help_{name}", 2, imgui.TableFlags_.sizing_stretch_prop):
        for keys, text in rows:
            imgui.table_next_row()
            imgui.table_next_column()
            imgui.text_wrapped(keys)
            imgui.table_next_column()
            imgui.push_style_color(imgui.Col_.text, imgui.ImVec4(*palette().muted))
            imgui.text_wrapped(text)
            imgui.pop_style_color()
        imgui.end_table()
