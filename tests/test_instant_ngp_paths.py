"""instant-ngp's path files: keys there and back, its space and its splines, and a file that it wrote."""

from __future__ import annotations

import json
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from captures import ring
from foreign_paths import FOREIGN, FRAMES, VIEW, assert_same_keys, random_path

from im4d_core import curves
from im4d_core.geometry import look_at
from im4d_core.path_files import ForeignWorlds, NgpWorld, export_path, load_path, path_from_json
from im4d_core.path_generators import orbit
from viewer.events import LoadPath, PathLoaded
from viewer.path_reader import PathReader


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
    reader = PathReader(woken.set)
    reader.read(LoadPath(file=tmp_path / "a.json"), FRAMES)
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
