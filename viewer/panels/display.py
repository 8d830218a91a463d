"""What is drawn over and behind the picture, and which parts of the window are shown."""

from __future__ import annotations

from dataclasses import replace

from imgui_bundle import imgui

from viewer import bindings
from viewer.events import AskedFor, ChooseFile, Event, SetBackground, SetLook, SetOverlay, SetPreferences
from viewer.panels import crop
from viewer.panels.widgets import action, button, choice, explained, note, row, section, tooltip
from viewer.preferences import FPS_RANGE, THEMES
from viewer.state import ViewerState
from viewer.stats import Stats

_UI_SCALES = (0.75, 0.9, 1.0, 1.15, 1.3, 1.5, 2.0, 2.5)
_OVERLAYS = (
    ("cameras", "Cameras of the capture", "show_cameras"),
    ("sources", "Cameras that colour comes from", "show_sources"),
    ("thumbnails", "Pictures that colour comes from", "show_thumbnails"),
    ("box", "Box of the frame", "show_box"),
    ("cells", "Occupied cells", "show_cells"),
    ("path", "Camera path", ""),
    ("frame", "Frame of the export", ""),
    ("grid", "Grid on the floor", "show_grid"),
    ("axes", "World axes", "show_axes"),
)


def draw(state: ViewerState, stats: Stats) -> list[Event]:
    events: list[Event] = []
    section("Over the picture")
    for name, label, named_action in _OVERLAYS:
        changed, shown = imgui.checkbox(f"{label}##overlay_{name}", getattr(state.overlays, name))
        if named_action:
            tooltip(explained(named_action))
        elif name == "frame":
            tooltip("Along a path that is previewed, and while the Path or the Export panel is in front: what the export cuts off is dimmed")
        if changed:
            events.append(SetOverlay(name=name, shown=shown))
    if state.overlays.cells and stats.displayed is not None and stats.cell_block != 1:
        block = stats.cell_block
        note(f"{block} x {block} x {block} cells are drawn as one" if block else "This frame has no occupancy yet: build it in the Scene panel")
    section("Behind the picture")
    row("Background")
    changed, (red, green, blue) = imgui.color_edit3("##background", list(state.picture.background), imgui.ColorEditFlags_.float)
    if changed:
        events.append(SetBackground(colour=(red, green, blue)))
    row("Transparency")
    changed, pattern = imgui.checkbox("shown as squares##pattern", state.picture.look.pattern)
    tooltip("Squares behind the scene, instead of the colour: what is transparent is seen to be")
    if changed:
        events.append(SetLook(look=replace(state.picture.look, pattern=pattern)))
    events += _preferences(state, stats)
    events += crop.draw(state)
    section("Saved to")
    note(str(state.output))
    if button("Another folder...##output", width=-1.0, why="Where screenshots, videos and paths go whose name says no folder; remembered between starts"):
        events.append(AskedFor(effect=ChooseFile(purpose="output", suggested=str(state.output))))
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
    events += action("Arrange panels as at first##panels_arrange", "panels_arrange", width=-1.0)
    return events


def _preferences(state: ViewerState, stats: Stats) -> list[Event]:
    """How the window behaves; remembered between starts."""
    section("Preferences")
    preferences = changed_to = state.preferences
    row("Frames")
    changed, fps = imgui.slider_float("##max_fps", preferences.max_fps, *FPS_RANGE, "at most %.0f fps")
    tooltip("Of the window, while something moves; a window at rest draws nothing")
    if changed:
        changed_to = replace(changed_to, max_fps=fps)
    row("Vertical sync")
    changed, vsync = imgui.checkbox("##vsync", preferences.vsync)
    tooltip("Frames wait for the display: no torn pictures, and no more frames than it shows")
    if changed:
        changed_to = replace(changed_to, vsync=vsync)
    row("GPU")
    imgui.begin_disabled(not stats.can_share)
    changed, interop = imgui.checkbox("shows pictures without a copy##interop", preferences.interop and stats.can_share)
    imgui.end_disabled()
    tooltip(
        "What CUDA rendered goes to OpenGL on the GPU, and not through the memory of the machine"
        if stats.can_share
        else f"Not here: {stats.present_reason or 'nothing is known yet'}"
    )
    if changed:
        changed_to = replace(changed_to, interop=interop)
    row("Jumps")
    changed, animated = imgui.checkbox("take a moment##animated", preferences.animated)
    tooltip("The camera is seen going to another view instead of being there at once")
    if changed:
        changed_to = replace(changed_to, animated=animated)
    row("Wheel")
    changed, to_mouse = imgui.checkbox("towards the mouse##wheel_to_mouse", preferences.wheel_to_mouse)
    tooltip("In orbit it moves closer to what is under the mouse; otherwise to the pivot, which stays in the middle of the view")
    if changed:
        changed_to = replace(changed_to, wheel_to_mouse=to_mouse)
    row("Moving keys")
    changed, keys_fly = imgui.checkbox("change to fly##keys_fly", preferences.keys_fly)
    moves = bindings.hints("move_forward", "move_left", "move_back", "move_right")
    tooltip(bindings.keyed(f"After {moves} the mouse looks around instead of turning about the pivot", "navigation"))
    if changed:
        changed_to = replace(changed_to, keys_fly=keys_fly)
    row("Theme")
    theme = choice("theme", THEMES, preferences.theme, ("Dark", "Light"), ("For a dim room: nothing outshines the picture", "For a bright room"))
    changed_to = replace(changed_to, theme=next((known for known in THEMES if known == theme), preferences.theme))
    row("Text size")
    labels = [f"{100 * scale:.0f} %" for scale in _UI_SCALES]
    at = min(range(len(_UI_SCALES)), key=lambda i: abs(_UI_SCALES[i] - preferences.ui_scale))
    changed, at = imgui.combo("##ui_scale", at, labels)
    tooltip("Of text and widgets, over the size that the screen asks for")
    if changed:
        changed_to = replace(changed_to, ui_scale=_UI_SCALES[at])
    return [] if changed_to == preferences else [SetPreferences(preferences=changed_to)]
