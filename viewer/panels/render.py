"""How the picture is made: renderer, what it shows, and at which resolution."""

from __future__ import annotations

from imgui_bundle import imgui

from viewer import bindings
from viewer.events import Event, SetMode, SetOutput, SetScale, SetTargetFps
from viewer.look import OUTPUTS, Output
from viewer.panels import look, modes, quality
from viewer.panels.widgets import choice, fact, muted, row, section, tooltip
from viewer.state import MODES, SCALES, ViewerState
from viewer.stats import Stats

_OUTPUT_TEXT: dict[Output, str] = {
    "colour": "Colour",
    "depth": "Distance along the viewing direction",
    "opacity": "How much of each pixel is covered",
    "cost": "Samples per ray: what the picture cost, and where",
    "normals": "Which way surfaces face, from depth: red, green and blue are the world's x, y and z",
}


def draw(state: ViewerState, stats: Stats) -> list[Event]:
    events: list[Event] = []
    picture = state.picture
    row("Renderer")
    clicked = choice("mode", MODES, picture.mode, [mode.capitalize() for mode in MODES], [modes.why(mode) for mode in MODES])
    events += [SetMode(mode=mode) for mode in MODES if mode == clicked]
    row("Show")
    whys = [bindings.keyed(_OUTPUT_TEXT[output], f"output_{output}") for output in OUTPUTS]
    clicked = choice("output", OUTPUTS, picture.output, [output.capitalize() for output in OUTPUTS], whys)
    events += [SetOutput(output=output) for output in OUTPUTS if output == clicked]
    events += look.draw(state, stats)
    events += _resolution(state)
    events += quality.draw(state, stats)
    _figures(stats)
    return events


def _resolution(state: ViewerState) -> list[Event]:
    section("Resolution")
    picture, events = state.picture, []
    row("Automatic")
    changed, automatic = imgui.checkbox("##automatic_scale", picture.automatic_scale)
    tooltip("Fewer pixels while things move, so that the target rate is met; all pixels when still")
    if changed:
        events.append(SetScale(scale=None if automatic else picture.scale))
    if picture.automatic_scale:
        row("Target")
        changed, fps = imgui.slider_float("##target_fps", picture.target_fps, 2.0, 60.0, "%.0f fps")
        if changed:
            events.append(SetTargetFps(fps=fps))
    row("Scale")
    imgui.begin_disabled(picture.automatic_scale)
    changed, percent = imgui.slider_float("##scale", 100.0 * picture.scale, 100.0 * SCALES[0], 100.0 * SCALES[1], "%.0f %%")
    imgui.end_disabled()
    tooltip(f"Of the window's pixels; {bindings.gesture('scale')} over the picture sets it by hand")
    if changed and not picture.automatic_scale:
        events.append(SetScale(scale=percent / 100.0))
    return events


def _figures(stats: Stats) -> None:
    section("Last picture")
    if stats.displayed is None:
        muted("none yet")
        return
    camera = stats.displayed.camera
    fact("Size", f"{camera.width} x {camera.height}")
    fact("Made by", stats.renderer)
    fact("Render", f"{stats.render_ms:.1f} ms")
    for name, ms in stats.stages_ms:
        fact(f"  {name}", f"{ms:.1f} ms")
    if stats.latency_ms > 0:
        fact("Latency", f"{stats.latency_ms:.0f} ms from input to first picture")
