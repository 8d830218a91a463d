"""Captures in the EasyMocap layout: cameras, frames, views and boxes come out as they were put in, whoever wrote the files."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from captures import BOUNDS, opencv_matrix, ring, write_calibration, write_capture

from im4d_core.calibration import calibration_of
from im4d_core.calibration.easymocap import easymocap_cameras, rodrigues
from im4d_core.config import DataConfig
from im4d_core.data import open_scene
from im4d_core.data.folders import read_folders
from im4d_core.data.frames import FrameLoader
from im4d_core.geometry import project


def test_cameras_frames_and_views_come_out_as_written(tmp_path: Path) -> None:
    written = write_capture(tmp_path / "box")
    scene = open_scene(DataConfig(path=str(written.folder)))
    assert scene.name == "box"
    assert scene.frames == (0, 1, 2)
    assert (scene.source_views, scene.train_views, scene.test_views) == ((0, 1, 2, 3, 4), (0, 1, 2, 3, 4), (5,))
    assert scene.fps == 12.0
    np.testing.assert_array_equal(scene.up, [0, 0, 1])
    np.testing.assert_array_equal(scene.bounds, BOUNDS)
    assert scene.image_path(3, 2) == written.folder / "images/03/000002.jpg"
    assert scene.mask_path(3, 2) == written.folder / "masks/03/000002.png"
    for camera, truth in zip(scene.cameras, written.cameras, strict=True):
        assert (camera.name, camera.width, camera.height) == (truth.name, truth.width, truth.height)
        np.testing.assert_array_equal(camera.K, truth.K)
        np.testing.assert_allclose(camera.T_camera_world, truth.T_camera_world, atol=1e-12)  # made exactly orthonormal on reading


def test_opencv_pixel_centres_are_shifted_once(tmp_path: Path) -> None:
    written = write_capture(tmp_path, opencv_centres=True)
    stored = easymocap_cameras(tmp_path)
    choices: list[tuple[Literal["auto", "0", "0.5", "as-written"], float]] = [("auto", 0.5), ("0", 0.5), ("0.5", 0.0), ("as-written", 0.0)]
    for choice, shift in choices:
        scene = open_scene(DataConfig(path=str(tmp_path), pixel_centre=choice))
        for camera, sensor, raw in zip(scene.cameras, scene.sensors, stored, strict=True):
            expected = raw.K + [[0, 0, shift], [0, 0, shift], [0, 0, 0]]
            np.testing.assert_array_equal(camera.K, expected)
            np.testing.assert_array_equal(sensor.K, expected)
    np.testing.assert_allclose(open_scene(DataConfig(path=str(tmp_path))).cameras[0].K, written.cameras[0].K, atol=1e-12)  # -0.5 + 0.5


def test_resize_and_crop_keep_points_where_they_are(tmp_path: Path) -> None:
    write_capture(tmp_path, width=65, height=47)
    full = open_scene(DataConfig(path=str(tmp_path))).cameras[2]
    scene = open_scene(DataConfig(path=str(tmp_path), resize=0.5, crop=(20, 30)))
    camera, sensor = scene.cameras[2], scene.sensors[2]
    assert (camera.width, camera.height) == (30, 20)
    assert (sensor.resized_width, sensor.resized_height, sensor.crop_x, sensor.crop_y) == (32, 23, 1, 1)
    points = np.random.default_rng(0).uniform(-0.5, 0.5, (50, 3))
    uv, depth = project(camera, points)
    uv_full, depth_full = project(full, points)
    np.testing.assert_allclose(uv, uv_full * [32 / 65, 23 / 47] - 1, atol=1e-9)  # rounding of doubles
    np.testing.assert_allclose(depth, depth_full)


def test_as_written_scales_plainly(tmp_path: Path) -> None:
    written = write_capture(tmp_path, width=65, height=47)
    scene = open_scene(DataConfig(path=str(tmp_path), resize=0.5, pixel_centre="as-written"))
    np.testing.assert_array_equal(scene.cameras[0].K, np.diag([0.5, 0.5, 1]) @ written.cameras[0].K)


@pytest.mark.parametrize(
    ("selection", "expected"),
    [("", (0, 1, 2, 3, 4, 5)), ("1:4:1", (1, 2, 3)), ("::2", (0, 2, 4)), ("4:", (4, 5)), (":99:5", (0, 5)), ("3", (3,)), ("1:6:2", (1, 3, 5))],
)
def test_frames_are_selected_by_number(tmp_path: Path, selection: str, expected: tuple[int, ...]) -> None:
    write_capture(tmp_path, frames=6, cameras=3, width=16, height=16)
    assert open_scene(DataConfig(path=str(tmp_path), frames=selection, bounds=(-1.0, -1.0, -1.0, 1.0, 1.0, 1.0))).frames == expected


@pytest.mark.parametrize(("pictures", "pattern"), [("{frame}.png", "images/{camera}/{frame:01d}.png"), ("{frame:04d}.JPG", "images/{camera}/{frame:04d}.JPG")])
def test_any_padding_and_suffix(tmp_path: Path, pictures: str, pattern: str) -> None:
    write_capture(tmp_path, frames=11, cameras=3, width=16, height=16, pictures=pictures)
    scene = open_scene(DataConfig(path=str(tmp_path)))
    assert scene.image_pattern == pattern
    assert scene.frames == tuple(range(11))
    assert all(scene.image_path(view, frame).is_file() for view in range(3) for frame in scene.frames)


def test_views_are_chosen_by_name(tmp_path: Path) -> None:
    write_capture(tmp_path, masks=None)
    scene = open_scene(DataConfig(path=str(tmp_path), test_views=("04", "01"), source_views=("05", "00")))
    assert (scene.source_views, scene.train_views, scene.test_views) == ((0, 5), (0, 2, 3, 5), (1, 4))


def test_training_views_of_the_capture_are_honoured(tmp_path: Path) -> None:
    write_capture(tmp_path, masks=None, meta={"train_views": ["00", "02", "05"]})
    assert open_scene(DataConfig(path=str(tmp_path))).train_views == (0, 2)


@pytest.mark.parametrize(("value", "expected"), [("-y", [0, -1, 0]), ("x", [1, 0, 0]), ([0, 3, 4], [0, 0.6, 0.8])])
def test_up_is_an_axis_or_a_vector(tmp_path: Path, value: object, expected: list[float]) -> None:
    write_capture(tmp_path, masks=None, meta={"up": value})
    np.testing.assert_allclose(open_scene(DataConfig(path=str(tmp_path))).up, expected)


def test_up_is_estimated_from_the_cameras(tmp_path: Path) -> None:
    write_capture(tmp_path, masks=None)
    (tmp_path / "meta.json").write_text(json.dumps({"bounds_min": [-1, -1, -1], "bounds_max": [1, 1, 1]}))
    np.testing.assert_array_equal(open_scene(DataConfig(path=str(tmp_path))).up, [0, 0, 1])


def test_names_keep_their_zeros_and_sort_as_strings(tmp_path: Path) -> None:
    cameras = tuple(replace(camera, name=name) for camera, name in zip(ring(4, 8, 8), ["10", "2", "01", "007"]))
    write_calibration(tmp_path, cameras, np.zeros(5), 0.0)
    for file in ("intri.yml", "extri.yml"):
        path = tmp_path / file
        path.write_text(path.read_text().replace('"', ""))  # unquoted, YAML would make numbers of them
    assert [camera.name for camera in easymocap_cameras(tmp_path)] == ["007", "01", "10", "2"]


@pytest.mark.parametrize("shape", [(3, 1), (1, 3)])
def test_rotations_are_read_as_vectors_too(tmp_path: Path, shape: tuple[int, int]) -> None:
    camera = ring(1, 8, 8)[0]
    names = '%YAML:1.0\nnames:\n  - "00"\n'  # older OpenCV writes no "---"
    vector = np.array([1.2, -0.4, 0.3])
    (tmp_path / "intri.yml").write_text(
        names + opencv_matrix("K_00", camera.K) + opencv_matrix("D_00", np.array([[0.1, 1e-05, 0, 0]])) + "H_00: 480.\nW_00: 640.\n"
    )
    (tmp_path / "extri.yml").write_text(names + opencv_matrix("R_00", vector.reshape(shape)) + opencv_matrix("T_00", np.ones((1, 3))))
    read = easymocap_cameras(tmp_path)[0]
    np.testing.assert_allclose(read.T_camera_world[:3, :3], rodrigues(vector))
    np.testing.assert_array_equal(read.distortion, [0.1, 1e-5, 0, 0, 0])
    assert read.size == (640, 480)


def test_rodrigues_turns_about_its_axis() -> None:
    np.testing.assert_allclose(rodrigues(np.array([0, 0, np.pi / 2])) @ [1, 0, 0], [0, 1, 0], atol=1e-15)
    np.testing.assert_array_equal(rodrigues(np.zeros(3)), np.eye(3))
    R = rodrigues(np.array([0.3, -2.0, 0.7]))
    np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-15)
    np.testing.assert_allclose(R @ [0.3, -2.0, 0.7], [0.3, -2.0, 0.7])


def test_opening_touches_one_picture_per_camera(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_capture(tmp_path, frames=5)
    touched: list[str] = []
    open_file, stat = Path.open, os.stat
    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", lambda path, *args, **named: touched.append(path.suffix) or open_file(path, *args, **named))
        patched.setattr(os, "stat", lambda path, **named: touched.append(Path(path).suffix) or stat(path, **named))
        read_folders(tmp_path, calibration_of(tmp_path), "")
    assert touched.count(".jpg") == 6
    assert touched.count(".png") == 0
    assert touched.count(".yml") >= 2, "the counters count"


def test_a_foreign_calibration_reads_as_expected(captures: Path) -> None:
    expected = json.loads((captures / "formats" / "EXPECTED.json").read_text())["easymocap_opencv_writer"]
    cameras = easymocap_cameras(captures / "formats" / "easymocap_opencv_writer")
    assert [camera.name for camera in cameras] == expected["intri_names"]
    first = cameras[0]
    assert first.name == expected["first_extri"]["name"]
    np.testing.assert_allclose(first.T_camera_world[:3, :3], expected["first_extri"]["R"], atol=1e-12)  # made exactly orthonormal on reading
    np.testing.assert_array_equal(first.T_camera_world[:3, 3], expected["first_extri"]["T"])
    np.testing.assert_array_equal(first.K, expected["first_K"]["K"])
    np.testing.assert_array_equal(first.distortion, expected["first_K"]["dist"])
    np.testing.assert_allclose(-first.T_camera_world[:3, :3].T @ first.T_camera_world[:3, 3], expected["first_extri"]["centre"], atol=1e-12)


@pytest.mark.parametrize("name", ["valid_dance24", "knight_small8"])
def test_surface_points_project_into_the_masks(captures: Path, name: str) -> None:
    from im4d_core.data.pictures import read_mask

    root = captures / name
    scene = open_scene(DataConfig(path=str(root), frames=":13:5"))
    inside, margins = [], []  # margins in pixels: silhouette's extent beyond that of the points, left, top, right, bottom
    for frame in scene.frames:
        points = np.load(root / "gt" / "surface" / f"{frame:06d}.npy").astype(np.float64)
        for view in range(0, len(scene.cameras), 3):
            path = scene.mask_path(view, frame)
            assert path is not None
            mask = read_mask(path)
            uv, _ = project(scene.cameras[view], points)
            column, row = np.floor(uv).astype(int).T
            within = (column >= 0) & (row >= 0) & (column < mask.shape[1]) & (row < mask.shape[0])
            inside.append((mask[row[within], column[within]] > 0).mean())
            covered = np.argwhere(mask > 127)
            extent = np.stack([uv[within].min(axis=0), uv[within].max(axis=0)])
            margins.append(np.concatenate([extent[0] - covered.min(axis=0)[::-1], covered.max(axis=0)[::-1] + 1 - extent[1]]))
    assert min(inside) > 0.999, "pixels of a silhouette's rim are covered by less than 1/255 now and then"
    left, top, right, bottom = np.mean(margins, axis=0)
    # Points stop short of a silhouette on both sides alike, by what lies between them. Half a pixel of shift would make 0.5 of these; measured: 0.15.
    assert max(abs(left - right), abs(top - bottom)) / 2 < 0.3


def test_pictures_that_are_masked_already_are_taken_as_they_are(tmp_path: Path) -> None:
    scenes = [open_scene(DataConfig(path=str(write_capture(tmp_path / str(masked), meta={"masked": masked}).folder))) for masked in (True, False)]
    assert [scene.pictures_are_masked for scene in scenes] == [True, False]
    rims = []
    for scene in scenes:
        with FrameLoader(scene, DataConfig(path=str(scene.root))) as loader:
            view = loader.get(0, [0])[0]
            rims.append(float(view.image[(view.mask > 60) & (view.mask < 200)].float().mean()))
    assert rims[0] > 1.3 * rims[1]  # a rim of half coverage is half as bright once multiplied


def test_masked_must_be_true_or_false(tmp_path: Path) -> None:
    folder = write_capture(tmp_path, meta={"masked": "yes"}).folder
    with pytest.raises(ValueError, match=r"meta\.json: masked must be true or false .*found 'yes'"):
        open_scene(DataConfig(path=str(folder)))
