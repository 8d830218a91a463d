"""What is drawn over and behind the picture, and which parts of the window are shown."""

from __future__ import annotations

from imgui_bundle import imgui

from viewer.events import Event, SetBackground, SetOverlay
from viewer.panels.widgets import action, explained, row, section, tooltip
from viewer.state import ViewerState
from viewer.stats import Stats

_OVERLAYS = (
    ("cameras", "Cameras of the capture", "show_cameras"),
    ("sources", "Cameras that colour comes from", ""),
    ("box", "Box of the frame", "show_box"),
    ("path", "Camera path", ""),
    ("axes", "World axes", "show_axes"),
)


def draw(state: ViewerState, stats: Stats) -> list[Event]:
    events: list[Event] = []
    section("Over the picture")
    for name, label, named_action in _OVERLAYS:
        changed, shown = imgui.checkbox(f"{label}##overlay_{name}", getattr(state.overlays, name))
        if named_action:
            tooltip(explained(named_action))
        if changed:
            events.append(SetOverlay(name=name, shown=shown))
    section("Behind the picture")
    row("Background")
    changed, (red, green, blue) = imgui.color_edit3("##background", list(state.picture.background), imgui.ColorEditFlags_.float)
    if changed:
        events.append(SetBackground(colour=(red, green, blue)))
    section("Window")
    width = 0.5 * (imgui.get_content_region_avail().x - imgui.get_style().item_spacing.x)
    events += action("Figures##toggle_stats", "stats", width=width, on=state.layout.stats)
    imgui.same_line()
    events += action("Help##toggle_help", "help", width=width, on=state.layout.help)
    events += action("Screenshot##screenshot", "screenshot", width=width, enabled=stats.displayed is not None)
    imgui.same_line()
    events += action("Of the window##screenshot_window", "screenshot_window", width=width)
    events += action("Full screen##fullscreen", "fullscreen", width=width)
    imgui.same_line()
    events += action("Hide panels##panels", "panels", width=width)
    return events
