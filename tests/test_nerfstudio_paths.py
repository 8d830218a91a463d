"""nerfstudio's camera_path.json: keys and pictures there and back, its space, and a file that it wrote."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from foreign_paths import FRAMES, VIEW, assert_same_keys, random_path

from im4d_core.camera_path import CameraPath, Shot
from im4d_core.path_files import ForeignWorlds, NerfstudioWorld, export_path, load_path
from im4d_core.path_generators import orbit


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


def test_a_nerfstudio_file_survives_our_hands(captures: Path, tmp_path: Path) -> None:
    path = load_path(captures / "formats" / "nerfstudio_camera_path" / "camera_path.json")
    export_path(path, tmp_path / "again.json", "nerfstudio", VIEW)
    assert_same_keys(load_path(tmp_path / "again.json"), path, frames=False)
