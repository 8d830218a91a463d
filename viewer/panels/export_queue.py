"""The queue of exports: what is made, what waits, what became of the last ones."""

from __future__ import annotations

from imgui_bundle import imgui

from viewer.events import AskedFor, ClearExports, Event, RemoveExport, ShowInFolder
from viewer.export_queue import QueuedExport, over, pending
from viewer.panels.scene import progress
from viewer.panels.widgets import action, button, em, muted, note, section, tooltip
from viewer.state import ViewerState
from viewer.theme import palette

_BUTTON_EM = 4.6


def draw(state: ViewerState) -> list[Event]:
    queue = state.export.queue
    if not queue:
        return []
    section("Queue")
    events: list[Event] = []
    for export in queue:
        events += _row(export, state.now_s, is_next=export in pending(queue)[:1])
    if over(queue) and button("Clear what is over##export_clear", width=-1.0, why="The files stay where they are"):
        events.append(ClearExports())
    return events


def _row(export: QueuedExport, now_s: float, *, is_next: bool) -> list[Event]:
    """One export: its file and what can be done with it; below that how far it is, or why it failed.

    Args:
        is_next: it runs, or begins as soon as the render thread has time for it.
    """
    events: list[Event] = []
    number, done = export.number, export.state == "done"
    imgui.align_text_to_frame_padding()
    width, spacing = imgui.get_content_region_avail().x, imgui.get_style().item_inner_spacing.x
    buttons = em(_BUTTON_EM) * (2 if done else 1) + spacing * (1 if done else 0)
    _name(export, width - buttons - 2.0 * spacing)
    imgui.same_line(imgui.get_cursor_start_pos().x + width - buttons)
    if done:
        if button(f"Show##export_show_{number}", width=em(_BUTTON_EM), why=f"Show {export.file} in its folder"):
            events.append(AskedFor(effect=ShowInFolder(path=export.file)))
        imgui.same_line(0.0, spacing)
    if is_next:
        kept = "Stop it; what is complete is kept, and the same export goes on there"
        events += action("Cancel##export_cancel", "export_cancel", width=em(_BUTTON_EM), why=kept)
        progress(export.progress, now_s)
    elif button(f"Remove##export_remove_{number}", width=em(_BUTTON_EM), why="It is not made" if export.state == "waits" else "From this list"):
        events.append(RemoveExport(number=number))
    if export.error:
        note(export.error, palette().error)
    return events


def _name(export: QueuedExport, room: float) -> None:
    """The file, cut where the buttons begin, and what it waits for."""
    corner = imgui.get_cursor_screen_pos()
    imgui.push_clip_rect(corner, imgui.ImVec2(corner.x + room, corner.y + imgui.get_frame_height()), True)
    imgui.text_unformatted(export.file.name)
    tooltip(str(export.file))
    if export.state != "runs":  # a bar shows that
        imgui.same_line()
        muted(export.state)
    imgui.pop_clip_rect()
