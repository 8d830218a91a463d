"""Nothing that a user, a panel or a file can say breaks the state; what an event does not concern stays the same object."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from states import after
from uneven_scene import make_scene, opened

from viewer import controls
from viewer import events as e
from viewer.actions import HANDLERS
from viewer.edited_path import OrbitSettings
from viewer.request import render_request
from viewer.state import ViewerState, shown_index


def random_event(rng: np.random.Generator, now_s: float) -> e.Event:
    """Anything a user, a panel or a file could say, sensible or not."""
    wild = (0.0, -1.0, 3.0, 1e9, math.inf, -math.inf, math.nan)
    actions = sorted(HANDLERS)
    number, key = float(rng.choice(wild)), int(rng.integers(1, 6))
    makers = [
        lambda: e.Tick(now_s=now_s, held=frozenset(rng.choice(controls.HELD_ACTIONS, 2).tolist())),
        lambda: e.Tick(now_s=now_s),
        lambda: e.Triggered(action=str(rng.choice(actions))),
        lambda: e.Triggered(action=str(rng.choice(actions))),
        lambda: e.Dragged(action=str(rng.choice(["orbit", "look", "pan", "?"])), dx_px=float(rng.normal()), dy_px=float(rng.normal()) * 50, height_px=100.0),
        lambda: e.Scrolled(action=str(rng.choice(["dolly", "fov", "fly_speed", "scale", "?"])), steps=float(rng.normal()) * 3),
        lambda: e.Scrolled(action="scale", steps=number),
        lambda: e.SetFrame(index=int(rng.integers(-5, 15))),
        lambda: e.SetSpeed(speed=number),
        lambda: e.SetFps(fps=number),
        lambda: e.SetScale(scale=number),
        lambda: e.SetTargetFps(fps=number),
        lambda: e.SetFov(fov_y_deg=number),
        lambda: e.SetPose(centre=(number, 0.0, 1.0), yaw_deg=10.0, pitch_deg=number),
        lambda: e.SetFlySpeed(speed=number),
        lambda: e.SetKeyTime(key_id=key, time_s=number),
        lambda: e.SetKeyFrame(key_id=key, scene_frame=number),
        lambda: e.SetKeyFov(key_id=key, fov_y_deg=number),
        lambda: e.SetPathLoop(loop=bool(rng.integers(2)), loop_s=number),
        lambda: e.SetPathTime(time_s=number),
        lambda: e.SelectKey(key_id=key, go_there=bool(rng.integers(2))),
        lambda: e.PivotPicked(point=(number, 0.0, 0.0)),
        lambda: e.Resized(width=int(rng.integers(0, 900)), height=int(rng.integers(0, 900))),
        lambda: e.SetOrbit(settings=OrbitSettings(turns=number, duration_s=number)),
        lambda: e.JumpToCamera(view=int(rng.integers(-3, 9))),
    ]
    return makers[int(rng.integers(len(makers)))]()


def test_a_random_user_breaks_nothing() -> None:
    rng = np.random.default_rng(11)
    state, now_s = ViewerState(), 0.0
    for i in range(3000):
        now_s += float(rng.uniform(0, 0.1))
        event = random_event(rng, now_s)
        if i in (100, 1500):
            event = e.SceneOpened(scene=make_scene(n_frames=1 + i // 400), source=Path("RUN"))
        state = after(state, event, e.EffectsTaken(count=99))
        request = render_request(state, state.width, state.height)
        if state.scene is None:
            assert request is None
            continue
        assert request is not None
        assert 0 <= shown_index(state) < len(state.scene.frames)
        assert request.frame in state.scene.frames
        assert np.isfinite(request.camera.K).all()
        R = request.camera.R
        # 1e-6: centres may be a million units away, where rounding of the inverse of a pose is 1e-10
        np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-6)
        assert np.isfinite(request.camera.T_camera_world).all()


def test_unchanged_parts_stay_the_same_objects() -> None:
    state = opened()
    ticked = after(state, e.Tick(now_s=100.5))
    for part in ("navigation", "transport", "picture", "overlays", "path_editor", "export", "notices"):
        assert getattr(ticked, part) is getattr(state, part)
