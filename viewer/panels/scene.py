"""What is open: capture, model, box, occupancy, and the machine it runs on."""

from __future__ import annotations

from pathlib import Path

from imgui_bundle import imgui

from viewer.events import AskedFor, Event, OpenScene
from viewer.panels.widgets import action, fact, megabytes, note, plural, seconds, section, tooltip
from viewer.progress import Progress
from viewer.state import ViewerState, shown_index
from viewer.stats import Cached, Stats
from viewer.theme import palette


def draw(state: ViewerState, stats: Stats) -> list[Event]:
    events: list[Event] = []
    if state.scene is None:
        note(stats.loading or "No scene is open. Drop the folder of a run onto the window, or open one.")
    else:
        _capture(state, stats)
    events += _opening(state)
    if state.scene is not None:
        events += _occupancy(state, stats)
    _machine(stats)
    return events


def _opening(state: ViewerState) -> list[Event]:
    """Another scene, or this one as it is on the disk now."""
    half = 0.5 * (imgui.get_content_region_avail().x - imgui.get_style().item_spacing.x)
    events = action("Open...##scene_open", "open", width=half)
    imgui.same_line()
    events += action("Read again##scene_reload", "reload", width=half, enabled=state.source is not None)
    return events + _recent(state)


def _recent(state: ViewerState) -> list[Event]:
    """Folders that were open before, as a menu."""
    others = [folder for folder in state.preferences.recent if state.source is None or folder != str(state.source.absolute())]
    if not others:
        return []
    imgui.set_next_item_width(-1.0)
    chosen = None
    if imgui.begin_combo("##recent", "Open again ..."):
        for i, folder in enumerate(others):
            clicked, _ = imgui.selectable(f"{Path(folder).name}##recent_{i}", False)
            tooltip(folder)
            chosen = folder if clicked else chosen
        imgui.end_combo()
    return [] if chosen is None else [AskedFor(effect=OpenScene(source=Path(chosen)))]


def _capture(state: ViewerState, stats: Stats) -> None:
    scene = state.scene
    assert scene is not None
    fact("Scene", scene.name)
    if state.source is not None:
        fact("Folder", str(state.source))
    if stats.model:
        fact("Model", stats.model)
    fact("Frames", f"{scene.frames[0]} to {scene.frames[-1]} ({len(scene.frames)}) at {scene.fps:g} fps, {seconds(len(scene.frames) / scene.fps)}")
    size = f"{scene.cameras[0].width} x {scene.cameras[0].height}" if scene.cameras else "none"
    without = f", {len(scene.without_pictures)} without pictures" if scene.without_pictures else ""
    fact("Cameras", f"{len(scene.cameras)}, {size}; {len(scene.source_views)} sources, {len(scene.test_views)} held out{without}")
    low, high = scene.boxes[shown_index(state)]
    fact("Box", " x ".join(f"{side:.2f}" for side in high - low) + " at " + " ".join(f"{x:.2f}" for x in (low + high) / 2))
    if stats.source_views:
        fact("Colour from", " ".join(scene.cameras[view].name for view in stats.source_views if view < len(scene.cameras)))


def _occupancy(state: ViewerState, stats: Stats) -> list[Event]:
    section("Occupancy")
    if state.occupancy_job is not None:
        progress(state.occupancy_job, state.now_s)
        return action("Cancel##occupancy_cancel", "occupancy_cancel", width=-1.0)
    if stats.occupancy == "ready":
        note("Built for every frame: the fast renderer is ready.")
        return []
    missing = "No frame has it" if stats.occupancy == "missing" else "Some frames lack it"
    note(f"{missing}. The fast renderer marches it; until it is built, pictures come from the full renderer.", palette().warning)
    return action("Build occupancy##occupancy_build", "occupancy_build", width=-1.0, why="Bake the occupancy of every frame now; the window stays usable")


def progress(job: Progress, now_s: float, *, counts: bool = True) -> None:
    """A bar with counts, or else the share that is done, and the time that is left."""
    fraction = 0.0 if job.waits else job.done / job.total
    left_s = job.left_s(now_s)
    left = f", {seconds(left_s)} left" if left_s is not None and fraction < 1.0 else ""
    done = f"{job.done} / {job.total}" if counts else f"{100.0 * fraction:.0f} %"
    imgui.progress_bar(fraction, imgui.ImVec2(-1.0, 0.0), "begins" if job.waits else done + left)


def _machine(stats: Stats) -> None:
    section("Machine")
    fact("Renders on", stats.device or "not known yet")
    if stats.gl_renderer:
        fact("OpenGL", stats.gl_renderer)
    how = {"none": "nothing shown yet", "interop": "stays on the GPU (CUDA-OpenGL interop)", "upload": "uploaded through host memory"}
    fact("Picture", how[stats.present] + (f": {stats.present_reason}" if stats.present_reason else ""))
    _memory(stats)
    if stats.cache:
        fact("Cached", plural(sum(state > Cached.DISK for state in stats.cache), "frame") + f" of {len(stats.cache)}")


def _memory(stats: Stats) -> None:
    """What the program uses now and used at most, and how much of it are caches, which give way where memory is short."""
    used = stats.in_use
    for label, now, peak in (("Memory", used.host, used.host_peak), ("On the GPU", used.device, used.device_peak)):
        if now:
            fact(label, f"{megabytes(now)}, peak {megabytes(peak)}")
    caches = [(name, size) for name, size in stats.memory if size and name != "gpu"]
    total = sum(size for _, size in caches)
    if total:
        share = f", {100 * total / (used.host + used.device):.0f} % of all memory in use" if used.host else ""
        fact("Caches", f"{megabytes(total)}{share}: " + ", ".join(f"{name} {megabytes(size)}" for name, size in caches))
