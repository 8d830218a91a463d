"""Camera paths of other programs: round trips through each format, and files that those programs wrote."""

from __future__ import annotations

import json
import shutil
import struct
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from captures import ring

from im4d_core import curves
from im4d_core.calibration.easymocap import easymocap_cameras
from im4d_core.camera_path import CameraPath, SceneTiming, Shot, keyframe
from im4d_core.geometry import intrinsics, look_at
from im4d_core.path_files import PATH_FORMS, ForeignWorlds, NerfstudioWorld, NgpWorld, PathForm, PathView, export_path, load_path, path_from_json
from im4d_core.path_generators import orbit
from viewer.events import PathLoaded
from viewer.path_reader import PathReader

FOREIGN = Path(__file__).parent / "foreign"
RNG = np.random.default_rng(5)
FRAMES = tuple(range(10, 31))
VIEW = PathView(width=160, height=90, fps=12.0, timing=SceneTiming(frames=FRAMES, fps=30.0), bounds=np.array([[-1.0, -1.0, -1.0], [1.0, 1.0, 2.0]]))


def random_path(n: int = 5, loop: bool = False, **changes: object) -> CameraPath:
    """Keys anywhere, turned anyhow, at uneven times, all fixing frames; from 0 s on, where other programs begin."""
    keys = []
    times = np.concatenate([[0.0], np.cumsum(RNG.uniform(0.3, 2.0, n - 1))])
    for i in range(n):
        pose = np.eye(4)
        q = RNG.normal(size=4)
        pose[:3, :3], pose[:3, 3] = curves.rotation(q / np.linalg.norm(q)), RNG.normal(size=3) * 3
        keys.append(keyframe(i + 1, float(times[i]), pose, float(RNG.uniform(20, 90)), float(RNG.uniform(10, 30))))
    return CameraPath(keys=tuple(keys), loop=loop, loop_s=1.25, **changes)  # type: ignore[arg-type]


def assert_same_keys(read: CameraPath, path: CameraPath, *, frames: bool = True, tolerance: float = 1e-9) -> None:
    """1e-9: double precision through a few matrix products."""
    assert len(read.keys) == len(path.keys)
    for got, key in zip(read.keys, path.keys):
        np.testing.assert_allclose(got.T_world_camera, key.T_world_camera, atol=tolerance)
        assert got.fov_y_deg == pytest.approx(key.fov_y_deg, abs=tolerance * 100)
        assert got.time_s == pytest.approx(key.time_s, abs=tolerance)
        if frames:
            assert got.scene_frame == pytest.approx(key.scene_frame, abs=1e-6)


@pytest.mark.parametrize("loop", [False, True])
def test_nerfstudio_keys_come_back(tmp_path: Path, loop: bool) -> None:
    path = random_path(loop=loop)
    export_path(path, tmp_path / "n.json", "nerfstudio", VIEW)
    read = load_path(tmp_path / "n.json", FRAMES)
    assert_same_keys(read, path)
    assert (read.closed, read.duration_s) == (loop, pytest.approx(path.duration_s))


def test_nerfstudio_pictures_are_those_of_the_path(tmp_path: Path) -> None:
    """Its offline renderer takes `camera_path` alone, picture by picture; ours reads it where a file has no keys."""
    path = replace(random_path(), tension=0.5)
    export_path(path, tmp_path / "n.json", "nerfstudio", VIEW)
    content = json.loads((tmp_path / "n.json").read_text())
    shots = path.shots(VIEW.timing, VIEW.fps)
    assert len(content["camera_path"]) == len(shots)
    assert (content["render_width"], content["render_height"], content["fps"], content["camera_type"]) == (160, 90, 12.0, "perspective")
    times = [frame["render_time"] for frame in content["camera_path"]]
    assert all(0.0 <= time <= 1.0 for time in times)  # all or none have one
    assert [10 + 20 * time for time in times] == pytest.approx([shot.frame for shot in shots])
    del content["keyframes"]
    (tmp_path / "n.json").write_text(json.dumps(content))
    read = load_path(tmp_path / "n.json", FRAMES)
    assert_meets(read, shots, VIEW.fps)
    assert read.keys[0].scene_frame is not None


def assert_meets(path: CameraPath, shots: tuple[Shot, ...], fps: float) -> None:
    """The path has few keys, and meets every picture within what the reader promises: 0.2 % of how far the path reaches, half a degree, half a frame."""
    assert len(path.keys) < 0.7 * len(shots)
    reach = np.linalg.norm(np.ptp([shot.sample.T_world_camera[:3, 3] for shot in shots], axis=0))
    for i, shot in enumerate(shots):
        sample = path.sample(i / fps)
        T, expected = sample.T_world_camera, shot.sample.T_world_camera
        assert np.linalg.norm(T[:3, 3] - expected[:3, 3]) <= 0.002 * reach + 1e-9  # 1e-9: rounding
        assert np.degrees(np.arccos(np.clip((np.trace(T[:3, :3].T @ expected[:3, :3]) - 1) / 2, -1, 1))) <= 0.5 + 1e-6
        assert abs(sample.fov_y_deg - shot.sample.fov_y_deg) <= 0.5 + 1e-9
        assert sample.scene_frame is None or abs(sample.scene_frame - shot.frame) <= 0.5 + 1e-6


def nerfstudio_world() -> NerfstudioWorld:
    """Its x is our z, its y our -x, its z our -y."""
    return NerfstudioWorld(transform=np.array([[0, 0, 1, 0.3], [-1, 0, 0, -2.0], [0, -1, 0, 1.0], [0, 0, 0, 1]]), scale=0.25)


def write_transforms(folder: Path) -> None:
    """As nerfstudio's training writes them."""
    world = nerfstudio_world()
    (folder / "dataparser_transforms.json").write_text(json.dumps({"transform": world.transform[:3].tolist(), "scale": world.scale}, indent=4))


def test_the_space_of_nerfstudio() -> None:
    """By its rule: the transform first, then the position times the scale."""
    T = np.eye(4)
    T[:3, 3] = 1.0, 2.0, 3.0
    there = nerfstudio_world().to_nerfstudio(T)
    np.testing.assert_allclose(there[:3, 3], 0.25 * np.array([3.0 + 0.3, -1.0 - 2.0, -2.0 + 1.0]), atol=1e-12)
    np.testing.assert_allclose(there[:3, :3] @ there[:3, :3].T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(nerfstudio_world().from_nerfstudio(there), T, atol=1e-12)


@pytest.mark.parametrize("beside", [True, False])
@pytest.mark.parametrize("keys", [True, False])
def test_a_nerfstudio_path_is_brought_into_the_capture_s_world_and_back(tmp_path: Path, beside: bool, keys: bool) -> None:
    path, notes, view = random_path(), list[str](), replace(VIEW, fps=60.0)
    (tmp_path / "ours").mkdir()
    if beside:
        write_transforms(tmp_path)
    worlds = ForeignWorlds() if beside else ForeignWorlds(nerfstudio=nerfstudio_world())
    export_path(path, tmp_path / "n.json", "nerfstudio", view, worlds)
    content = json.loads((tmp_path / "n.json").read_text())
    there = np.array(content["keyframes"][0]["matrix"]).reshape(4, 4)[:3, 3]
    np.testing.assert_allclose(there, nerfstudio_world().to_nerfstudio(path.keys[0].T_world_camera)[:3, 3], atol=1e-12)
    if not keys:
        del content["keyframes"]
        (tmp_path / "n.json").write_text(json.dumps(content))
    read = load_path(tmp_path / "n.json", FRAMES, worlds, told=notes.append)
    if keys:
        assert_same_keys(read, path)
    else:
        assert_meets(read, path.shots(view.timing, view.fps), view.fps)
        assert f"Of {len(content['camera_path'])} pictures {len(read.keys)} became keys" in notes[-1]
    assert any("dataparser_transforms.json" in note for note in notes) == beside
    plain = load_path((tmp_path / "n.json").rename(tmp_path / "ours" / "n.json"), FRAMES, told=notes.append)
    assert np.linalg.norm(np.subtract(plain.keys[0].position, path.keys[0].position)) > 0.1, "the control: the transform does matter"
    assert any("no dataparser_transforms.json" in note for note in notes)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({"scale": 1.0}, "field 'transform' is missing"),
        ({"transform": [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 2, 0]], "scale": 1.0}, "must hold a rotation"),
        ({"transform": [[1, 0], [0, 1]], "scale": 1.0}, "of 3 x 4 numbers"),
        ({"transform": np.eye(4)[:3].tolist(), "scale": 0.0}, "scale must be a number"),
        ([], "field 'transform' is missing"),
    ],
)
def test_transforms_that_are_damaged_are_named(tmp_path: Path, content: object, complaint: str) -> None:
    export_path(random_path(), tmp_path / "n.json", "nerfstudio", VIEW)
    (tmp_path / "dataparser_transforms.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=rf"dataparser_transforms\.json: .*{complaint}"):
        load_path(tmp_path / "n.json")


def test_a_round_of_pictures_closes(tmp_path: Path) -> None:
    """The last picture of a cycle is followed by the first, a picture's time later."""
    path = orbit(centre=(0.0, 0.0, 0.0), radius=3.0, up=(0.0, 0.0, 1.0), duration_s=20.0)
    export_path(path, tmp_path / "n.json", "nerfstudio", VIEW)
    content = json.loads((tmp_path / "n.json").read_text())
    del content["keyframes"]
    (tmp_path / "n.json").write_text(json.dumps(content))
    read = load_path(tmp_path / "n.json")
    assert len(content["camera_path"]) == 240 and len(read.keys) < 40
    assert read.closed and read.duration_s == pytest.approx(20.0)
    assert_meets(read, path.shots(VIEW.timing, VIEW.fps), VIEW.fps)


def test_easymocap_keys_come_back(tmp_path: Path) -> None:
    path = random_path()
    export_path(path, tmp_path / "cams", "easymocap-keys", VIEW)
    for named in (tmp_path / "cams", tmp_path / "cams" / "extri.yml", tmp_path / "cams" / "intri.yml"):
        assert_same_keys(load_path(named, FRAMES), path)


def test_easymocap_pictures_are_cameras_of_a_capture(tmp_path: Path) -> None:
    """The reader of captures opens them: sizes, intrinsics with centres at whole numbers, poses."""
    path = random_path()
    export_path(path, tmp_path / "cams", "easymocap-pictures", VIEW)
    cameras = easymocap_cameras(tmp_path / "cams")
    shots = path.shots(VIEW.timing, VIEW.fps)
    assert len(cameras) == len(shots)
    for shot, camera in zip(shots, cameras):
        assert camera.size == (160, 90)
        np.testing.assert_allclose(np.linalg.inv(camera.T_camera_world), shot.sample.T_world_camera, atol=1e-9)
        expected = intrinsics(160, 90, shot.sample.fov_y_deg)
        expected[:2, 2] -= 0.5
        np.testing.assert_allclose(camera.K, expected)
    read = load_path(tmp_path / "cams", FRAMES)
    assert [round(key.scene_frame or 0.0) for key in read.keys] == [shot.frame for shot in shots]


def test_easymocap_files_without_our_times_go_a_second_from_key_to_key(tmp_path: Path) -> None:
    path = random_path()
    export_path(path, tmp_path / "cams", "easymocap-keys", VIEW)
    extri = tmp_path / "cams" / "extri.yml"
    extri.write_text("\n".join(line for line in extri.read_text().splitlines() if not line.startswith(("seconds_", "t_"))) + "\n")
    read = load_path(tmp_path / "cams", FRAMES)
    assert [key.time_s for key in read.keys] == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert {key.scene_frame for key in read.keys} == {None}


@pytest.mark.parametrize("loop", [False, True])
@pytest.mark.parametrize("interpolation", ["linear", "hold"])
@pytest.mark.parametrize("world", [NgpWorld(), NgpWorld(scale=1.7, offset=(0.1, -0.2, 3.0))])
def test_instant_ngp_keys_come_back(tmp_path: Path, loop: bool, interpolation: str, world: NgpWorld) -> None:
    path = random_path(loop=loop, interpolation=interpolation)
    export_path(path, tmp_path / "base_cam.json", "instant-ngp", VIEW, ForeignWorlds(instant_ngp=world))
    read = load_path(tmp_path / "base_cam.json", FRAMES, ForeignWorlds(instant_ngp=world))
    assert_same_keys(read, path, frames=False)  # its scenes do not move
    assert (read.closed, read.interpolation) == (loop, interpolation)
    assert read.duration_s == pytest.approx(path.duration_s)
    wrong = load_path(tmp_path / "base_cam.json", FRAMES, ForeignWorlds(instant_ngp=NgpWorld(scale=0.5)))
    assert np.linalg.norm(np.subtract(wrong.keys[0].position, path.keys[0].position)) > 1e-3  # the control: the world does matter


@pytest.mark.parametrize(
    ("content", "world"),
    [
        ({"scale": 0.7, "offset": [0.5, 0.25, -1.0]}, NgpWorld(scale=0.7, offset=(0.5, 0.25, -1.0))),
        ({"offset": 0.1, "frames": []}, NgpWorld(offset=(0.1, 0.1, 0.1))),
        ({"aabb": [[-1.0, 0.0, 2.0], [1.0, 4.0, 3.0]], "scale": 9.0}, NgpWorld(scale=0.25, offset=(0.5, 0.0, -0.125))),
    ],
)
def test_instant_ngp_s_scene_beside_says_where_it_is(tmp_path: Path, content: dict[str, object], world: NgpWorld) -> None:
    path, notes = random_path(interpolation="linear"), list[str]()
    export_path(path, tmp_path / "usual.json", "instant-ngp", VIEW, told=notes.append)
    assert "scale is taken to be 0.33 and its offset 0.5, 0.5, 0.5, as usual" in notes[0]
    (tmp_path / "transforms.json").write_text(json.dumps(content))
    export_path(path, tmp_path / "base_cam.json", "instant-ngp", VIEW, told=notes.append)
    there = json.loads((tmp_path / "base_cam.json").read_text())["path"][0]["T"]
    np.testing.assert_allclose(there, world.to_ngp(path.keys[0].T_world_camera)[1], atol=1e-12)
    read = load_path(tmp_path / "base_cam.json", FRAMES, told=notes.append)
    assert_same_keys(read, path, frames=False)
    assert f"scale is taken to be {world.scale:g}" in notes[-1] and "transforms.json beside says" in notes[-1]


def test_what_is_told_of_a_path_reaches_the_window(tmp_path: Path) -> None:
    export_path(random_path(interpolation="linear"), tmp_path / "a.json", "instant-ngp", VIEW)
    woken = threading.Event()
    reader = PathReader(woken.set, lambda _: None)
    reader.read(tmp_path / "a.json", FRAMES)
    assert woken.wait(30.0)
    (answer,) = reader.answers()
    reader.close()
    assert isinstance(answer, PathLoaded) and "scale is taken to be 0.33" in answer.notes[0]


@pytest.mark.parametrize("content", [{"scale": 0.0}, {"scale": "big"}, {"offset": [1.0]}, {"aabb": 3}, {"aabb": [[0, 0, 0], [1, 1]]}, []])
def test_scenes_of_instant_ngp_that_are_damaged_are_named(tmp_path: Path, content: object) -> None:
    export_path(random_path(interpolation="linear"), tmp_path / "a.json", "instant-ngp", VIEW)
    (tmp_path / "transforms.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"transforms\.json: "):
        load_path(tmp_path / "a.json")


@pytest.mark.parametrize("loop", [False, True])
def test_smooth_paths_reach_instant_ngp_as_they_are(tmp_path: Path, loop: bool) -> None:
    path = orbit(centre=(0.0, 0.0, 0.0), radius=3.0, up=(0.0, 0.0, 1.0), duration_s=4.0, turns=1.0 if loop else 0.5)
    export_path(path, tmp_path / "base_cam.json", "instant-ngp", VIEW)
    read = load_path(tmp_path / "base_cam.json")
    assert read.duration_s == pytest.approx(path.duration_s)
    for time_s in np.linspace(0.0, path.duration_s * 0.999, 50):
        # 12 chords a second around a circle of radius 3 in 4 s: the sagitta is 3 (1 - cos(pi / 48)) = 0.0064.
        np.testing.assert_allclose(read.sample(time_s).T_world_camera[:3, 3], path.sample(time_s).T_world_camera[:3, 3], atol=0.007)


def test_instant_ngp_splines_pass_their_keys_by(tmp_path: Path) -> None:
    """Order 3 is a uniform B-spline: at a key it is (before + 4 key + after) / 6."""
    places = [[0.0, 0.0, 0.0], [1.0, 3.0, 0.0], [2.0, 0.0, 0.0]]
    world = NgpWorld(scale=1.0, offset=(0.0, 0.0, 0.0))
    keys = [{"R": [0.0, 0.0, 0.0, 1.0], "T": place, "fov": 50.0, "timestamp": 0.5 * (i + 1)} for i, place in enumerate(places)]
    (tmp_path / "a.json").write_text(json.dumps({"loop": False, "time": 0.0, "spline_order": 3, "path": keys}))
    read = load_path(tmp_path / "a.json", worlds=ForeignWorlds(instant_ngp=world))
    ngp = np.array([world.to_ngp(key.T_world_camera)[1] for key in read.keys])
    np.testing.assert_allclose(ngp[1], [1.0, 2.0, 0.0], atol=1e-12)
    assert read.interpolation == "smooth"
    assert [key.time_s for key in read.keys] == [0.0, 1.0, 2.0]  # without a recorded length, a second from key to key
    for key in keys:
        del key["timestamp"]
    (tmp_path / "a.json").write_text(json.dumps({"path": keys, "spline_order": 1, "duration_seconds": 6.0}))
    assert [key.time_s for key in load_path(tmp_path / "a.json").keys] == [0.0, 3.0, 6.0]


def test_the_axes_of_instant_ngp() -> None:
    """Worked out by hand from its rule: columns y and z of an OpenGL pose negated, then rows cycled."""
    T = np.linalg.inv(look_at(np.array([1.0, 2.0, 3.0]), np.zeros(3), np.array([0.0, 0.0, 1.0])))
    opengl = T @ np.diag([1.0, -1.0, -1.0, 1.0])
    expected = opengl.copy()
    expected[:3, 1:3] *= -1
    expected[:3, 3] = expected[:3, 3] * 0.33 + 0.5
    expected = expected[[1, 2, 0]]
    R, position = NgpWorld().to_ngp(T)
    np.testing.assert_allclose(np.column_stack([R, position]), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda c: c["path"][1].pop("fov"), r"path\[1\].*'fov' is missing"),
        (lambda c: c["path"][0].update(R=[1.0, 1.0, 1.0, 1.0]), r"path\[0\]\.R: expected a unit quaternion"),
        (lambda c: c["path"][0].update(T=[1.0, 2.0]), r"path\[0\]\.T: expected 3 numbers"),
        (lambda c: c["path"][0].update(timestamp="soon"), r"path\[0\]\.timestamp"),
        (lambda c: c["path"][1].update(timestamp=c["path"][0]["timestamp"]), "must increase"),
    ],
)
def test_bad_instant_ngp_files_are_named(tmp_path: Path, change, complaint: str) -> None:
    export_path(random_path(interpolation="linear"), tmp_path / "a.json", "instant-ngp", VIEW)
    content = json.loads((tmp_path / "a.json").read_text())
    change(content)
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=complaint):
        load_path(tmp_path / "a.json")


# ---- COLMAP -------------------------------------------------------------------------------------------------------------------------------------


def write_colmap(folder: Path) -> CameraPath:
    path = random_path(3)
    folder.mkdir()
    cameras, images = ["# a comment"], ["# another"]
    for i, key in enumerate(path.keys):
        T = np.linalg.inv(key.T_world_camera)
        focal = float(45.0 / np.tan(np.radians(key.fov_y_deg) / 2))
        cameras.append(f"{i} PINHOLE 160 90 {focal * 1.1!r} {focal!r} 80 45" if i else f"0 SIMPLE_RADIAL 160 90 {focal!r} 80 45 0.01")
        numbers = " ".join(repr(float(x)) for x in (*curves.quaternion(T[:3, :3]), *T[:3, 3]))
        images += [f"{9 - i} {numbers} {i} picture {i}.jpg", "" if i else "1.0 2.0 -1"]
    (folder / "cameras.txt").write_text("\n".join(cameras) + "\n")
    (folder / "images.txt").write_text("\n".join(images) + "\n")
    return path


def test_colmap_pictures_become_keys_in_order_of_their_names(tmp_path: Path) -> None:
    path = write_colmap(tmp_path / "model")
    read = load_path(tmp_path / "model" / "images.txt")
    assert_same_keys(read, replace(path, keys=tuple(replace(key, time_s=float(i)) for i, key in enumerate(path.keys))), frames=False)
    assert load_path(tmp_path / "model") == read


@pytest.mark.parametrize(
    ("file", "change", "complaint"),
    [
        ("cameras.txt", lambda t: t.replace("PINHOLE", "THIN_PRISM_FISHEYE"), r"cameras\.txt, line 3.*one of the models"),
        ("cameras.txt", lambda t: t.replace("160 90", "160 0"), "must be positive"),
        ("images.txt", lambda t: t.replace("picture 0.jpg", ""), r"images\.txt, line 2"),
        ("images.txt", lambda t: t.replace(" 2 picture", " 77 picture"), "camera 77 is not in"),
        ("images.txt", lambda t: "# nothing\n", "it has no pictures"),
    ],
)
def test_bad_colmap_files_are_named(tmp_path: Path, file: str, change, complaint: str) -> None:
    write_colmap(tmp_path / "model")
    target = tmp_path / "model" / file
    target.write_text(change(target.read_text()))
    with pytest.raises(ValueError, match=complaint):
        load_path(tmp_path / "model")


def as_binary(folder: Path) -> Path:
    """The same model as COLMAP's binary files, by what its documentation says of them."""
    target = folder.with_name("binary")
    target.mkdir()
    models = {"PINHOLE": 1, "SIMPLE_RADIAL": 2}
    cameras = [line.split() for line in (folder / "cameras.txt").read_text().splitlines()[1:]]
    content = struct.pack("<Q", len(cameras))
    for number, model, width, height, *parameters in cameras:
        content += struct.pack("<iiQQ", int(number), models[model], int(width), int(height)) + struct.pack(f"<{len(parameters)}d", *map(float, parameters))
    (target / "cameras.bin").write_bytes(content)
    pictures = (folder / "images.txt").read_text().splitlines()[1:]
    content = struct.pack("<Q", len(pictures) // 2)
    for line, points in zip(pictures[::2], pictures[1::2]):
        *words, name = line.split(maxsplit=9)
        content += struct.pack("<i7di", int(words[0]), *map(float, words[1:8]), int(words[8])) + name.encode() + b"\0"
        seen = [float(word) for word in points.split()]
        content += struct.pack("<Q", len(seen) // 3) + b"".join(struct.pack("<ddq", *seen[i : i + 2], int(seen[i + 2])) for i in range(0, len(seen), 3))
    (target / "images.bin").write_bytes(content)
    return target


def test_a_binary_colmap_model_is_the_same_path(tmp_path: Path) -> None:
    write_colmap(tmp_path / "model")
    binary = as_binary(tmp_path / "model")
    assert load_path(binary) == load_path(binary / "images.bin") == load_path(tmp_path / "model")


@pytest.mark.parametrize(
    ("file", "change", "complaint"),
    [
        ("images.bin", lambda b: b[:-1], r"images\.bin: it ends after"),
        ("images.bin", lambda b: b[:74], r"images\.bin: .* has no end"),
        ("images.bin", lambda b: struct.pack("<Q", 1 << 60) + b[8:], r"images\.bin: it ends after"),
        ("images.bin", lambda b: struct.pack("<Q", 0), "it has no pictures"),
        ("images.bin", lambda b: b[:12] + struct.pack("<d", float("nan")) + b[20:], r"picture 0\.jpg: expected a unit quaternion"),
        ("cameras.bin", lambda b: b[:12] + struct.pack("<i", 9) + b[16:], r"cameras\.bin, camera 0: .*one of the models"),
        ("cameras.bin", lambda b: b"", r"cameras\.bin: it ends after 0 bytes"),
    ],
)
def test_bad_binary_colmap_files_are_named(tmp_path: Path, file: str, change, complaint: str) -> None:
    write_colmap(tmp_path / "model")
    binary = as_binary(tmp_path / "model")
    (binary / file).write_bytes(change((binary / file).read_bytes()))
    with pytest.raises(ValueError, match=complaint):
        load_path(binary)


def test_missing_files_and_empty_folders_are_named(tmp_path: Path) -> None:
    write_colmap(tmp_path / "model")
    (tmp_path / "model" / "cameras.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"cameras\.txt: no such file"):
        load_path(tmp_path / "model")
    with pytest.raises(FileNotFoundError, match=r"intri\.yml and extri\.yml"):
        load_path(tmp_path)


@pytest.mark.parametrize("form", PATH_FORMS)
def test_nothing_is_written_of_an_empty_path_and_nothing_temporary_stays(tmp_path: Path, form: PathForm) -> None:
    with pytest.raises(ValueError, match="no keys"):
        export_path(CameraPath(), tmp_path / "out", form, VIEW)
    assert list(tmp_path.iterdir()) == []
    export_path(random_path(), tmp_path / "out", form, VIEW)
    assert not list(tmp_path.rglob("*.tmp"))


# ---- files that other programs wrote ------------------------------------------------------------------------------------------------------------


def expected_of(captures: Path, name: str) -> dict:
    return json.loads((captures / "formats" / "EXPECTED.json").read_text())[name]


def test_cameras_that_opencv_wrote(captures: Path) -> None:
    expected = expected_of(captures, "easymocap_opencv_writer")
    path = load_path(captures / "formats" / "easymocap_opencv_writer")
    assert len(path.keys) == len(expected["extri_names"])
    first = expected["first_extri"]
    np.testing.assert_allclose(path.keys[0].position, first["centre"], atol=1e-9)
    np.testing.assert_allclose(path.keys[0].T_world_camera[:3, :3].T, first["R"], atol=1e-9)


def test_a_model_that_kapture_wrote(captures: Path) -> None:
    expected = expected_of(captures, "colmap_text_kapture")
    path = load_path(captures / "formats" / "colmap_text_kapture")
    assert len(path.keys) == expected["images"]
    name, q, t, camera = expected["first_image"]
    key = path.keys[int(Path(name).stem)]
    T = np.linalg.inv(key.T_world_camera)
    np.testing.assert_allclose(T[:3, 3], t, atol=1e-5)
    np.testing.assert_allclose(T[:3, :3], curves.rotation(np.array(q)), atol=1e-5)  # six digits in the file
    _, _, height, parameters = expected["cameras"][str(camera)]
    assert key.fov_y_deg == pytest.approx(np.degrees(2 * np.arctan(0.5 * height / parameters[0])))
    with pytest.raises(ValueError, match="one of the models"):
        load_path(captures / "formats" / "colmap_text_kapture" / "t265_rig")  # fisheye


def test_keys_that_instant_ngp_saved() -> None:
    """Its third key is the view from the front that its window offers: from the +x side at the middle of its cube, by default our origin."""
    world = ForeignWorlds(instant_ngp=NgpWorld())
    path = load_path(FOREIGN / "instant_ngp" / "base_cam.json", worlds=world)
    content = json.loads((FOREIGN / "instant_ngp" / "base_cam.json").read_text())
    assert [key.fov_y_deg for key in path.keys] == [50.625] * 5
    assert [key.time_s for key in path.keys] == [0.0, 1.0, 2.0, 3.0, 4.0]  # it is of a version without times
    assert not path.closed and path.interpolation == "smooth"
    y, z, x = np.array([item["T"] for item in content["path"]]).T  # its x is our y
    places = (np.column_stack([x, y, z]) - 0.5) / 0.33
    np.testing.assert_allclose(path.keys[1].position, (places[0] + 4 * places[1] + places[2]) / 6, atol=1e-9)  # where its spline passes
    raw = path_from_json({**content, "spline_order": 1}, "straight", worlds=world).keys[2]
    np.testing.assert_allclose(raw.position, [2.51986, 0.0, 0.48332], atol=1e-5)  # by hand: (1.33155 - 0.5) / 0.33 and so on
    forward, down = raw.T_world_camera[:3, 2], raw.T_world_camera[:3, 1]
    np.testing.assert_allclose(forward, -np.array(raw.position) / np.linalg.norm(raw.position), atol=1e-5)  # single precision in the file
    np.testing.assert_allclose(np.cross(forward, [0.0, 0.0, 1.0]) @ down, 0.0, atol=1e-5)
    assert down[2] < -0.9


def test_keys_of_instant_ngp_survive_our_hands(tmp_path: Path) -> None:
    path = load_path(FOREIGN / "instant_ngp" / "base_cam.json")
    export_path(replace(path, interpolation="linear"), tmp_path / "again.json", "instant-ngp", VIEW)
    assert_same_keys(load_path(tmp_path / "again.json"), path, frames=False)


def test_a_path_that_easyvolcap_wrote(tmp_path: Path) -> None:
    """Four cameras of a ring, over the whole scene. Ten decimals are in the file."""
    path = load_path(FOREIGN / "easyvolcap_path", FRAMES)
    rig = ring(4, 64, 48)
    for key, camera in zip(path.keys, rig, strict=True):
        np.testing.assert_allclose(key.T_world_camera, np.linalg.inv(camera.T_camera_world), atol=1e-9)
        assert key.fov_y_deg == pytest.approx(camera.fov_y_deg, abs=1e-9)
    assert [key.scene_frame for key in path.keys] == pytest.approx([10.0, 10.0 + 20 / 3, 10.0 + 40 / 3, 30.0], abs=1e-8)
    export_path(path, tmp_path / "again", "easymocap-keys", VIEW)
    assert_same_keys(load_path(tmp_path / "again", FRAMES), path)


def test_models_that_colmap_wrote() -> None:
    text, binary = load_path(FOREIGN / "colmap_text"), load_path(FOREIGN / "colmap_binary")
    assert text == binary
    for key, camera in zip(text.keys[::2], ring(4, 64, 48), strict=True):  # two pictures of each
        np.testing.assert_allclose(key.T_world_camera, np.linalg.inv(camera.T_camera_world), atol=1e-9)


def test_instant_ngp_paths_of_a_scene_that_nerfstudio_turned(tmp_path: Path) -> None:
    """instant-ngp takes the poses of transforms.json as they stand; captures are opened in the world before. A camera of the capture is where it was."""
    shutil.copy(FOREIGN / "nerfstudio" / "transforms.json", tmp_path)
    item = json.loads((tmp_path / "transforms.json").read_text())["frames"][2]
    opengl = np.array(item["transform_matrix"])
    opengl[:3, 1:3] *= -1
    opengl[:3, 3] = opengl[:3, 3] * 0.33 + 0.5
    in_ngp = opengl[[1, 2, 0]]  # its own rule, as in the test of its axes
    w, x, y, z = curves.quaternion(in_ngp[:3, :3]).tolist()
    key = {"R": [x, y, z, w], "T": in_ngp[:3, 3].tolist(), "fov": 50.0, "timestamp": 1.0}
    (tmp_path / "base_cam.json").write_text(json.dumps({"path": [key, {**key, "timestamp": 2.0}], "spline_order": 1}))
    read = load_path(tmp_path / "base_cam.json")
    np.testing.assert_allclose(read.keys[0].T_world_camera, np.linalg.inv(ring(4, 64, 48)[1].T_camera_world), atol=1e-9)
    export_path(read, tmp_path / "again.json", "instant-ngp", VIEW)
    assert_same_keys(load_path(tmp_path / "again.json"), read, frames=False)


def test_a_nerfstudio_file_survives_our_hands(captures: Path, tmp_path: Path) -> None:
    path = load_path(captures / "formats" / "nerfstudio_camera_path" / "camera_path.json")
    export_path(path, tmp_path / "again.json", "nerfstudio", VIEW)
    assert_same_keys(load_path(tmp_path / "again.json"), path, frames=False)


# ---- Bundler ------------------------------------------------------------------------------------------------------------------------------------


def write_bundle(folder: Path) -> CameraPath:
    """Three cameras and one that was not found, then points, which do not matter."""
    path = random_path(3)
    folder.mkdir()
    lines, pictures = ["# Bundle file v0.3", "4 1"], []
    for i, key in enumerate(path.keys):
        if i == 1:
            lines += ["0 0 0", *["0 0 0"] * 4]
            pictures.append("lost.jpg 160 90")
        T = np.linalg.inv(key.T_world_camera @ np.diag([1.0, -1.0, -1.0, 1.0]))  # OpenGL's axes
        lines.append(f"{float(45.0 / np.tan(np.radians(key.fov_y_deg) / 2))!r} 0.1 0")
        lines += [" ".join(repr(float(x)) for x in row) for row in (*T[:3, :3], T[:3, 3])]
        pictures.append(f"{i}.jpg 160 90")
    (folder / "bundle.out").write_text("\n".join([*lines, "1 2 3", "255 0 0", "1 0 0 1.0 2.0"]) + "\n")
    (folder / "list_images.txt").write_text("\n".join(pictures) + "\n")
    return path


def test_cameras_of_bundler_are_a_path(tmp_path: Path) -> None:
    path = write_bundle(tmp_path / "sibr")
    for named in (tmp_path / "sibr", tmp_path / "sibr" / "bundle.out"):
        read = load_path(named)
        assert [key.time_s for key in read.keys] == [0.0, 1.0, 2.0]
        for got, key in zip(read.keys, path.keys, strict=True):
            np.testing.assert_allclose(got.T_world_camera, key.T_world_camera, atol=1e-9)
            assert got.fov_y_deg == pytest.approx(key.fov_y_deg)


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("bundle.out", "", r"expected the number of cameras in the first line"),
        ("bundle.out", "# Bundle file v0.3\n7 0\n", r"says it has 7 cameras, found 0"),
        ("bundle.out", "1 0\n50 0 0\n1 0 0\n0 x 0\n0 0 1\n0 0 0\n", r"camera 0: expected a number, found 'x'"),
        ("bundle.out", "1 0\n50 0 0\n0 0 0\n0 0 0\n0 0 0\n0 0 0\n", r"camera 0: expected a rotation"),
        ("bundle.out", "1 0\n50 0 0\n2 0 0\n0 2 0\n0 0 2\n0 0 0\n", r"camera 0 must hold a rotation"),
        ("bundle.out", "1 0\n0 0 0\n0 0 0\n0 0 0\n0 0 0\n0 0 0\n", r"none of its 1 cameras was found"),
        ("list_images.txt", "a.jpg 1 1\n", r"and 1 pictures in list_images\.txt"),
        ("list_images.txt", "a.jpg 160\nb.jpg 160 90\nc.jpg 160 90\nd.jpg 160 90\n", r"list_images\.txt, line 1: expected name, width and height"),
    ],
)
def test_bundles_that_are_damaged_are_named(tmp_path: Path, name: str, text: str, complaint: str) -> None:
    write_bundle(tmp_path / "sibr")
    (tmp_path / "sibr" / name).write_text(text)
    with pytest.raises(ValueError, match=complaint):
        load_path(tmp_path / "sibr")


def test_a_bundle_without_sizes_says_what_is_missing(tmp_path: Path) -> None:
    write_bundle(tmp_path / "sibr")
    (tmp_path / "sibr" / "list_images.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"list_images\.txt: no such file; cameras of Bundler are in bundle\.out and list_images\.txt"):
        load_path(tmp_path / "sibr")
