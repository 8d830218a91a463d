"""Panels: every one draws in every state, and what is clicked comes out as the event it stands for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

try:
    from imgui_bundle import ImVec2, imgui
except ImportError as error:  # its X11 and OpenGL libraries are missing
    pytest.skip(f"imgui-bundle cannot be imported: {error}", allow_module_level=True)

from panel_host import ALL, Host, promise_textures, run
from stand_in import stand_in_scene

from im4d_core.geometry import resized
from im4d_core.path_files import PathForm
from im4d_core.quality import Quality
from viewer import events as e
from viewer.compare import Comparison
from viewer.export_command import export_command
from viewer.look import Look
from viewer.memory_use import MemoryUse
from viewer.panels import camera, compare, floating, preview, scene, timing, wipe
from viewer.panels.timeline import nice_step
from viewer.panels.widgets import megabytes, seconds
from viewer.reduce import reduce
from viewer.request import render_request
from viewer.state import EncoderReport, ExportSettings, Overlays, ViewerState
from viewer.stats import Cached, Stats


def opened(frames: int = 24) -> ViewerState:
    return reduce(ViewerState(), e.SceneOpened(scene=stand_in_scene(frames=frames), source=Path("runs/my run")))


def after(state: ViewerState, *happened: e.Event) -> ViewerState:
    for event in happened:
        state = reduce(state, event)
    return state


def with_path(state: ViewerState) -> ViewerState:
    for view in range(3):
        state = after(state, e.JumpToCamera(view=view), e.Triggered(action="key_add"))
    return after(state, e.SetKeyFrame(key_id=2, scene_frame=15.0))


def full_stats(state: ViewerState) -> Stats:
    n = 0 if state.scene is None else len(state.scene.frames)
    return Stats(
        area=(0.0, 0.0, 900.0, 600.0),
        gui_fps=60.0,
        stages_ms=(("frames", 0.2), ("encode", 4.0), ("march", 9.0)),
        render_ms=13.5,
        latency_ms=22.0,
        displayed=render_request(state, 640, 480),
        source_views=(0, 2, 99),
        busy=True,
        progress=0.43,
        device="cpu, 2 threads",
        gl_renderer="llvmpipe",
        present="upload",
        present_reason="no CUDA device",
        memory=(("model", 120 << 20), ("frames", 11 << 30)),
        model="Im4D 50 % tiny",
        occupancy="partial",
        cache=tuple(Cached(i % 3) for i in range(n)),
        occupied=tuple(i % 2 == 0 for i in range(n)),
    )


def interesting_states() -> dict[str, ViewerState]:
    path = with_path(opened())
    job = after(
        path,
        *(e.ExportQueued(number=number, file=Path(f"videos/{number}.mp4")) for number in (1, 2, 3)),
        e.JobEnded(job="export", number=1, error="no space left on the device"),
        e.JobProgress(job="export", number=2, done=1, total=8),
        e.JobProgress(job="occupancy", done=3, total=9),
        e.JobProgress(job="picture", done=3, total=100),
    )
    notices = [e.Notified(level=level, text=f"{level} 100 %d %s", path=Path("a/b.png")) for level in ("info", "warning", "error")]
    return {
        "empty": ViewerState(),
        "opened": opened(),
        "one frame": opened(frames=1),
        "300 frames": opened(frames=300),
        "through a camera": after(opened(), e.JumpToCamera(view=1)),
        "path": path,
        "one key": after(opened(), e.Triggered(action="key_add")),
        "preview": after(path, e.SetPathTime(time_s=1.0), e.Triggered(action="path_play")),
        "looping path": after(path, e.SetPathLoop(loop=True, loop_s=2.0)),
        "playing": after(opened(), e.Triggered(action="play"), e.SetSpeed(speed=0.3)),
        "jobs": job,
        "part": after(path, e.SetExport(settings=ExportSettings(stop_s=1.0, width=333, height=77))),
        "exported": after(path, e.ExportQueued(number=1, file=Path("v/out.mp4")), e.JobEnded(job="export", number=1, file=Path("v/out.mp4"))),
        "notices": after(opened(), *notices * 3, *(e.Notified(level="info", text=str(i)) for i in range(9))),
        "help": after(opened(), e.Triggered(action="help")),
        "quitting": after(job, e.Triggered(action="quit")),
        "opening": after(job, e.Triggered(action="reload")),
        "replacing": after(path, e.WouldReplace(effect=e.SavePath(path=path.path_editor.path, file=Path("a.json"), replaces=True))),
        "manual scale, depth": after(opened(), e.SetScale(scale=0.4), e.SetOutput(output="depth")),
        "depth range": after(opened(), e.SetOutput(output="depth"), e.SetLook(look=Look(depths=(1.0, 2.0), inverted=True))),
        "wipe": after(opened(), e.JumpToCamera(view=1), e.SetComparison(comparison=Comparison(layout="wipe", pair="fast | captured"))),
        "difference": after(opened(), e.SetComparison(comparison=Comparison(layout="difference", pair="full | captured"))),
        "every overlay": after(opened(), *(e.SetOverlay(name=field.name, shown=True) for field in fields(Overlays))),
    }


STATES = interesting_states()


@pytest.fixture
def bare_context() -> Iterator[None]:
    """ImGui without window, renderer and input."""
    context = imgui.create_context()
    io = imgui.get_io()
    io.set_ini_filename("")
    promise_textures()
    io.display_size = ImVec2(1200.0, 800.0)
    io.delta_time = 1 / 60
    yield
    imgui.destroy_context(context)


def draw_all(state: ViewerState, stats: Stats) -> list[e.Event]:
    events: list[e.Event] = []
    imgui.new_frame()
    for name, draw in ALL:
        if name == "Floating":
            events += draw(state, stats)
            continue
        imgui.set_next_window_size(ImVec2(340.0, 700.0), imgui.Cond_.once)
        imgui.begin(name)
        events += draw(state, stats)
        imgui.end()
    imgui.render()
    return events


@pytest.mark.parametrize("name", sorted(STATES))
def test_every_panel_draws_in_every_state_and_says_nothing_by_itself(bare_context: None, name: str) -> None:
    state = STATES[name]
    for stats in (Stats(), full_stats(state), replace(full_stats(state), occupancy="ready", present="interop")):
        for _ in range(3):
            assert draw_all(state, stats) == []


def test_widget_ids_do_not_clash(bare_context: None) -> None:
    """ImGui reports two widgets of one id when one of them is hovered; every place of every panel is."""
    state = STATES["looping path"]
    stats = full_stats(state)
    for y in np.arange(5, 800, 11):
        for x in (20, 120, 200, 330):
            imgui.get_io().add_mouse_pos_event(float(x), float(y))
            draw_all(state, stats)
            assert imgui.get_current_context().hovered_id_previous_frame_item_count <= 1, (x, y)


def test_panels_are_built_quickly(bare_context: None) -> None:
    state = STATES["300 frames"]
    stats = full_stats(state)
    draw_all(state, stats)
    start = time.perf_counter()
    for _ in range(20):
        draw_all(state, stats)
    # All tabs at once, on a shared machine under load; one tab at a time takes a fraction. It guards against work that grows with the scene.
    assert (time.perf_counter() - start) / 20 < 0.05


def test_numbers_to_be_read() -> None:
    assert [nice_step(x) for x in (0.013, 0.2, 1.0, 1.1, 3.0, 7.0, 99.0)] == pytest.approx([0.02, 0.2, 1.0, 2.0, 5.0, 10.0, 100.0])
    assert [seconds(x) for x in (7.46, 125.0, 3723.0)] == ["7.5 s", "2:05", "1:02:03"]
    assert [megabytes(x) for x in (0, 120 << 20, 11 << 30)] == ["0 MB", "120 MB", "11.0 GB"]


def test_times_by_stage_are_told_over_the_last_pictures() -> None:
    recent = ((("encode", 4.0), ("march", 6.0)), (("march", 9.0),), (("encode", 1.0), ("march", 2.0)))
    assert timing.rows(recent) == [("render", 3.0, 9.0, 10.0), ("encode", 1.0, 2.5, 4.0), ("march", 2.0, 6.0, 9.0)]
    assert timing.rows(recent[:2])[-1] == ("encode", 0.0, 4.0, 4.0), "the last picture had no such stage"


def test_times_stand_with_the_figures() -> None:
    state = opened()
    assert state.layout.stats and not state.layout.timing
    both = after(state, e.Triggered(action="timing"))
    assert both.layout.timing and after(both, e.Triggered(action="timing")).layout == state.layout
    hidden = after(both, e.Triggered(action="stats"))
    assert not hidden.layout.stats
    assert after(hidden, e.Triggered(action="timing")).layout == both.layout, "asked for, they bring the figures along"


def test_badge_explains_the_picture() -> None:
    state = after(opened(), e.SetScale(scale=0.5))
    stats = Stats(displayed=render_request(state, 640, 480), busy=True, progress=0.43)
    assert floating.badge(state, stats) == "Fast · 50 % · 320 x 240"  # moving still: the next picture is newer, not better
    assert floating.badge(after(state, e.Tick(now_s=5.0)), stats) == "Fast · 50 % · 320 x 240 · refining 43 %"
    assert floating.badge(state, replace(stats, busy=False, postponed=True)) == "Fast · 50 % · 320 x 240 · finer after the job"
    assert floating.badge(ViewerState(), Stats()) == "No scene"


def test_badge_tells_what_is_seen_while_a_better_one_is_made() -> None:
    still = after(opened(), e.SetMode(mode="auto"), e.Tick(now_s=5.0))
    made = render_request(still, 1070, 894)
    assert made is not None and made.mode == "full"
    stats = Stats(displayed=made, below=replace(made, mode="fast"), busy=True, progress=0.08)
    assert floating.badge(still, stats) == "Fast · 100 % · 1070 x 894 · full 8 %"
    small = replace(made, mode="fast", scale=0.25, camera=resized(made.camera, 268, 224))
    assert floating.badge(still, replace(stats, below=small)) == "Fast · 25 % · 268 x 224 · full 8 %"
    assert floating.badge(still, replace(stats, below=None)) == "Full · 100 % · 1070 x 894 · refining 8 %"
    captured = replace(stats, displayed=replace(made, against="captured"), compared="wipe")
    assert floating.badge(still, captured) == "Fast | Captured · 100 % · 1070 x 894 · full 8 %"


def test_similarity_is_told_or_when_it_will_be(bare_context: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no two pictures are compared nothing is said of it."""
    said: list[str] = []
    monkeypatch.setattr(compare, "section", said.append)
    monkeypatch.setattr(compare, "fact", lambda label, value: said.append(f"{label} {value}"))
    monkeypatch.setattr(compare, "note", lambda text, *_: said.append(text))

    def told(comparison: Comparison, stats: Stats) -> list[str]:
        said.clear()
        draw_all(after(opened(), e.SetComparison(comparison=comparison), e.Tick(now_s=5.0)), stats)
        return said[said.index("Similarity") :] if "Similarity" in said else []

    busy, renderers, captured = Stats(busy=True), Comparison(layout="wipe"), Comparison(layout="wipe", pair="fast | captured")
    assert told(Comparison(), busy) == told(captured, busy) == told(renderers, Stats()) == []
    assert told(replace(renderers, pair="two outputs"), replace(busy, compared="wipe")) == []
    assert told(renderers, busy) == ["Similarity", "The full picture follows when the view is still."]
    assert told(renderers, replace(busy, compared="wipe", other_complete=False)) == ["Similarity", "Known when both pictures are finished."]
    assert told(captured, Stats(compared="wipe", psnr_db=31.25))[:2] == ["Similarity", "PSNR 31.25 dB"]


def test_the_side_that_is_being_made_says_so(bare_context: None, monkeypatch: pytest.MonkeyPatch) -> None:
    labels: list[str] = []
    monkeypatch.setattr(wipe, "_label", lambda text, *_: labels.append(text))
    state = after(opened(), e.SetComparison(comparison=Comparison(layout="wipe")), e.Tick(now_s=5.0))
    stats = replace(full_stats(state), compared="wipe", other_complete=False)
    draw_all(state, stats)
    draw_all(state, replace(stats, other_complete=True))
    assert labels == ["Fast", "Full · refining", "Fast", "Full"]


def test_a_preview_says_so_and_how_it_is_left() -> None:
    path = STATES["path"]
    assert preview.told(path) == ""
    clicked = after(path, e.SetPathTime(time_s=1.0))
    assert clicked.path_editor.previewing
    assert preview.told(clicked) == "Preview of the path · Escape: back to your view"
    assert preview.told(after(clicked, e.Triggered(action="cancel"))) == ""


def test_memory_is_told_with_names(bare_context: None, monkeypatch: pytest.MonkeyPatch) -> None:
    facts: dict[str, str] = {}
    monkeypatch.setattr(scene, "fact", facts.__setitem__)
    used = MemoryUse(host=800 << 20, host_peak=830 << 20)
    draw_all(opened(), replace(full_stats(opened()), in_use=used, memory=(("features", 16 << 20),)))
    assert facts["Memory"] == "800 MB, peak 830 MB"
    assert facts["Caches"] == "16 MB, 2 % of all memory in use: features 16 MB"


def test_export_command_is_shell_proof() -> None:
    state = after(with_path(opened()), e.SetPathFile(file="my path.json"))
    expected = (
        "python -m im4d_core render 'runs/my run' --path 'my path.json' --output stand-in.mp4 --size 1280x720 --fps 10.0 --mode fast --format h264 --crf 18"
    )
    assert export_command(state) == expected


# ---- clicks -------------------------------------------------------------------------------------------------------------------------------------


def test_the_click_tests_can_fail() -> None:
    with pytest.raises(AssertionError, match="wrong"):
        run(Host(opened(), Stats()), lambda _: fails())
    with pytest.raises(AssertionError, match="could not do"):
        run(Host(opened(), Stats()), lambda ctx: ctx.item_click("//Transport/no such button"))


def fails() -> None:
    raise AssertionError("wrong")


def test_clicking_the_main_widgets() -> None:
    state = after(with_path(opened()), e.SetFrame(index=4))
    host = Host(state, replace(full_stats(state), occupancy="missing"))

    def steps(ctx: imgui.test_engine.TestContext) -> None:
        def click(ref: str) -> list[e.Event]:
            host.events = []
            ctx.item_click(ref)
            assert not ctx.is_error(), ref
            return host.events

        assert click("//Transport/###play") == [e.Triggered(action="play")]
        assert host.state.transport.playing
        assert click("//Transport/###frame_forward") == [e.Triggered(action="frame_forward")]
        assert host.state.transport.index == 5
        assert click("//Transport/Full##transport_full") == [e.SetMode(mode="full")]
        ctx.window_focus("//Scene")
        assert click("//Scene/Build occupancy##occupancy_build") == [e.Triggered(action="occupancy_build")]
        assert click("//Scene/Open...##scene_open") == [e.Triggered(action="open")]
        ctx.window_focus("//Camera")
        assert click("//Camera/Fly##navigation_fly") == [e.SetNavigationMode(mode="fly")]
        assert click("//Camera/**/02##dataset_camera_2") == [e.JumpToCamera(view=2)]
        assert click("//Camera/Copy##copy_camera") == [e.Triggered(action="copy_camera")]
        ctx.window_focus("//Render")
        assert click("//Render/Auto##mode_auto") == [e.SetMode(mode="auto")]
        assert click("//Render/Depth##output_depth") == [e.SetOutput(output="depth")]
        assert click("//Render/of the box##depth_range")[0] == e.SetLook(look=host.state.picture.look)
        assert host.state.picture.look.depths is not None
        assert click("//Render/##inverted") == [e.SetLook(look=replace(host.state.picture.look, inverted=True))]
        assert click("//Render/##automatic_scale") == [e.SetScale(scale=1.0)]
        assert click("//Render/4 x##passes_4") == [e.SetQuality(quality=Quality(passes=4))]
        ctx.item_input_value("//Render/##proposal_samples", 100)
        assert host.state.picture.quality == Quality(passes=4, proposal_samples=100)
        assert click("//Render/As the run says##quality_reset") == [e.SetQuality(quality=Quality(passes=4))]
        ctx.window_focus("//Compare")
        assert click("//Compare/Wipe##layout_wipe") == [e.SetComparison(comparison=Comparison(layout="wipe"))]
        ctx.item_click("//Compare/Full | captured##pair_2")
        assert host.state.comparison.pair == "full | captured"
        assert click("//Compare/Next##compare_next_camera") == [e.Triggered(action="camera_next")]
        assert host.state.dataset_camera == 3  # after the one that was clicked in the list
        ctx.window_focus("//Display")
        assert click("//Display/shown as squares##pattern") == [e.SetLook(look=replace(host.state.picture.look, pattern=True))]
        assert click("//Display/Box of the frame##overlay_box") == [e.SetOverlay(name="box", shown=True)]
        assert click("//Display/Help##toggle_help") == [e.Triggered(action="help")]
        assert host.state.layout.help
        ctx.item_click("//Help###help/#CLOSE")
        assert not host.state.layout.help
        ctx.window_focus("//Export")
        assert click("//Export/Full##export_mode_full") == [e.SetExport(settings=ExportSettings(mode="full", fps=10.0, file="stand-in.mp4"))]
        assert click("//Export/###export_start") == [e.Triggered(action="export_start")]
        assert isinstance(host.state.effects[-1], e.StartExport)
        assert isinstance(click("//Export/Copy##export_command")[0], e.AskedFor)

    run(host, steps)


def test_editing_the_path() -> None:
    host = Host(with_path(opened()), full_stats(opened()))

    def steps(ctx: imgui.test_engine.TestContext) -> None:
        ctx.window_focus("//Path")
        ctx.item_click("//Path/Add##key_add")
        assert len(host.state.path_editor.path.keys) == 4
        ctx.item_click("//Path/Undo##undo")
        assert len(host.state.path_editor.path.keys) == 3
        ctx.item_click("//Path/Linear##interpolation_linear")
        assert host.state.path_editor.path.interpolation == "linear"
        ctx.item_click("//Path/##path_loop")
        assert host.state.path_editor.path.loop
        ctx.item_input_value("//Path/##path_file", "other.json")
        assert host.state.path_editor.file == "other.json"
        ctx.item_click("//Path/Save##path_save")
        assert host.state.effects[-1] == e.SavePath(path=host.state.path_editor.path, file=Path("other.json"))
        ctx.item_click("//Path/Orbit##path_orbit")
        assert len(host.state.path_editor.path.keys) == 16
        ctx.item_click("//Path/Clear##path_clear")
        assert host.state.path_editor.path.keys == ()

    run(host, steps)


@pytest.mark.parametrize(
    ("form", "said"), [("instant-ngp", "scale 0.33 and offset 0.5"), ("nerfstudio", "dataparser_transforms.json"), ("easymocap-keys", None)]
)
def test_the_path_panel_says_where_other_programs_have_the_scene(form: PathForm, said: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    texts: list[str] = []
    monkeypatch.setattr("viewer.panels.path.note", texts.append)
    run(Host(after(with_path(opened()), e.SetPathForm(form=form)), full_stats(opened())), lambda ctx: ctx.window_focus("//Path"))
    assert texts if said else not texts
    assert all(said in text for text in texts if said)


def test_dragging_on_the_timeline() -> None:
    host = Host(with_path(opened()), full_stats(opened()))

    def steps(ctx: imgui.test_engine.TestContext) -> None:
        ctx.mouse_move("//Transport/##scene_time")
        ctx.mouse_down(0)
        ctx.yield_()
        assert host.state.transport.index == 12  # the middle of 24 frames
        ctx.item_drag_with_delta("//Transport/##scene_time", ImVec2(300.0, 0.0))
        scrubbed = [event.index for event in host.events if isinstance(event, e.SetFrame)]
        assert host.state.transport.index == scrubbed[-1] == 18
        item = ctx.item_info("//Transport/##path_time")
        left, right, y = item.rect_full.min.x, item.rect_full.max.x, item.rect_full.min.y + 8.0
        inset = 0.6 * imgui.get_font_size()
        middle_key = left + inset + 2.0 * (right - left - 2 * inset) / 5.0  # keys at 0, 2, 4 s on an axis of 5 s
        ctx.mouse_move_to_pos(ImVec2(middle_key, y))
        ctx.mouse_down(0)
        ctx.mouse_move_to_pos(ImVec2(middle_key + 100.0, y))
        ctx.mouse_up(0)
        ctx.yield_()
        moved = host.state.path_editor.path.keys[1]
        per_pixel = 5.0 / (right - left - 2 * inset)
        # Drags begin six pixels late, which is ImGui's threshold between a click and a drag.
        assert abs(moved.time_s - (2.0 + 100.0 * per_pixel)) <= 7 * per_pixel
        assert host.state.path_editor.selected == 2
        host.state = reduce(host.state, e.Triggered(action="undo"))
        assert host.state.path_editor.path.keys[1].time_s == 2.0  # one step for the whole drag

    run(host, steps)


def test_notices_are_dismissed_one_by_one() -> None:
    state = after(opened(), e.Notified(level="error", text="first"), e.Notified(level="error", text="second", path=Path("a.png")))
    host = Host(state, Stats())

    def steps(ctx: imgui.test_engine.TestContext) -> None:
        ctx.yield_(3)
        first, second = host.state.notices
        ctx.item_click(f"//##notice_{second.id}/Show in folder##show")
        assert host.state.effects == (e.ShowInFolder(path=Path("a.png")),)
        ctx.item_click(f"//##notice_{first.id}/Dismiss##dismiss")
        assert host.state.notices == (second,)

    run(host, steps)


def test_a_format_that_is_known_not_to_work_here_cannot_be_chosen() -> None:
    report = EncoderReport(format="h264_nvenc", chroma="420", problem="no NVIDIA encoder here; choose H.264 video")
    host = Host(after(with_path(opened()), e.EncoderProbed(report=report)), full_stats(opened()))

    def steps(ctx: imgui.test_engine.TestContext) -> None:
        ctx.window_focus("//Export")
        for entry, reached in (("$$2/H.264 video by the GPU (not here)", "h264"), ("$$1/HEVC video", "hevc"), ("$$4/PNG pictures", "png")):
            ctx.item_click("//Export/##export_format")
            ctx.yield_(2)
            place = ctx.item_info(f"//$FOCUSED/{entry}").rect_full
            ctx.mouse_move_to_pos((0.5 * (place.min.x + place.max.x), 0.5 * (place.min.y + place.max.y)))
            ctx.mouse_click(0)
            ctx.yield_(2)
            assert host.state.export.settings.format == reached
            ctx.popup_close_all()

    run(host, steps)


def test_the_label_of_a_row_tells_what_its_widget_tells() -> None:
    host = Host(opened(), full_stats(opened()))

    def tells() -> bool:
        told = imgui.internal.find_window_by_name("##Tooltip_00")
        return told is not None and told.was_active

    def steps(ctx: imgui.test_engine.TestContext) -> None:
        ctx.window_focus("//Display")
        place = ctx.item_info("//Display/##vsync").rect_full
        left = imgui.internal.find_window_by_name("Display")
        assert left is not None
        for x, told in ((left.pos.x + 20.0, True), (place.max.x + 60.0, False)):  # the label; nothing
            ctx.mouse_move_to_pos((x, 0.5 * (place.min.y + place.max.y)))
            ctx.sleep_no_skip(1.0, 1.0 / 60.0)  # tooltips come when the mouse rests
            assert tells() == told

    run(host, steps)


def test_cameras_say_what_their_pictures_are_for() -> None:
    scene = replace(stand_in_scene(), source_views=(0,), train_views=(0, 1), test_views=(2,), without_pictures=(3,))
    assert [camera.role(scene, view) for view in range(5)] == ["source", "training", "held out", "no pictures", "not used"]


def test_what_lies_on_a_gpu_is_not_counted_twice() -> None:
    memory = (("sources", 2 << 20), ("features", 8 << 20), ("occupancy", 0), ("gpu", 9 << 20))
    assert floating.kept(memory, parts=True) == "10 MB  (sources 2 MB  features 8 MB) · 9 MB on the GPU"
    assert floating.kept(memory[:3], parts=False) == "10 MB"
