"""Jumps that take a moment, roll, and which way is up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stand_in import stand_in_scene

from viewer import attitude, controls
from viewer.events import Dragged, Event, JumpToCamera, SceneOpened, SetRoll, SetUp, Tick, Triggered
from viewer.flight import FLIGHT_S
from viewer.reduce import reduce
from viewer.request import goal_camera, is_moving, view_camera
from viewer.state import ViewerState


def after(state: ViewerState, *events: Event) -> ViewerState:
    for event in events:
        state = reduce(state, event)
    return state


def opened() -> ViewerState:
    return after(ViewerState(), Tick(now_s=50.0), SceneOpened(scene=stand_in_scene(), source=Path("x")), Tick(now_s=100.0))


def shown(state: ViewerState) -> np.ndarray:
    return view_camera(state, 320, 240).T_camera_world


# ---- jumps --------------------------------------------------------------------------------------------------------------------------------------


def test_a_jump_begins_where_one_is_and_ends_where_one_goes() -> None:
    state = opened()
    jumped = after(state, JumpToCamera(view=3))
    np.testing.assert_allclose(shown(jumped), shown(state), atol=1e-9)
    halfway = after(jumped, Tick(now_s=100.0 + FLIGHT_S / 2))
    assert not np.allclose(shown(halfway), shown(state), atol=0.1)
    assert is_moving(after(jumped, Tick(now_s=100.0 + 0.9 * FLIGHT_S))), "the fast renderer serves it"
    landed = after(halfway, Tick(now_s=100.1 + FLIGHT_S))
    assert landed.flight is None
    np.testing.assert_allclose(shown(landed), goal_camera(landed, 320, 240).T_camera_world)
    assert landed.dataset_camera == 3
    camera = view_camera(landed, 320, 240)
    np.testing.assert_allclose(camera.centre, stand_in_scene().cameras[3].centre, atol=1e-9)


def test_a_jump_goes_around_the_pivot_not_through_the_scene() -> None:
    """Between two cameras of a ring, the camera keeps their distance; the straight way would come half as near to the middle."""
    state = after(opened(), JumpToCamera(view=0), Tick(now_s=200.0), JumpToCamera(view=2))
    pivot = np.array(state.navigation.pivot)
    for part in np.linspace(0.0, 1.0, 11):
        camera = view_camera(after(state, Tick(now_s=200.0 + part * FLIGHT_S)), 320, 240)
        np.testing.assert_allclose(camera.T_camera_world[:3, :3] @ camera.T_camera_world[:3, :3].T, np.eye(3), atol=1e-9)
        distance = np.linalg.norm(camera.centre - pivot)
        assert distance == pytest.approx(np.linalg.norm(stand_in_scene().cameras[0].centre), rel=0.05)  # the pivots of the two differ a little


def test_a_hand_in_flight_goes_on_from_what_is_shown() -> None:
    flying = after(opened(), JumpToCamera(view=3), Tick(now_s=100.0 + FLIGHT_S / 2))
    taken = after(flying, Dragged(action="orbit", dx_px=0.001, dy_px=0.0, height_px=400.0))
    assert taken.flight is None
    assert taken.dataset_camera is None
    np.testing.assert_allclose(shown(taken), shown(flying), atol=1e-4)  # the drag itself


def test_a_key_added_in_flight_is_where_one_goes() -> None:
    flying = after(opened(), JumpToCamera(view=3), Triggered(action="key_add"))
    (key,) = flying.path_editor.path.keys
    np.testing.assert_allclose(key.position, stand_in_scene().cameras[3].centre, atol=1e-9)


def test_jumps_can_be_at_once() -> None:
    state = opened()
    state = replace(state, preferences=replace(state.preferences, animated=False))
    jumped = after(state, JumpToCamera(view=3))
    assert jumped.flight is None
    np.testing.assert_allclose(view_camera(jumped, 320, 240).centre, stand_in_scene().cameras[3].centre, atol=1e-9)


def test_a_jump_to_where_one_is_is_none() -> None:
    state = after(opened(), JumpToCamera(view=3), Tick(now_s=200.0))
    assert after(state, JumpToCamera(view=3)).flight is None


# ---- roll and up --------------------------------------------------------------------------------------------------------------------------------


def roll(state: ViewerState) -> float:
    return attitude.roll_deg(state.navigation.T_camera_world, np.array(state.navigation.up))


def test_roll_turns_about_the_viewing_direction() -> None:
    state = opened()
    assert roll(state) == pytest.approx(0.0, abs=1e-6)
    rolled = after(state, SetRoll(roll_deg=30.0))
    assert roll(rolled) == pytest.approx(30.0)
    before, now = state.navigation.T_camera_world, rolled.navigation.T_camera_world
    np.testing.assert_allclose(now[2], before[2], atol=1e-9)  # looks the same way, from the same place
    np.testing.assert_allclose(controls.centre_of(now), controls.centre_of(before), atol=1e-9)
    x, y, _ = now[:3, :3] @ np.array([0.0, 0.0, 1.0])  # the world's up in the picture: a head that leans right sees it lean left
    assert x < 0 and y < 0
    assert roll(after(rolled, Triggered(action="roll_left"))) == pytest.approx(25.0)
    assert roll(after(rolled, Triggered(action="roll_right"))) == pytest.approx(35.0)
    assert roll(after(rolled, Triggered(action="level"))) == pytest.approx(0.0, abs=1e-6)
    assert roll(after(rolled, Dragged(action="orbit", dx_px=80.0, dy_px=0.0, height_px=400.0))) == pytest.approx(30.0, abs=0.5), "an orbit keeps it"
    assert after(state, SetRoll(roll_deg=float("nan"))) == state


def test_up_is_changed_and_the_camera_stands_to_it() -> None:
    state = opened()
    turned = after(state, SetUp(up=(0.0, 2.0, 0.0)))
    assert turned.navigation.up == (0.0, 1.0, 0.0)
    assert roll(turned) == pytest.approx(0.0, abs=1e-6)
    np.testing.assert_allclose(turned.navigation.T_camera_world[2, :3], state.navigation.T_camera_world[2, :3], atol=1e-9)
    back = after(turned, Triggered(action="up_scene"))
    assert back.navigation.up == (0.0, 0.0, 1.0)
    here = after(state, SetRoll(roll_deg=20.0), Triggered(action="up_here"))
    assert roll(here) == pytest.approx(0.0, abs=1e-6)
    assert np.degrees(np.arccos(here.navigation.up[2])) > 10.0
    assert after(state, SetUp(up=(0.0, 0.0, 0.0))) == state
