"""Samples, thresholds and tile size of the renderers, live. A part of the Render panel."""

from __future__ import annotations

from dataclasses import replace

from imgui_bundle import imgui

from im4d_core.quality import PASSES, Quality
from viewer.events import Event, SetQuality
from viewer.panels.widgets import button, choice, row, section, tooltip
from viewer.state import ViewerState
from viewer.stats import Stats


def draw(state: ViewerState, stats: Stats) -> list[Event]:
    before = state.picture.quality
    sampling, fast = before.sampling(stats.sampling), before.fast(stats.fast)
    section("Quality")
    row("When still")
    options = [str(passes) for passes in PASSES]
    whys = ["One picture: jagged edges, soonest there", *(f"The mean of {n} pictures shifted within the pixel: smooth edges" for n in options[1:])]
    clicked = choice("passes", options, str(before.passes), [f"{n} x" for n in options], whys)
    after = before if clicked is None else replace(before, passes=int(clicked))
    after = _full(after, sampling.proposal_samples, sampling.fine_samples, sampling.chunk)
    after = _fast(after, fast.steps, fast.min_weight, fast.min_transmittance)
    changed = before != Quality(passes=before.passes)
    if button("As the run says##quality_reset", width=-1.0, enabled=changed, why="Samples and thresholds of the run"):
        after = Quality(passes=before.passes)
    return [SetQuality(quality=after)] if after != before else []


def _full(quality: Quality, proposal: int, fine: int, chunk: int) -> Quality:
    """Samples of the full renderer."""
    row("Full: coarse")
    changed, value = imgui.slider_int("##proposal_samples", proposal, 8, 256, "%d samples", imgui.SliderFlags_.logarithmic)
    tooltip("Samples per ray that look where something is")
    if changed:
        quality = replace(quality, proposal_samples=value)
    row("Full: fine")
    changed, value = imgui.slider_int("##fine_samples", fine, 4, 256, "%d samples", imgui.SliderFlags_.logarithmic)
    tooltip("Samples per ray that density and colour are taken at")
    if changed:
        quality = replace(quality, fine_samples=value)
    row("Full: tile")
    changed, value = imgui.slider_int("##chunk", chunk, 256, 1 << 16, "%d rays", imgui.SliderFlags_.logarithmic)
    tooltip("Rays at once: smaller tiles stop sooner and need less memory. A CPU takes 128 at most")
    return replace(quality, chunk=value) if changed else quality


def _fast(quality: Quality, steps: int, weight: float, transmittance: float) -> Quality:
    """Step and thresholds of the fast renderer."""
    row("Fast: steps")
    changed, value = imgui.slider_int("##steps", steps, 64, 1024, "%d", imgui.SliderFlags_.logarithmic)
    tooltip("Steps over the diagonal of the box")
    if changed:
        quality = replace(quality, steps=value)
    row("Fast: weight")
    flags = imgui.SliderFlags_.logarithmic
    changed, value = imgui.slider_float("##min_weight", weight, 0.0, 0.1, "%.4f", flags)
    tooltip("Samples that weigh less get no colour: higher is faster, and drops thin matter")
    if changed:
        quality = replace(quality, min_weight=value)
    row("Fast: stop")
    changed, value = imgui.slider_float("##min_transmittance", transmittance, 0.0, 0.1, "%.4f", flags)
    tooltip("A ray ends when less light than this comes through")
    return replace(quality, min_transmittance=value) if changed else quality
