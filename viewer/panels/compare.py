"""Comparing renderers with each other and with what was captured: which pictures, and how they share the window."""

from __future__ import annotations

from dataclasses import replace

from imgui_bundle import imgui

from viewer.compare import GAIN, LAYOUTS, PAIRS, Layout
from viewer.comparing import needs_camera
from viewer.events import Event, SetComparison
from viewer.look import OUTPUTS
from viewer.panels.widgets import action, choice, explained, fact, note, row, section
from viewer.request import is_moving
from viewer.state import ViewerState
from viewer.stats import Stats
from viewer.theme import palette

_LAYOUT_TEXT: dict[Layout, str] = {
    "off": "",
    "wipe": "Drag the border over the picture.",
    "split": "The same middle part of the view, twice.",
    "difference": f"{GAIN:.0f} times the absolute difference: black where both are equal.",
}


def draw(state: ViewerState, stats: Stats) -> list[Event]:
    events: list[Event] = []
    comparison = state.comparison
    row("Layout")
    clicked = choice("layout", LAYOUTS, comparison.layout, [layout.capitalize() for layout in LAYOUTS], (explained("compare_next"),) * len(LAYOUTS))
    events += [SetComparison(comparison=replace(comparison, layout=layout)) for layout in LAYOUTS if layout == clicked]
    if _LAYOUT_TEXT[comparison.layout]:
        note(_LAYOUT_TEXT[comparison.layout])
    for i, pair in enumerate(PAIRS):
        row("Pictures" if i == 0 else "")
        if imgui.radio_button(f"{pair.capitalize()}##pair_{i}", pair == comparison.pair) and pair != comparison.pair:
            events.append(SetComparison(comparison=replace(comparison, pair=pair)))
    if comparison.pair == "two outputs":
        row("On the right")
        changed, at = imgui.combo("##compared_output", OUTPUTS.index(comparison.output), [output.capitalize() for output in OUTPUTS])
        if changed:
            events.append(SetComparison(comparison=replace(comparison, output=OUTPUTS[at])))
    if comparison.layout == "wipe":
        row("Border")
        changed, percent = imgui.slider_float("##wipe", 100.0 * comparison.wipe, 0.0, 100.0, "%.0f %%")
        if changed:
            events.append(SetComparison(comparison=replace(comparison, wipe=percent / 100.0)))
    if comparison.needs_captured and state.scene is not None:
        events += _camera(state)
    _similarity(state, stats)
    return events


def _similarity(state: ViewerState, stats: Stats) -> None:
    """How like the two are, or when that is known; nothing where no two pictures are compared."""
    comparison = state.comparison
    if comparison.layout == "off" or comparison.right == "same" or state.scene is None:
        return
    if stats.compared == "off":
        if comparison.right != "captured" and (stats.busy or is_moving(state)):
            section("Similarity")
            note(f"The {comparison.right} picture follows when the view is still.")
    elif stats.psnr_db is not None:
        section("Similarity")
        fact("PSNR", decibels(stats.psnr_db))
        note("Over the pixels whose ray meets the box of the frame, at the size that is shown.")
    elif stats.below is not None or not stats.other_complete:
        section("Similarity")
        note("Known when both pictures are finished.")


def _camera(state: ViewerState) -> list[Event]:
    """Which camera's capture is meant."""
    assert state.scene is not None
    if state.dataset_camera is None:
        note(needs_camera(), palette().warning)
    else:
        camera = state.scene.cameras[state.dataset_camera]
        fact("Camera", camera.name + (", held out of training" if state.dataset_camera in state.scene.test_views else ""))
        note("Its own picture gives no colour to the rendered one meanwhile.")
    events = action("Previous##compare_previous", "camera_previous")
    imgui.same_line()
    return events + action("Next##compare_next_camera", "camera_next")


def decibels(psnr_db: float) -> str:
    return "equal" if psnr_db == float("inf") else f"{psnr_db:.2f} dB"
