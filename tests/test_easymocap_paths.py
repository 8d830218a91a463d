"""Paths as EasyMocap's cameras: keys and pictures there and back, and those that OpenCV and EasyVolcap wrote."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from captures import ring
from foreign_paths import FOREIGN, FRAMES, VIEW, assert_same_keys, expected_of, random_path

from im4d_core.calibration.easymocap import easymocap_cameras
from im4d_core.geometry import intrinsics
from im4d_core.path_files import export_path, load_path


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


def test_cameras_that_opencv_wrote(captures: Path) -> None:
    expected = expected_of(captures, "easymocap_opencv_writer")
    path = load_path(captures / "formats" / "easymocap_opencv_writer")
    assert len(path.keys) == len(expected["extri_names"])
    first = expected["first_extri"]
    np.testing.assert_allclose(path.keys[0].position, first["centre"], atol=1e-9)
    np.testing.assert_allclose(path.keys[0].T_world_camera[:3, :3].T, first["R"], atol=1e-9)


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
