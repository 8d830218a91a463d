"""Undo in the real window: a drag of a slider, of a handle and of the border of a wipe is one step each; keys, clicks and jumps of the camera too."""

from __future__ import annotations

import numpy as np
from driver import Driver, pose

from im4d_core.geometry import project
from viewer.crop import handles
from viewer.edits import edits_of


def whats(d: Driver) -> list[str]:
    return [step.what for step in d.state.history.undo]


def drag_lowest_side(d: Driver, dy: float) -> None:
    """Take hold of the handle under the crop box and drag it in several moves."""
    (x, y, width, height), camera = d.area, d.shown.request.camera
    (uv,), _ = project(camera, np.array([handles(d.state.crop)[4].point]))
    place = x + uv[0] / camera.width * width, y + uv[1] / camera.height * height
    d.ctx.mouse_move_to_pos(place)
    d.ctx.yield_(2)
    d.ctx.mouse_down(0)
    d.ctx.yield_()
    for part in (0.3, 0.7, 1.0):
        d.ctx.mouse_move_to_pos((place[0], place[1] + part * dy))
        d.ctx.yield_(2)
    d.ctx.mouse_up(0)
    d.ctx.yield_(3)


def test_everything_is_undone_by_one_key_and_one_button(drive) -> None:
    def script(d: Driver) -> None:
        stages = [edits_of(d.state)]

        def edited(what: str) -> None:
            """One more step, which is called so."""
            d.until(lambda: len(d.state.history.undo) == len(stages))
            assert whats(d)[-1] == what
            stages.append(edits_of(d.state))

        assert d.state.history.undo == ()
        d.click("Render")
        d.ctx.mouse_move("//**/##exposure")
        d.ctx.item_drag_with_delta("//**/##exposure", (70.0, 0.0))
        d.ctx.yield_(3)
        assert d.state.picture.look.exposure > 0.5
        edited("look")
        d.ctx.item_drag_with_delta("//**/##fine_samples", (40.0, 0.0))
        d.ctx.yield_(3)
        edited("quality")
        d.press_name("G")
        edited("grid on the floor")
        d.press_name("Shift+I")
        assert whats(d)[-1] == "grid on the floor", "the range began there already"
        d.press_name("Right")
        d.press_name("Shift+I")
        edited("the range that plays begins here")
        d.drag_picture(60.0, 10.0)  # moving about is no step
        d.press_name("K")
        edited("add a key at the playhead of the path")
        d.click("Display")
        d.ctx.item_click("//**/##crop")
        d.ctx.yield_(3)
        edited("crop box")
        d.until(lambda: d.shown.request.crop is not None and d.shown.final)
        low = d.state.crop.low[2]
        drag_lowest_side(d, -60.0)
        assert d.state.crop.low[2] > low
        edited("crop box")
        d.press_name("M")
        edited("compare: off, wipe, split, difference")
        here = pose(d)
        d.press_name("]")
        edited("next camera of the capture")
        assert not np.allclose(pose(d), here)

        for i, stage in enumerate(reversed(stages[:-1])):
            if i % 2:
                d.press_name("Ctrl+Z")
            else:
                d.ctx.item_click("//**/###undo")
                d.ctx.yield_(2)
            assert edits_of(d.state) == stage
        np.testing.assert_allclose(pose(d), here)
        assert d.state.history.undo == ()
        d.press_name("Ctrl+Z")
        for stage in stages[1:]:
            d.press_name("Ctrl+Shift+Z")
            assert edits_of(d.state) == stage
        assert d.state.dataset_camera is not None
        d.until(lambda: d.shown.request.crop is not None and d.shown.final)

    drive(size=(1400, 860)).run(script)


def test_near_and_far_are_set_shown_exported_and_undone(drive) -> None:
    """In the Camera panel; the box of the frame gives the first values."""
    import json

    import imageio.v3 as iio

    from im4d_core.export_settings import ExportSettings
    from viewer.events import SetExport

    def script(d: Driver) -> None:
        d.until(lambda: d.shown.final)
        d.click("Camera")
        d.click("what is too near or too far##clip")
        d.until(lambda: d.renderer.clip is not None)
        assert d.state.clip is not None
        near, far = d.state.clip
        assert 0.0 < near < far
        d.ctx.item_drag_with_delta("//Camera/##near_far/$$0", (120.0, 0.0))
        d.ctx.yield_(3)
        assert d.state.clip[0] > near + 0.3
        assert whats(d) == ["near and far", "near and far"]
        d.until(lambda: d.shown.final and d.shown.request.clip == d.state.clip)
        depth = np.asarray(d.shown.depth)
        assert depth[depth > 0].min() >= d.state.clip[0], "nothing nearer is seen"

        d.press_name("K")
        d.drag_picture(80.0, 0.0)
        d.press_name("K")
        d.session.send(SetExport(settings=ExportSettings(width=64, height=48, fps=1.0, format="png", file="cut")))
        d.click("Export")
        d.click("###export_start")
        d.until(lambda: d.state.export.finished is not None)
        note = json.loads(next((d.folder / "output" / "cut").glob("*.json")).read_text())
        assert note["settings"]["clip"] == list(d.state.clip)
        d.click("crop box, near and far##export_cut")
        assert not d.state.export.taken.cut
        d.session.send(SetExport(settings=ExportSettings(width=64, height=48, fps=1.0, format="png", file="whole")))
        d.ctx.yield_(3)
        d.click("###export_start")
        d.until(lambda: d.state.export.finished is not None and d.state.export.finished.name == "whole")
        cut, whole = (iio.imread(d.folder / "output" / name / "000000.png") for name in ("cut", "whole"))
        assert (cut.sum(axis=-1) > 0).sum() < (whole.sum(axis=-1) > 0).sum()

        while "near and far" in whats(d):
            d.press_name("Ctrl+Z")
        assert d.state.clip is None
        d.until(lambda: d.shown.request.clip is None and d.shown.final)

    drive(size=(1300, 860)).run(script)
