"""Laws of moving a camera, for any world up."""

from __future__ import annotations

import numpy as np
import pytest

from im4d_core.geometry import box_corners, intrinsics, look_at, project
from im4d_core.types import Camera
from viewer import controls

UPS = [np.array([0.0, 0.0, 1.0]), np.array([0.0, -1.0, 0.0]), np.array([1.0, 0.0, 0.0]), np.array([0.48, 0.6, 0.64])]
PIVOT = np.array([0.3, -0.2, 0.5])


@pytest.fixture(params=range(len(UPS)))
def up(request: pytest.FixtureRequest) -> np.ndarray:
    return UPS[request.param]


def start(up: np.ndarray) -> np.ndarray:
    """A level camera three units from the pivot, somewhat above it."""
    east, _ = controls.horizontal_axes(up)
    return look_at(PIVOT + 3.0 * east + 0.8 * up, PIVOT + 0.1 * up, up)


def camera(pose: np.ndarray, width: int = 200, height: int = 150, fov: float = 50.0) -> Camera:
    return Camera(name="test", K=intrinsics(width, height, fov), T_camera_world=pose, width=width, height=height)


def is_rigid(pose: np.ndarray) -> bool:
    R = pose[:3, :3]
    return bool(np.abs(R @ R.T - np.eye(3)).max() < 1e-12 and np.linalg.det(R) > 0)


def test_orbit_keeps_distance_level_and_the_pivots_pixel(up: np.ndarray) -> None:
    pose = start(up)
    before, depth = project(camera(pose), PIVOT[None])
    for dx, dy in np.random.default_rng(0).normal(size=(40, 2)) * 0.2:
        pose = controls.orbit(pose, PIVOT, up, dx, dy)
        after, depth_after = project(camera(pose), PIVOT[None])
        np.testing.assert_allclose(after, before, atol=1e-7)
        np.testing.assert_allclose(depth_after, depth, atol=1e-9)
        assert abs(pose[0, :3] @ up) < 1e-9  # the horizon stays level
        assert is_rigid(pose)


def test_orbit_clamps_before_the_pole(up: np.ndarray) -> None:
    pose = start(up)
    for _ in range(50):
        pose = controls.orbit(pose, PIVOT, up, 0.01, 0.5)
    assert controls.angles(pose, up)[1] == pytest.approx(-controls.MAX_PITCH_DEG)
    assert pose[1, :3] @ up < 0  # still upright: down points down
    for _ in range(50):
        pose = controls.orbit(pose, PIVOT, up, 0.01, -0.5)
    assert controls.angles(pose, up)[1] == pytest.approx(controls.MAX_PITCH_DEG)


def test_orbit_follows_the_hand(up: np.ndarray) -> None:
    """Dragging right turns what is in front of the pivot to the right; dragging down shows the scene from higher up."""
    pose = start(up)
    near = PIVOT - 0.5 * pose[2, :3]
    (before,), _ = project(camera(pose), near[None])
    (after,), _ = project(camera(controls.orbit(pose, PIVOT, up, 0.05, 0.0)), near[None])
    assert after[0] > before[0]
    higher = controls.orbit(pose, PIVOT, up, 0.0, 0.05)
    assert controls.centre_of(higher) @ up > controls.centre_of(pose) @ up


def test_orbit_there_and_back(up: np.ndarray) -> None:
    pose = start(up)
    np.testing.assert_allclose(controls.orbit(controls.orbit(pose, PIVOT, up, 0.2, 0.0), PIVOT, up, -0.2, 0.0), pose, atol=1e-12)


def test_orbit_of_a_camera_that_looks_straight_down_is_finite(up: np.ndarray) -> None:
    pose = look_at(PIVOT + 2.0 * up, PIVOT, up)
    moved = controls.orbit(pose, PIVOT, up, 0.1, -0.1)
    assert np.isfinite(moved).all()
    assert is_rigid(moved)


def test_look_stays_and_turns_towards_the_mouse(up: np.ndarray) -> None:
    pose = start(up)
    moved, pivot = controls.look(pose, PIVOT, up, 50.0, 0.1, 0.0)
    np.testing.assert_allclose(controls.centre_of(moved), controls.centre_of(pose), atol=1e-12)
    assert moved[2, :3] @ pose[0, :3] > 0  # to the right
    np.testing.assert_allclose(project(camera(moved), pivot[None])[0], project(camera(pose), PIVOT[None])[0], atol=1e-7)
    lower, _ = controls.look(pose, PIVOT, up, 50.0, 0.0, 0.1)
    assert controls.angles(lower, up)[1] < controls.angles(pose, up)[1]


def test_pan_keeps_the_pivots_depth_under_the_cursor(up: np.ndarray) -> None:
    pose, view = start(up), camera(start(up))
    moved, pivot = controls.pan(pose, PIVOT, 50.0, 0.1, -0.05)
    (before,), (depth,) = project(view, PIVOT[None])
    (after,), (depth_after,) = project(camera(moved), PIVOT[None])
    np.testing.assert_allclose(after - before, [0.1 * view.height, -0.05 * view.height], atol=1e-7)
    assert depth_after == pytest.approx(depth)
    np.testing.assert_allclose(project(camera(moved), pivot[None])[0][0], before, atol=1e-7)


def test_dolly_is_multiplicative_and_never_arrives(up: np.ndarray) -> None:
    pose = start(up)
    distance = np.linalg.norm(controls.centre_of(pose) - PIVOT)
    closer = controls.dolly(pose, PIVOT, 3.0)
    assert np.linalg.norm(controls.centre_of(closer) - PIVOT) == pytest.approx(distance * 0.9**3)
    np.testing.assert_allclose(controls.dolly(closer, PIVOT, -3.0), pose, atol=1e-12)
    np.testing.assert_allclose(controls.dolly(controls.dolly(pose, PIVOT, 1.0), PIVOT, 2.0), closer, atol=1e-12)
    assert np.isfinite(controls.dolly(pose, PIVOT, 1e4)).all()
    assert np.isfinite(controls.dolly(controls.posed(pose[:3, :3], PIVOT), PIVOT, -1.0)).all()


@pytest.mark.parametrize("actions", [{"move_forward"}, {"move_left", "move_up", "move_fast"}, {"move_back", "move_slow"}, set()])
def test_fly_one_long_step_equals_many_short_ones(up: np.ndarray, actions: set[str]) -> None:
    wanted = controls.wish(actions)
    first = np.array([0.2, -0.5, 0.1])
    one = controls.fly(start(up), PIVOT, up, first, wanted, 1.7, 0.1)
    pose, pivot, velocity = start(up), PIVOT, first
    for _ in range(50):
        pose, pivot, velocity = controls.fly(pose, pivot, up, velocity, wanted, 1.7, 0.002)
    for a, b in zip(one, (pose, pivot, velocity)):
        np.testing.assert_allclose(a, b, atol=1e-10)


def test_fly_reaches_its_speed_and_stops() -> None:
    up, pose, velocity = UPS[0], np.eye(4), np.zeros(3)
    pivot = PIVOT
    for _ in range(20):
        before = controls.centre_of(pose)
        pose, pivot, velocity = controls.fly(pose, pivot, up, velocity, controls.wish({"move_forward"}), 2.0, 0.1)
    # e^-25: twenty steps of 0.1 s are 25 time constants
    assert np.linalg.norm(controls.centre_of(pose) - before) == pytest.approx(0.2, rel=1e-9)
    for _ in range(20):
        pose, pivot, velocity = controls.fly(pose, pivot, up, velocity, np.zeros(3), 2.0, 0.1)
    assert not velocity.any()


def test_fly_clamps_stalls() -> None:
    a = controls.fly(np.eye(4), PIVOT, UPS[0], np.zeros(3), controls.wish({"move_left"}), 1.0, 5.0)
    b = controls.fly(np.eye(4), PIVOT, UPS[0], np.zeros(3), controls.wish({"move_left"}), 1.0, controls.MAX_DT_S)
    np.testing.assert_array_equal(a[0], b[0])
    still = controls.fly(np.eye(4), PIVOT, UPS[0], np.zeros(3), controls.wish({"move_left"}), 1.0, -1.0)
    np.testing.assert_array_equal(still[0], np.eye(4))


def test_wish() -> None:
    np.testing.assert_allclose(controls.wish({"move_forward", "move_right"}), np.array([1, 0, 1]) / np.sqrt(2))
    np.testing.assert_allclose(controls.wish({"move_forward", "move_back", "move_fast"}), 0)
    np.testing.assert_allclose(controls.wish({"move_up", "move_fast"}), [0, 5, 0])
    np.testing.assert_allclose(controls.wish({"move_fast"}), 0)


def test_zoom_is_multiplicative_and_clamped() -> None:
    assert controls.zoomed(controls.zoomed(50.0, 2.0), -2.0) == pytest.approx(50.0)
    assert controls.zoomed(50.0, 1.0) < 50.0
    assert (controls.zoomed(50.0, 1e3), controls.zoomed(50.0, -1e3)) == controls.FOV_RANGE_DEG


@pytest.mark.parametrize(("width", "height"), [(200, 150), (80, 300), (600, 100)])
def test_framed_box_fits_tightly(up: np.ndarray, width: int, height: int) -> None:
    box = np.array([[-1.0, -0.5, 0.0], [0.5, 0.5, 2.0]])
    pose, pivot = controls.framed(start(up), box, 40.0, width / height)
    uv, depth = project(camera(pose, width, height, 40.0), box_corners(box))
    assert (depth > 0).all()
    assert (uv >= 0).all()
    assert (uv <= [width, height]).all()
    margin = np.minimum(uv, np.array([width, height]) - uv) / [width, height]
    assert margin.min() < 0.06  # the margin is 5 %, so some corner comes near a border
    np.testing.assert_allclose(pivot, [-0.25, 0.0, 1.0])
    np.testing.assert_allclose(pose[:3, :3], start(up)[:3, :3], atol=1e-12)


def test_angles_and_aimed_are_inverse(up: np.ndarray) -> None:
    for yaw, pitch in [(0.0, 0.0), (30.0, -20.0), (-170.0, 60.0), (90.0, -89.0)]:
        pose = controls.aimed(np.array([1.0, 2.0, 3.0]), up, yaw, pitch)
        np.testing.assert_allclose(controls.angles(pose, up), (yaw, pitch), atol=1e-7)
        np.testing.assert_allclose(controls.centre_of(pose), [1, 2, 3], atol=1e-12)
        assert is_rigid(pose)
        assert pose[1, :3] @ up < 0


def test_levelled_removes_roll_only(up: np.ndarray) -> None:
    pose = start(up)
    rolled = pose.copy()
    rolled[:3] = controls.turn(np.array([0.0, 0.0, 1.0]), 0.4) @ pose[:3]
    assert abs(rolled[0, :3] @ up) > 0.1
    np.testing.assert_allclose(controls.levelled(rolled, up), pose, atol=1e-9)


def test_through_a_camera_turns_about_the_scene(up: np.ndarray) -> None:
    pose, pivot = controls.through(camera(start(up)), PIVOT)
    np.testing.assert_allclose(pose, start(up), atol=1e-12)
    assert abs((PIVOT - pivot) @ pose[2, :3]) < 1e-9
    away = look_at(PIVOT + 3 * up, PIVOT + 6 * up + 0.1 * controls.horizontal_axes(up)[0], up)
    _, pivot = controls.through(camera(away), PIVOT)
    assert (pivot - controls.centre_of(away)) @ away[2, :3] > 0
