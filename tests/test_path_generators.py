"""Paths made by rule, and recorded motion made few keys."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from stand_in import stand_in_scene

from im4d_core.camera_path import CameraPath, keyframe
from im4d_core.geometry import horizontal_axes, look_at
from im4d_core.path_generators import arc, orbit, round_cameras, spiral
from im4d_core.path_simplify import simplified, thinned

CENTRE, UP = (0.5, -1.0, 2.0), (0.0, 0.6, 0.8)


def around(path: CameraPath, time_s: float) -> tuple[float, float]:
    """Radius and pitch in degrees of a place of a path about the centre."""
    offset = path.sample(time_s).T_world_camera[:3, 3] - CENTRE
    radius = float(np.linalg.norm(offset))
    return radius, float(np.degrees(np.arcsin(offset @ np.array(UP) / radius)))


def looks_at_centre(path: CameraPath) -> bool:
    for time_s in path.sample_times(57):
        pose = path.sample(time_s).T_world_camera
        towards = np.array(CENTRE) - pose[:3, 3]
        if pose[:3, 2] @ towards / np.linalg.norm(towards) < np.cos(np.radians(0.5)):
            return False
    return True


def test_an_arc_goes_there_and_back_and_rests_at_its_ends() -> None:
    path = arc(centre=CENTRE, radius=2.0, up=UP, pitch_deg=20.0, start_deg=30.0, sweep_deg=-120.0, duration_s=8.0)
    assert path.closed
    assert path.duration_s == pytest.approx(8.0)
    assert looks_at_centre(path)
    circle = orbit(centre=CENTRE, radius=2.0, up=UP, pitch_deg=20.0, start_deg=30.0)
    np.testing.assert_allclose(path.sample(0.0).T_world_camera, circle.sample(0.0).T_world_camera, atol=1e-9)
    far = arc(centre=CENTRE, radius=2.0, up=UP, pitch_deg=20.0, start_deg=-90.0)
    np.testing.assert_allclose(path.sample(4.0).T_world_camera, far.sample(0.0).T_world_camera, atol=1e-9)
    for time_s in np.linspace(0.0, 4.0, 30):
        radius, pitch = around(path, time_s)
        assert radius == pytest.approx(2.0, rel=5e-3)  # 32 keys a turn, and no tangent at the turning points
        assert pitch == pytest.approx(20.0, abs=0.5)
        np.testing.assert_allclose(path.sample(time_s).T_world_camera, path.sample(8.0 - time_s).T_world_camera, atol=0.02)
    step = 1e-3
    for rest in (0.0, 4.0):
        moved = np.linalg.norm(path.sample(rest + step).T_world_camera[:3, 3] - path.sample(rest).T_world_camera[:3, 3])
        assert moved < 0.05 * step  # the mean speed is 1 a second


def test_a_spiral_changes_radius_and_height_evenly() -> None:
    path = spiral(centre=CENTRE, radius=4.0, end_radius=1.0, up=UP, pitch_deg=0.0, end_pitch_deg=60.0, turns=-2.0, duration_s=10.0)
    assert not path.closed
    assert looks_at_centre(path)
    for share in (0.0, 0.25, 0.5, 1.0):
        radius, pitch = around(path, 10.0 * share)
        assert radius == pytest.approx(4.0 * 0.25**share, rel=5e-3)
        assert pitch == pytest.approx(60.0 * share, abs=0.5)
    east, north = horizontal_axes(np.array(UP))
    offsets = [path.sample(t).T_world_camera[:3, 3] - CENTRE for t in np.linspace(0.0, 10.0, 200)]
    angles = [np.arctan2(offset @ north, offset @ east) for offset in offsets]
    assert abs(np.unwrap(angles)[-1] - angles[0]) == pytest.approx(4 * np.pi, abs=0.1)


@pytest.mark.parametrize(
    ("made", "complaint"),
    [
        (lambda: arc(centre=CENTRE, radius=0.0, up=UP), "arc: radius must be positive"),
        (lambda: arc(centre=CENTRE, radius=1.0, up=UP, sweep_deg=0.0), "sweep over at most 360"),
        (lambda: spiral(centre=CENTRE, radius=1.0, end_radius=0.0, up=UP), "last radius"),
        (lambda: spiral(centre=CENTRE, radius=1.0, end_radius=2.0, up=UP, end_pitch_deg=90.0), "pitch below 90"),
        (lambda: spiral(centre=CENTRE, radius=1.0, end_radius=2.0, up=UP, turns=0.0), "at most 100 turns"),
        (lambda: orbit(centre=CENTRE, radius=1.0, up=UP, n_keys=2), "3 to 1000 keys"),
        (lambda: orbit(centre=CENTRE, radius=1.0, up=UP, duration_s=0.0), "duration positive"),
    ],
)
def test_nonsense_is_refused(made, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        made()


def test_round_the_cameras_in_the_order_they_stand() -> None:
    cameras = stand_in_scene(cameras=6).cameras
    mixed = [cameras[i] for i in (0, 3, 1, 5, 2, 4)]
    path = round_cameras(mixed, (0.0, 0.0, 1.0), 1.5)
    assert path.closed
    assert path.duration_s == pytest.approx(9.0)
    for camera, key in zip(cameras, path.keys):
        np.testing.assert_allclose(key.position, camera.centre, atol=1e-9)
    assert round_cameras(mixed[:2], (0.0, 0.0, 1.0)).keys[1].time_s == 1.0


def recorded(n: int = 150) -> list:
    """Ten seconds of a hand that swings around, zooms, and rests for two seconds."""
    poses = []
    for i in range(n):
        time_s = 10.0 * i / (n - 1)
        moved = time_s if time_s < 4.0 else max(time_s - 2.0, 4.0)
        place = np.array([3 * np.cos(0.5 * moved), 3 * np.sin(0.5 * moved), 0.5 * np.sin(1.3 * moved)])
        pose = np.linalg.inv(look_at(place, np.array([0.0, 0.0, 0.2]), np.array([0.0, 0.0, 1.0])))
        poses.append(keyframe(i + 1, time_s, pose, 50.0 + 5.0 * np.sin(0.4 * moved), 10.0 + time_s))
    return poses


@pytest.mark.parametrize("distance", [0.2, 0.02])
def test_few_keys_meet_all_recorded_poses(distance: float) -> None:
    poses = recorded()
    path = simplified(poses, distance=distance, angle_deg=2.0)
    assert len(path.keys) < 40
    assert [key.id for key in path.keys] == list(range(1, len(path.keys) + 1))
    for pose in poses:
        sample = path.sample(pose.time_s)
        assert np.linalg.norm(sample.T_world_camera[:3, 3] - pose.position) <= distance
        cosine = (np.trace(sample.T_world_camera[:3, :3].T @ pose.T_world_camera[:3, :3]) - 1) / 2
        assert np.degrees(np.arccos(np.clip(cosine, -1, 1))) <= 2.0 + 1e-6
        assert abs(sample.fov_y_deg - pose.fov_y_deg) <= 0.5
        assert abs((sample.scene_frame or 0.0) - (pose.scene_frame or 0.0)) <= 1.0


def test_closer_takes_more_keys_and_a_straight_way_takes_two() -> None:
    poses = recorded()
    assert len(simplified(poses, distance=0.005, angle_deg=0.2).keys) > len(simplified(poses, distance=0.3, angle_deg=5.0).keys)
    straight = [replace(poses[0], id=i + 1, time_s=0.1 * i, position=(0.1 * i, 0.0, 0.0), scene_frame=None) for i in range(50)]
    assert len(simplified(straight, distance=0.01).keys) == 2
    assert simplified([], distance=1.0).keys == ()
    assert len(simplified(poses[:1], distance=1.0).keys) == 1
    assert len(simplified(poses, distance=0.005, go_on=lambda: False).keys) == 2
    many = thinned(poses)
    assert (many.keys[0].time_s, many.keys[-1].time_s) == (poses[0].time_s, poses[-1].time_s)
    assert all(0.09 < b.time_s - a.time_s < 0.2 for a, b in itertools.pairwise(many.keys[:-1]))
    assert max(np.linalg.norm(many.sample(pose.time_s).T_world_camera[:3, 3] - pose.T_world_camera[:3, 3]) for pose in poses) < 0.05
