"""What holds of the window at any moment, whatever its user did: checked after each step of the tests that try everything."""

from __future__ import annotations

import itertools

import numpy as np
from driver import Driver

from viewer import controls
from viewer.actions import SPEED_RANGE
from viewer.request import render_request, view_camera
from viewer.state import SCALES, shown_index


def check(driver: Driver) -> None:
    """Raises AssertionError, naming what does not hold."""
    state, session = driver.state, driver.session
    problem = session._problems._newest
    assert problem is None, f"a problem is shown: {problem.text}\n{problem.details}"
    assert session._worker is not None and session._worker._thread.is_alive(), "the render thread lives"
    scene = state.scene
    assert scene is not None
    assert 0 <= state.transport.index < len(scene.frames)
    assert 0 <= shown_index(state) < len(scene.frames)
    for camera in (view_camera(state, 320, 240), session.shown.request.camera if session.shown is not None else None):
        if camera is None:
            continue
        assert np.isfinite(camera.K).all() and camera.K[0, 0] > 0 and camera.K[1, 1] > 0
        np.testing.assert_allclose(camera.R @ camera.R.T, np.eye(3), atol=1e-6)  # rounding of many small turns, made a rotation again after each
        assert np.isfinite(camera.centre).all()
    navigation, picture = state.navigation, state.picture
    assert controls.FOV_RANGE_DEG[0] <= navigation.fov_y_deg <= controls.FOV_RANGE_DEG[1]
    assert SPEED_RANGE[0] <= navigation.speed <= SPEED_RANGE[1]
    assert abs(np.linalg.norm(navigation.up) - 1.0) < 1e-6
    assert np.isfinite(navigation.pivot).all()
    assert SCALES[0] <= picture.scale <= SCALES[1]
    assert state.transport.fps > 0 and np.isfinite(state.transport.speed)
    keys = state.path_editor.path.keys
    assert all(a.time_s < b.time_s for a, b in itertools.pairwise(keys)), "keys are in the order of their times"
    assert len({key.id for key in keys}) == len(keys)
    assert state.path_editor.selected is None or state.path_editor.selected_key is not None, "a key that is selected exists"
    request = render_request(state, state.width, state.height)
    assert request is not None and request.camera.width >= 1 and request.camera.height >= 1
