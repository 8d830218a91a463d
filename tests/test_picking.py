"""Clicks into the picture, and the wheel over a point of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from displayed import displayed
from driver import Driver, pose
from stand_in import stand_in_scene

from im4d_core.geometry import project, unproject
from viewer import events as e
from viewer.messages import DisplayBuffer
from viewer.overlays import Overlays, frustum_depth, frustum_lines
from viewer.picking import camera_at, pivot_at
from viewer.reduce import reduce
from viewer.request import render_request, view_camera
from viewer.state import ViewerState

SCENE = stand_in_scene()


def after(state: ViewerState, *events: e.Event) -> ViewerState:
    for event in events:
        state = reduce(state, event)
    return state


@pytest.fixture
def opened() -> ViewerState:
    """A little away from the ring of cameras, so that several are seen."""
    return after(ViewerState(), e.SceneOpened(scene=SCENE, source=Path("run")), e.Scrolled(action="dolly", steps=-6.0), e.Tick(now_s=10.0))


def shown_picture(state: ViewerState) -> DisplayBuffer:
    request = render_request(state, 320, 200)
    assert request is not None
    depth = np.zeros((request.camera.height, request.camera.width), np.float32)
    depth[100, 160] = 2.5
    return displayed(request, depth)


def places(state: ViewerState) -> np.ndarray:
    """Where the cameras of the capture are in the picture, and at which depth: x, y from 0 to 1, z."""
    camera = shown_picture(state).request.camera
    uv, depth = project(camera, np.stack([other.centre for other in SCENE.cameras]))
    return np.concatenate([uv / [camera.width, camera.height], depth[:, None]], axis=1)


def test_a_camera_is_met_at_its_tip_and_beside_it_is_nothing(opened: ViewerState) -> None:
    shown, found = shown_picture(opened), 0
    for view, (x, y, z) in enumerate(places(opened).tolist()):
        if z > 0 and 0 < x < 1 and 0 < y < 1:
            assert camera_at(SCENE, shown, "off", (x + 0.002, y)) == view
            found += 1
    assert found >= 2
    assert camera_at(SCENE, shown, "off", (0.5, 0.02)) is None, "nothing stands there"


def test_a_camera_is_met_at_the_picture_in_its_frustum_unless_something_stands_before_it(opened: ViewerState) -> None:
    shown, found, depth = shown_picture(opened), set(), frustum_depth(SCENE)
    seer = shown.request.camera
    for view, camera in enumerate(SCENE.cameras):
        inside = np.array([[0.1 * camera.width, 0.1 * camera.height], [0.9 * camera.width, 0.5 * camera.height]])
        outside = np.array([[-0.3 * camera.width, 0.5 * camera.height], [0.5 * camera.width, 1.3 * camera.height]])
        for uv, expected in ((inside, view), (outside, None)):
            places, depths = project(seer, unproject(camera, uv, np.full(2, depth)))
            for (x, y), z in zip((places / [seer.width, seer.height]).tolist(), depths.tolist()):
                if not (z > 0 and 0 < x < 1 and 0 < y < 1):
                    continue
                assert camera_at(SCENE, shown, "off", (x, y)) == expected
                if expected is not None:
                    covered = replace(shown, depth=np.full((seer.height, seer.width), 0.9 * z, np.float32))
                    assert camera_at(SCENE, covered, "off", (x, y)) is None, "a surface hides it"
                    found.add(view)
    assert len(found) >= 2


def test_the_camera_that_is_looked_through_is_not_met(opened: ViewerState) -> None:
    through = after(opened, e.JumpToCamera(view=2), e.Tick(now_s=20.0))
    assert camera_at(SCENE, shown_picture(through), "off", (0.5, 0.5)) is None


def test_the_surface_under_a_double_click_becomes_the_pivot(opened: ViewerState) -> None:
    shown = shown_picture(opened)
    (picked,) = pivot_at(shown, "off", (160.5 / 320, 100.5 / 200))
    assert isinstance(picked, e.PivotPicked)
    uv, depth = project(shown.request.camera, np.array([picked.point]))
    np.testing.assert_allclose([*uv[0], depth[0]], [160.5, 100.5, 2.5], atol=1e-9)
    assert pivot_at(shown, "off", (0.1, 0.1)) == [], "nothing is there"


@pytest.mark.parametrize("at", [(0.5, 0.5), (0.1, 0.2), (0.95, 0.7)])
@pytest.mark.parametrize("steps", [1.0, -2.0, 7.5])
def test_the_wheel_leaves_what_is_under_the_mouse_there(opened: ViewerState, at: tuple[float, float], steps: float) -> None:
    """A point as deep as the pivot stays on its pixel; the pivot stays where it is in the world."""
    before = view_camera(opened, 640, 360)
    pivot = np.array(opened.navigation.pivot)
    _, (depth,) = project(before, pivot[None])
    uv = np.array([[at[0] * 640, at[1] * 360]])
    point = unproject(before, uv, np.array([depth]))
    later = after(opened, e.Resized(width=640, height=360), e.Scrolled(action="dolly", steps=steps, at=at))
    now, depths = project(view_camera(later, 640, 360), point)
    np.testing.assert_allclose(now, uv, atol=1e-6)  # pixels
    np.testing.assert_allclose(depths[0], depth * 0.9**steps, rtol=1e-9)
    assert later.navigation.pivot == opened.navigation.pivot


def test_behind_the_camera_there_is_nothing_to_move_to(opened: ViewerState) -> None:
    behind = replace(opened, navigation=replace(opened.navigation, pivot=(100.0, 0.0, 0.0)))
    turned = after(behind, e.Scrolled(action="dolly", steps=1.0, at=(0.2, 0.2))).navigation.T_camera_world
    assert np.isfinite(turned).all()


def test_a_camera_that_is_selected_is_bright_and_framed_until_a_key_is(opened: ViewerState) -> None:
    shown = after(opened, e.SetOverlay(name="cameras", shown=True))
    chosen = after(shown, e.SelectCamera(view=3))
    camera, depth = view_camera(shown, 320, 200), frustum_depth(SCENE)
    lines = [Overlays().lines(state, camera, 0, (3,)) for state in (shown, chosen)]
    ours = [(part == frustum_lines(SCENE.cameras[3], depth, (1.0, 1.0, 1.0, 1.0))[0]).all(axis=1).any() for part in lines]
    assert ours == [False, True] and len(lines[0]) == len(lines[1])
    framed = after(chosen, e.Triggered(action="frame_selected"))
    np.testing.assert_allclose(framed.navigation.pivot, SCENE.cameras[3].centre, atol=1e-9)
    assert framed.dataset_camera is None and framed.selected_camera == 3
    unseen = after(chosen, e.SetOverlay(name="cameras", shown=False), e.Triggered(action="frame_selected"))
    assert unseen.navigation.pivot == after(shown, e.Triggered(action="frame_scene")).navigation.pivot, "what is not shown is not meant"
    keyed = after(chosen, e.Triggered(action="key_add"))
    assert keyed.selected_camera is None
    again = after(keyed, e.SelectCamera(view=3))
    assert again.path_editor.selected == keyed.path_editor.selected, "the key stays the one that the Path panel edits"
    assert after(again, e.SelectKey(key_id=1)).selected_camera is None
    for gone in (e.SelectCamera(view=None), e.SelectCamera(view=99)):
        assert after(chosen, gone).selected_camera is None
    assert after(chosen, e.SceneOpened(scene=SCENE, source=Path("other"))).selected_camera is None


def test_a_frustum_is_clicked_and_double_clicked_in_the_window(drive) -> None:
    def script(d: Driver) -> None:
        d.press_name("K")
        d.session.send(e.Scrolled(action="dolly", steps=-6.0))
        d.press_name("C")
        d.click("Camera")
        d.until(lambda: d.state.overlays.cameras and d.shown.final and not d.session._stats.busy)
        x, y, width, height = d.area
        camera = d.shown.request.camera
        size = np.array([camera.width, camera.height])
        uv, depth = project(camera, np.stack([other.centre for other in SCENE.cameras]))
        inside = (depth > 0) & (uv > 0.2 * size).all(axis=1) & (uv < 0.8 * size).all(axis=1)
        key = project(camera, d.state.path_editor.path.keys[0].T_world_camera[None, :3, 3])[0]
        inside &= np.linalg.norm(uv - key, axis=1) > 0.15 * camera.height  # the key's handles take clicks for themselves
        view = int(np.flatnonzero(inside)[0])
        u, v = uv[view] / size
        tip = (x + u * width, y + v * height)
        before, pivot = pose(d), d.state.navigation.pivot
        d.ctx.mouse_move_to_pos(tip)
        d.ctx.mouse_click(0)
        d.until(lambda: d.state.selected_camera == view)
        assert d.state.dataset_camera is None and d.state.path_editor.selected == 1
        np.testing.assert_array_equal(pose(d), before)
        d.press_name("F")
        d.until(lambda: np.allclose(d.state.navigation.pivot, SCENE.cameras[view].centre))
        d.press_name("Ctrl+Z")
        d.until(lambda: np.allclose(pose(d), before))
        d.click("Go there##selected_go")
        d.until(lambda: d.state.dataset_camera == view)
        d.press_name("Ctrl+Z")
        d.until(lambda: d.state.dataset_camera is None and d.state.flight is None and d.shown.final and not d.session._stats.busy)
        d.ctx.mouse_move_to_pos((x + 0.5 * width, y + 0.03 * height))
        d.ctx.mouse_click(0)
        d.until(lambda: d.state.selected_camera is None)
        d.ctx.sleep(0.5)  # another click so soon would be the second of two
        d.ctx.mouse_move_to_pos(tip)
        d.ctx.mouse_double_click(0)
        d.until(lambda: d.state.dataset_camera == view)
        assert d.state.navigation.pivot != pivot

    drive().run(script)
