"""Small pictures of the source views in use, at the top right of the picture. A click looks through the camera."""

from __future__ import annotations

from imgui_bundle import ImVec2, imgui

from viewer.events import Event, JumpToCamera
from viewer.panels.widgets import SHADE, em, muted, tooltip
from viewer.state import ViewerState
from viewer.stats import Stats

_HEIGHT_EM = 4.6
_MOST = 8  # more would cover the picture


def draw(state: ViewerState, stats: Stats, flags: int, area: tuple[float, float, float, float], corner: tuple[float, float]) -> list[Event]:
    """Draw them at the top right, or lower where something is there already.

    Args:
        flags: of windows that float over the picture.
        area: x, y, width and height of the picture on the screen.
        corner: how far to the right and down its top left is taken, on the screen.
    """
    events: list[Event] = []
    if state.scene is None or not stats.thumbnails:
        return events
    x, y, width, _ = area
    shown = stats.thumbnails[:_MOST]
    style, row = imgui.get_style(), sum(em(_HEIGHT_EM) * thumbnail.width / thumbnail.height for thumbnail in shown)
    left = x + width - em(0.7) - row - (len(shown) - 1) * style.item_spacing.x - 2.0 * style.window_padding.x
    top = y + em(0.7) if left > corner[0] else corner[1] + em(0.4)
    imgui.set_next_window_pos(ImVec2(x + width - em(0.7), top), imgui.Cond_.always, ImVec2(1.0, 0.0))
    imgui.set_next_window_bg_alpha(SHADE)
    imgui.begin("##sources", None, flags)
    muted("Colour comes from")
    for i, thumbnail in enumerate(shown):
        if thumbnail.view >= len(state.scene.cameras):
            continue
        if i:
            imgui.same_line()
        imgui.begin_group()
        height = em(_HEIGHT_EM)
        imgui.image(imgui.ImTextureRef(thumbnail.texture), ImVec2(height * thumbnail.width / thumbnail.height, height))
        name = state.scene.cameras[thumbnail.view].name
        if imgui.is_item_clicked():
            events.append(JumpToCamera(view=thumbnail.view))
        tooltip(f"Look through camera {name}" + ("" if thumbnail.view in stats.source_views else "; no longer in use"))
        muted(name)
        imgui.end_group()
    imgui.end()
    return events
