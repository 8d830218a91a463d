"""The crop box: its handles, its limits, and that nothing outside is rendered."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from stand_in import stand_in_scene

from im4d_core.geometry import project
from im4d_core.render.occupancy import Occupancy, within
from viewer import events as e
from viewer.crop import Crop, dragged, handles, limited, whole
from viewer.reduce import reduce
from viewer.request import is_moving, render_request
from viewer.state import ViewerState

SCENE = stand_in_scene()
CAMERA = SCENE.cameras[1]


@pytest.mark.parametrize("number", range(6))
def test_a_handle_follows_the_mouse_along_its_axis(number: int) -> None:
    crop = Crop(on=True, low=(-0.5, -0.4, -0.3), high=(0.5, 0.4, 0.6))
    handle = handles(crop)[number]
    goal = np.array(handle.point)
    goal[handle.axis] += 0.2
    (uv,), _ = project(CAMERA, goal[None])
    after = dragged(crop, handle, CAMERA, *uv.tolist())
    moved = handles(after)[number]
    np.testing.assert_allclose(moved.point, goal, atol=1e-9)
    others = [i for i in range(6) if i != number]
    for i in others:  # the other sides stay where they are
        side = handles(after)[i]
        assert side.point[side.axis] == handles(crop)[i].point[side.axis]
    still = dragged(crop, handle, CAMERA, *project(CAMERA, np.array([handle.point]))[0][0].tolist())
    np.testing.assert_allclose(still.box, crop.box, atol=1e-9)


def test_an_axis_that_points_at_the_camera_is_left_alone() -> None:
    crop = Crop(on=True, low=(-0.5, -0.4, -0.3), high=(0.5, 0.4, 0.6))
    handle = handles(crop)[1]
    T = np.array([[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, -1.0, 0.15], [-1.0, 0.0, 0.0, 4.0], [0.0, 0.0, 0.0, 1.0]])  # looks along x, through the handle
    assert dragged(crop, handle, replace(CAMERA, T_camera_world=T), CAMERA.K[0, 2] + 0.5, CAMERA.K[1, 2]) is crop


@pytest.mark.parametrize(
    "wild",
    [Crop(low=(-9.0, math.nan, 0.0), high=(9.0, 0.5, math.inf)), Crop(low=(0.9, 0.9, 0.9), high=(-0.9, -0.9, -0.9)), Crop(low=(5.0,) * 3, high=(6.0,) * 3)],
)
def test_whatever_is_sent_lies_in_the_scene_and_has_a_volume(wild: Crop) -> None:
    low, high = limited(wild, SCENE.bounds).box
    assert np.all(low >= SCENE.bounds[0]) and np.all(high <= SCENE.bounds[1] + 1e-12)
    assert np.all(high - low >= 0.02 * 2.0 - 1e-9)


def test_the_request_carries_the_box_while_it_is_on() -> None:
    state = reduce(ViewerState(), e.SceneOpened(scene=SCENE, source=Path("run")))
    state = reduce(state, e.Tick(now_s=9.0))
    assert np.array_equal(state.crop.box, SCENE.bounds) and not state.crop.on
    before = render_request(state, 320, 200)
    changed = reduce(state, e.SetCrop(crop=Crop(on=True, low=(-0.5, -0.5, -0.5), high=(0.5, 0.5, 0.5))))
    request = render_request(changed, 320, 200)
    assert before is not None and request is not None
    assert before.crop is None and request.crop == ((-0.5, -0.5, -0.5), (0.5, 0.5, 0.5))
    assert request.view_key != before.view_key, "another box is another rendering"
    assert is_moving(changed), "dragging a side is motion: fast pictures follow the hand"
    assert reduce(ViewerState(), e.SetCrop(crop=Crop(on=True))) == ViewerState()
    assert not reduce(changed, e.SceneOpened(scene=SCENE, source=Path("other"))).crop.on


def test_cells_outside_are_empty() -> None:
    torch.manual_seed(1)
    full = Occupancy(occupied=torch.rand(8, 6, 4) > 0.5, box=torch.tensor([[-1.0, -1.0, -1.0], [1.0, 1.0, 1.0]]))
    crop = np.array([[-0.5, -1.0, 0.0], [0.6, 0.2, 1.0]])
    kept = within(full, crop).occupied
    for x, y, z in np.ndindex(8, 6, 4):
        middle = -1 + (np.array([x, y, z]) + 0.5) * 2 / np.array([8, 6, 4])
        inside = bool(np.all(middle >= crop[0]) and np.all(middle <= crop[1]))
        assert bool(kept[x, y, z]) == (inside and bool(full.occupied[x, y, z]))


def test_the_whole_box_crops_nothing() -> None:
    crop = whole(SCENE.bounds)
    assert np.array_equal(crop.box, SCENE.bounds)
    full = Occupancy(occupied=torch.rand(5, 5, 5) > 0.5, box=torch.tensor(SCENE.bounds, dtype=torch.float32))
    assert torch.equal(within(full, crop.box).occupied, full.occupied)
