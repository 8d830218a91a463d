"""Camera paths: the laws of the curve, files, foreign files, generators."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from im4d_core import curves
from im4d_core.camera_path import CameraPath, Keyframe, SceneTiming, keyframe
from im4d_core.geometry import look_at
from im4d_core.path_files import load_path, save_path
from im4d_core.path_generators import orbit, through_cameras
from im4d_core.pose_curve import INTERPOLATIONS, Interpolation
from im4d_core.types import Camera

RNG = np.random.default_rng(7)
SPARSE = SceneTiming(frames=(0, 5, 10), fps=30.0)
TEN = SceneTiming(frames=tuple(range(10)), fps=10.0)


def turned(vector: np.ndarray) -> np.ndarray:
    """Rotation matrix of a rotation vector: the matrix exponential by its series, term by term."""
    x, y, z = vector
    generator = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    result, term = np.eye(3), np.eye(3)
    for i in range(1, 60):
        term = term @ generator / i
        result = result + term
    return result


def about(axis: str, degrees: float) -> np.ndarray:
    pose = np.eye(4)
    pose[:3, :3] = turned(np.radians(degrees) * np.eye(3)["xyz".index(axis)])
    return pose


def rotation_vector(R: np.ndarray) -> np.ndarray:
    """Of a turn well below 180 degrees."""
    antisymmetric = 0.5 * np.array([R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1]])
    sine = np.linalg.norm(antisymmetric)
    return antisymmetric if sine < 1e-9 else antisymmetric / sine * np.arctan2(sine, 0.5 * (np.trace(R) - 1.0))


def random_pose() -> np.ndarray:
    pose = np.eye(4)
    pose[:3, :3] = turned(RNG.normal(size=3) * 1.5)
    pose[:3, 3] = RNG.normal(size=3) * 3
    return pose


def random_path(n: int, loop: bool = False, interpolation: Interpolation = "smooth") -> CameraPath:
    times = np.cumsum(RNG.uniform(0.2, 2.0, n))
    keys = tuple(keyframe(i, float(times[i]), random_pose(), float(RNG.uniform(20, 90)), float(i * 3)) for i in range(n))
    return CameraPath(keys=keys, loop=loop, loop_s=1.3, interpolation=interpolation)


def angle_deg(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.degrees(np.linalg.norm(rotation_vector(a[:3, :3].T @ b[:3, :3]))))


def velocity(path: CameraPath, time_s: float, h: float) -> np.ndarray:
    """Linear and angular velocity by a one-sided difference; the sign of h is the side."""
    a, b = path.sample(time_s).T_world_camera, path.sample(time_s + h).T_world_camera
    spin = rotation_vector(a[:3, :3].T @ b[:3, :3])
    return np.concatenate([b[:3, 3] - a[:3, 3], spin]) / h


@pytest.mark.parametrize("loop", [False, True])
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_passes_through_its_keys(n: int, interpolation: Interpolation, loop: bool) -> None:
    path = random_path(n, loop, interpolation)
    for key in path.keys:
        sample = path.sample(key.time_s)
        # 1e-9: the loop's modulo puts the time a rounding error off the key, times a speed of the order of 10 per second
        np.testing.assert_allclose(sample.T_world_camera, key.T_world_camera, atol=1e-9)
        assert sample.fov_y_deg == pytest.approx(key.fov_y_deg)
        assert sample.scene_frame == pytest.approx(key.scene_frame)


@pytest.mark.parametrize("loop", [False, True])
@pytest.mark.parametrize("n", [3, 4, 8])
def test_smooth_is_c1_at_keys_and_seam(n: int, loop: bool) -> None:
    path = random_path(n, loop)
    moments = [key.time_s for key in path.keys[1:-1]] + ([path.start_s] if loop else [])
    for moment in moments:
        before, after = velocity(path, moment, -1e-6), velocity(path, moment, 1e-6)
        # 1e-3: a one-sided difference over 1e-6 s is off by acceleration (of the order of 100) times 5e-7, plus rounding of 1e-15 / 1e-6
        np.testing.assert_allclose(before, after, atol=1e-3)


def test_c1_test_can_fail() -> None:
    path = random_path(4, True, "linear")
    assert np.abs(velocity(path, path.start_s, -1e-6) - velocity(path, path.start_s, 1e-6)).max() > 0.1


def test_rests_beyond_an_open_end_and_goes_on_in_a_loop() -> None:
    path = random_path(4)
    np.testing.assert_array_equal(path.sample(-100.0).T_world_camera, path.sample(path.start_s).T_world_camera)
    np.testing.assert_allclose(path.sample(1e5).T_world_camera, path.keys[-1].T_world_camera, atol=1e-12)
    loop = replace(path, loop=True)
    later = loop.sample(path.start_s + 0.4 + 3 * loop.duration_s)
    np.testing.assert_allclose(later.T_world_camera, loop.sample(path.start_s + 0.4).T_world_camera, atol=1e-9)


def test_rotations_equal_keys_and_half_turns_are_finite() -> None:
    turn = np.eye(4)
    for axis in "xyz":
        half = about(axis, 180)
        for poses in ([turn, turn], [turn, half], [turn, half, turn], [turn, turn, half, half], [half, half]):
            for loop in (False, True):
                for interpolation in INTERPOLATIONS:
                    keys = tuple(keyframe(i, float(i), pose, 50.0) for i, pose in enumerate(poses))
                    path = CameraPath(keys=keys, loop=loop, interpolation=interpolation)
                    for time_s in np.linspace(-0.5, 5.0, 23):
                        R = path.sample(float(time_s)).T_world_camera[:3, :3]
                        np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-9)


def test_turning_about_one_axis_at_even_times_is_uniform() -> None:
    poses = [about("z", degrees) for degrees in (0, 40, 80, 120, 160, 200)]
    path = CameraPath(keys=tuple(keyframe(i, float(i), pose, 50.0) for i, pose in enumerate(poses)))
    for time_s in np.linspace(0, 5, 41):
        assert angle_deg(path.sample(float(time_s)).T_world_camera, about("z", 40 * float(time_s))) < 1e-6


def test_straight_even_keys_move_evenly() -> None:
    poses = [np.eye(4) for _ in range(5)]
    for i, pose in enumerate(poses):
        pose[0, 3] = i * 2.0
    path = CameraPath(keys=tuple(keyframe(i, i * 0.5, pose, 50.0) for i, pose in enumerate(poses)))
    for time_s in np.linspace(0, 2, 33):
        np.testing.assert_allclose(path.sample(float(time_s)).T_world_camera[:3, 3], [4 * time_s, 0, 0], atol=1e-12)


def test_a_camera_that_rests_between_two_keys_rests() -> None:
    moved = np.eye(4)
    moved[0, 3] = 1.0
    path = CameraPath(keys=tuple(keyframe(i, float(i), pose, 50.0) for i, pose in enumerate([np.eye(4), moved, moved, np.eye(4)])))
    for time_s in np.linspace(1, 2, 9):
        np.testing.assert_allclose(path.sample(float(time_s)).T_world_camera, moved, atol=1e-12)


def test_scene_time_is_monotone_and_none_follows_playback() -> None:
    frames = [0.0, 1.0, 20.0, 20.0, 25.0]
    path = CameraPath(keys=tuple(keyframe(i, t, random_pose(), 50.0, f) for i, (t, f) in enumerate(zip([0.0, 0.1, 3.0, 5.0, 5.5], frames))))
    samples = np.array([path.sample(float(t)).scene_frame for t in np.linspace(0, 5.5, 400)], dtype=float)
    assert (np.diff(samples) >= -1e-9).all()
    assert [path.sample(t).scene_frame for t in (3.0, 3.7, 5.0)] == pytest.approx([20.0] * 3)  # bullet time
    mixed = replace(path, keys=(*path.keys[:2], replace(path.keys[2], scene_frame=None), *path.keys[3:]))
    assert mixed.sample(0.05).scene_frame is not None
    assert mixed.sample(1.0).scene_frame is None
    assert mixed.sample(5.2).scene_frame is not None


def test_frame_at_takes_frames_that_exist() -> None:
    path = CameraPath(keys=(keyframe(0, 0.0, np.eye(4), 50.0, 3.0), keyframe(1, 1.0, random_pose(), 50.0, 90.0)))
    assert path.frame_at(0.0, SPARSE) == 5
    assert path.frame_at(1.0, SPARSE) == 10
    playing = replace(path, keys=tuple(replace(key, scene_frame=None) for key in path.keys))
    assert [playing.frame_at(i / 30, SPARSE) for i in range(5)] == [0, 5, 10, 0, 5]
    cued = replace(playing, keys=(replace(playing.keys[0], scene_frame=10.0), playing.keys[1]))
    assert [cued.frame_at(i / 30, SPARSE) for i in range(4)] == [10, 0, 5, 10]  # plays on from what the key said


def test_sample_times_meet_the_last_key_or_stop_before_the_seam() -> None:
    path = random_path(3)
    times = path.sample_times(5)
    assert times[0] == path.keys[0].time_s
    assert times[-1] == pytest.approx(path.keys[-1].time_s)
    loop = replace(path, loop=True)
    np.testing.assert_allclose(loop.sample_times(4) - path.start_s, np.arange(4) / 4 * loop.duration_s)
    assert path.sample_times(1).tolist() == [path.start_s]


def test_shots_count() -> None:
    pose = np.eye(4)
    path = CameraPath(keys=tuple(keyframe(i, float(i), pose, 50.0) for i in range(3)), loop_s=1.0)
    assert len(path.shots(TEN, 24.0)) == 49
    assert len(replace(path, loop=True).shots(TEN, 24.0)) == 72
    part = path.shots(TEN, 24.0, 0.5, 1.0)
    assert (part[0].time_s, part[-1].time_s, len(part)) == (0.5, 1.0, 13)
    still = replace(path, keys=path.keys[:1]).shots(TEN, 20.0)
    assert [shot.frame for shot in still] == [i // 2 for i in range(20)]
    with pytest.raises(ValueError, match="no keys"):
        CameraPath().shots(TEN, 24.0)


def test_path_refuses_unordered_times_and_double_ids() -> None:
    a, b = keyframe(0, 1.0, np.eye(4), 50.0), keyframe(1, 1.0, np.eye(4), 50.0)
    with pytest.raises(ValueError, match="increase"):
        CameraPath(keys=(a, b))
    with pytest.raises(ValueError, match="differ"):
        CameraPath(keys=(a, replace(a, time_s=2.0)))


@pytest.mark.parametrize("up", [(0.0, 0.0, 1.0), (0.0, -1.0, 0.0), (0.6, 0.0, 0.8)])
def test_orbit_looks_at_its_centre_from_its_radius(up: tuple[float, float, float]) -> None:
    path = orbit(centre=(1.0, 2.0, 3.0), radius=2.0, up=up, pitch_deg=20.0, duration_s=4.0)
    assert path.duration_s == pytest.approx(4.0)
    for time_s in np.linspace(0, 4, 50):
        pose = path.sample(float(time_s)).T_world_camera
        outwards = pose[:3, 3] - [1, 2, 3]
        # 0.1 % of the radius: what 16 keys of a spline deviate from a circle, as the docstring promises
        assert np.linalg.norm(outwards) == pytest.approx(2.0, rel=1e-3)
        assert np.degrees(np.arcsin(outwards @ up / 2.0)) == pytest.approx(20.0, abs=0.1)
        assert np.degrees(np.arccos(np.clip(-outwards @ pose[:3, 2] / np.linalg.norm(outwards), -1, 1))) < 0.3
        assert abs(pose[:3, 0] @ up) < 0.01  # level


def test_orbit_parts_do_not_loop_and_nonsense_is_refused() -> None:
    half = orbit(centre=(0.0, 0.0, 0.0), radius=1.0, up=(0.0, 0.0, 1.0), turns=0.5, pitch_deg=0.0)
    assert not half.loop
    np.testing.assert_allclose(half.keys[-1].position, -np.array(half.keys[0].position), atol=1e-12)
    with pytest.raises(ValueError, match="radius"):
        orbit(centre=(0.0, 0.0, 0.0), radius=0.0, up=(0.0, 0.0, 1.0))


def test_through_cameras() -> None:
    poses = [look_at(np.array([np.cos(a), np.sin(a), 0.5]) * 3, np.zeros(3), np.array([0.0, 0.0, 1.0])) for a in (0.0, 1.0, 2.0)]
    K = np.array([[100.0, 0, 50], [0, 100, 50], [0, 0, 1]])
    cameras = [Camera(name=str(i), K=K, T_camera_world=pose, width=100, height=100) for i, pose in enumerate(poses)]
    path = through_cameras(cameras, 2.0)
    for i, camera in enumerate(cameras):
        np.testing.assert_allclose(path.sample(2.0 * i).T_world_camera[:3, 3], camera.centre, atol=1e-9)


def test_quaternions_agree_with_matrices() -> None:
    for _ in range(50):
        vector = RNG.normal(size=3)
        a, b = turned(vector), turned(RNG.normal(size=3) * 2)
        qa, qb = curves.quaternion(a), curves.quaternion(b)
        # 1e-10: the oracle's series cancels terms of up to a few hundred
        np.testing.assert_allclose(curves.rotation(qa), a, atol=1e-10)
        np.testing.assert_allclose(curves.rotation(curves.multiply(qa, qb)), a @ b, atol=1e-10)
        np.testing.assert_allclose(curves.rotation(curves.exponential(vector)), a, atol=1e-10)
        np.testing.assert_allclose(curves.rotation(curves.exponential(curves.logarithm(qa))), a, atol=1e-10)
        np.testing.assert_allclose(curves.rotation(curves.slerp(qa, qb, 1.0)), b, atol=1e-10)
        assert np.linalg.norm(curves.logarithm(qa)) <= np.pi + 1e-12


def test_saved_path_is_the_same_path(tmp_path: Path) -> None:
    path = random_path(5, loop=True)
    save_path(path, tmp_path / "deep" / "path.json")
    loaded = load_path(tmp_path / "deep" / "path.json")
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["path.json"]
    assert (loaded.loop, loaded.loop_s, loaded.interpolation) == (True, 1.3, "smooth")
    for a, b in zip(path.keys, loaded.keys):
        assert (a.id, a.time_s, a.fov_y_deg, a.scene_frame, a.position) == (b.id, b.time_s, b.fov_y_deg, b.scene_frame, b.position)
        np.testing.assert_allclose(a.T_world_camera, b.T_world_camera, atol=1e-14)


def test_unknown_fields_survive_saving(tmp_path: Path) -> None:
    file = tmp_path / "path.json"
    save_path(random_path(2), file)
    content = json.loads(file.read_text())
    content["exposure"] = {"ev": 1.5}
    content["keys"][1]["ease"] = "slow"
    file.write_text(json.dumps(content))
    save_path(load_path(file), file)
    again = json.loads(file.read_text())
    assert again["exposure"] == {"ev": 1.5}
    assert again["keys"][1]["ease"] == "slow"


def test_a_failed_save_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "path.json"
    save_path(random_path(2), file)
    before = file.read_text()
    with pytest.raises(TypeError):
        save_path(replace(random_path(3), extra={"no json": object()}), file)
    assert file.read_text() == before
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda c: c.pop("format"), "format must be"),
        (lambda c: c.update(version=99), "version must be 1 or 2, found 99"),
        (lambda c: c.update(interpolation="wobbly"), "interpolation"),
        (lambda c: c.update(loop="yes"), "loop must be"),
        (lambda c: c.update(loop_s=0), "loop_s"),
        (lambda c: c.update(keys={}), "keys must be a list"),
        (lambda c: c["keys"].__setitem__(1, 5), r"keys\[1\]"),
        (lambda c: c["keys"][1].pop("fov_y_deg"), r"keys\[1\]: field 'fov_y_deg' is missing"),
        (lambda c: c["keys"][1].pop("scene_frame"), r"keys\[1\]: field 'scene_frame' is missing"),
        (lambda c: c["keys"][1].update(id="one"), r"keys\[1\]: id"),
        (lambda c: c["keys"][1].update(id=0), "differ"),
        (lambda c: c["keys"][1].update(time_s=float("nan")), r"keys\[1\]: time_s .* found nan"),
        (lambda c: c["keys"][1].update(time_s=-5.0), "must increase"),
        (lambda c: c["keys"][1].update(time_s=1e9), r"keys\[1\]: time_s"),
        (lambda c: c["keys"][1].update(fov_y_deg=180.0), r"keys\[1\]: fov_y_deg must be a number from 1 to 170, found 180"),
        (lambda c: c["keys"][1].update(scene_frame="last"), r"keys\[1\]: scene_frame"),
        (lambda c: c["keys"][1].update(principal_point=[0.1]), r"keys\[1\]: principal_point: expected two numbers"),
        (lambda c: c["keys"][1].update(principal_point=[0.0, 9.0]), r"keys\[1\]: principal_point\[1\] must be a number from -2 to 2, found 9"),
        (lambda c: c["keys"][1].update(T_world_camera=[1, 2, 3]), r"keys\[1\]: T_world_camera must be 4 x 4"),
        (lambda c: c["keys"][1]["T_world_camera"][0].__setitem__(3, float("inf")), r"keys\[1\]: T_world_camera must be finite"),
        (lambda c: c["keys"][1]["T_world_camera"][0].__setitem__(0, 2.0), r"keys\[1\]: T_world_camera must hold a rotation"),
        (lambda c: c["keys"][1]["T_world_camera"][3].__setitem__(0, 2.0), "last row"),
    ],
)
def test_bad_files_are_named(tmp_path: Path, change, complaint: str) -> None:
    file = tmp_path / "bad.json"
    save_path(random_path(3), file)
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=complaint) as error:
        load_path(file)
    assert str(file) in str(error.value)


def test_what_is_no_path_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="gone.json"):
        load_path(tmp_path / "gone.json")
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(ValueError, match="expected JSON"):
        load_path(tmp_path / "a.json")
    (tmp_path / "b.json").write_text("[1]")
    with pytest.raises(ValueError, match="JSON object"):
        load_path(tmp_path / "b.json")


def nerfstudio_content() -> dict:
    pose = np.array([[1.0, 0, 0, 4], [0, 0, -1, 5], [0, 1, 0, 6], [0, 0, 0, 1]])  # OpenGL camera: looks along +y of the world
    frames = [{"camera_to_world": pose.ravel().tolist(), "fov": 60, "aspect": 1, "render_time": t} for t in (0.0, 0.5, 1.0)]
    return {"camera_type": "perspective", "fps": 10, "seconds": 0.3, "is_cycle": False, "camera_path": frames}


def test_nerfstudio_frames_without_keys(tmp_path: Path) -> None:
    (tmp_path / "n.json").write_text(json.dumps(nerfstudio_content()))
    path = load_path(tmp_path / "n.json", frames=(100, 101, 102))
    assert [key.time_s for key in path.keys] == [0.0, 0.2], "the camera rests, so that its first and last picture say all"
    assert [path.sample(time_s).scene_frame for time_s in (0.0, 0.1, 0.2)] == [100.0, 101.0, 102.0]
    pose = path.keys[0].T_world_camera
    np.testing.assert_allclose(pose[:3, 3], [4, 5, 6])
    np.testing.assert_allclose(pose[:3, 2], [0, 1, 0], atol=1e-12)  # forward
    np.testing.assert_allclose(pose[:3, 1], [0, 0, -1], atol=1e-12)  # down
    assert load_path(tmp_path / "n.json").keys[0].scene_frame is None


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda c: c.update(camera_path=[]), "neither"),
        (lambda c: c.update(camera_type="fisheye"), "camera_type"),
        (lambda c: c["camera_path"][1].pop("fov"), r"camera_path\[1\]: field 'fov' is missing"),
        (lambda c: c["camera_path"][1].update(fov=float("nan")), r"camera_path\[1\].fov"),
        (lambda c: c["camera_path"][1].update(camera_to_world=[1, 2]), r"camera_path\[1\].camera_to_world: expected 16 numbers, found 2"),
        (lambda c: c["camera_path"][1].update(camera_to_world=[2.0] * 15 + [1.0]), r"camera_path\[1\]"),
        (lambda c: c.update(fps="fast"), "fps"),
    ],
)
def test_bad_nerfstudio_files_are_named(tmp_path: Path, change, complaint: str) -> None:
    content = nerfstudio_content()
    change(content)
    (tmp_path / "n.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=complaint):
        load_path(tmp_path / "n.json")


def test_nerfstudio_file_of_its_web_editor(captures: Path) -> None:
    file = captures / "formats" / "nerfstudio_camera_path" / "camera_path.json"
    expected = json.loads((captures / "formats" / "EXPECTED.json").read_text())["nerfstudio_camera_path"]
    path = load_path(file)
    assert len(path.keys) == expected["keyframes"]
    assert path.loop
    assert path.duration_s == pytest.approx(expected["seconds"])
    first = np.array(expected["first_c2w"]).reshape(4, 4) @ np.diag([1.0, -1, -1, 1])
    # 1e-6: the file's key frame and its first sampled pose differ by single precision
    np.testing.assert_allclose(path.keys[0].T_world_camera, first, atol=1e-6)
    assert path.keys[0].fov_y_deg == expected["first_fov"]
    # Our curve through its keys, at the same times, stays near the one that nerfstudio sampled: another spline, around a circle of radius 0.35.
    sampled = json.loads(file.read_text())["camera_path"]
    ours = np.array([path.sample(float(t)).T_world_camera[:3, 3] for t in path.sample_times(len(sampled))])
    theirs = np.array([item["camera_to_world"] for item in sampled]).reshape(-1, 4, 4)[:, :3, 3]
    assert np.linalg.norm(ours - theirs, axis=1).max() < 0.05


def test_keys_hash_and_compare() -> None:
    key = keyframe(1, 0.0, np.eye(4), 50.0)
    assert key == Keyframe(id=1, time_s=0.0, position=(0.0, 0.0, 0.0), rotation=(1.0, 0.0, 0.0, 0.0), fov_y_deg=50.0)
    assert hash(CameraPath(keys=(key,))) == hash(CameraPath(keys=(key,)))
