"""Captures whose cameras other programs calibrated: the same cameras come out, whoever wrote the files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from captures import SmallCapture, write_capture
from foreign_captures import DISTORTION, FOREIGN, FORMS, calibrate, opened, write_bare, write_llff

from im4d_core import curves
from im4d_core.calibration import calibration_of
from im4d_core.calibration.rig import CameraFolders
from im4d_core.config import DataConfig
from im4d_core.data import estimated_up
from im4d_core.data.frames import FrameLoader
from im4d_core.geometry import project
from im4d_core.types import Camera, Scene


def assert_same_cameras(scene: Scene, cameras: Sequence[Camera], distortion: Sequence[float]) -> None:
    """1e-9: the coarsest files have ten decimals, the others all digits of doubles."""
    assert [camera.name for camera in scene.cameras] == [camera.name for camera in cameras]
    for camera, sensor, truth in zip(scene.cameras, scene.sensors, cameras):
        assert (camera.width, camera.height) == (truth.width, truth.height)
        np.testing.assert_allclose(camera.K, truth.K, atol=1e-9)
        np.testing.assert_allclose(camera.T_camera_world, truth.T_camera_world, atol=1e-9)
        np.testing.assert_allclose(sensor.distortion, distortion, atol=1e-9)


@pytest.mark.parametrize("form", FORMS)
def test_every_program_s_files_are_the_same_cameras(tmp_path: Path, form: str) -> None:
    written = write_bare(tmp_path)
    calibrate(tmp_path, form)
    scene = opened(tmp_path)
    assert_same_cameras(scene, written.cameras, DISTORTION)
    assert scene.test_views == (3,) and scene.frames == (0, 1, 2)


def test_pictures_and_boxes_are_those_of_an_easymocap_capture(tmp_path: Path) -> None:
    """All that comes after reading sees no difference: undistorted pictures, masks, boxes of the masks. The control leaves distortion out."""
    scenes = {}
    for form in ("EasyVolcap", "COLMAP, binary, in sparse/0", "nerfstudio"):
        write_bare(tmp_path / form)
        calibrate(tmp_path / form, form)
        scenes[form] = opened(tmp_path / form)
    write_bare(tmp_path / "straight")
    calibrate(tmp_path / "straight")
    cameras = tmp_path / "straight" / "cameras.txt"
    cameras.write_text(cameras.read_text().replace("-0.10000000000000001 0.02 0.001 -0.002", "0 0 0 0"))
    scenes["straight"] = opened(tmp_path / "straight")
    views = {}
    for form, scene in scenes.items():
        with FrameLoader(scene, DataConfig(path=str(scene.root))) as loader:
            views[form] = loader.get(1, [2])[0]
        if form != "straight":
            np.testing.assert_allclose(scene.boxes, scenes["EasyVolcap"].boxes, atol=1e-6)  # cells of the hull are far larger than rounding
            assert (views[form].image == views["EasyVolcap"].image).all() and (views[form].mask == views["EasyVolcap"].mask).all()
    assert (views["straight"].image != views["EasyVolcap"].image).any()


def test_rows_of_llff_are_cameras_in_the_order_of_their_folders(tmp_path: Path) -> None:
    cameras = write_llff(tmp_path)
    (tmp_path / "images" / ".thumbnails").mkdir()  # no camera
    assert_same_cameras(opened(tmp_path), cameras, np.zeros(5))


def test_a_row_of_llff_by_hand(tmp_path: Path) -> None:
    """A camera at (0, -3, 1) that looks along +y with z up: down is -z, right is +x, back is -y."""
    write_llff(tmp_path)
    by_hand = [[0, 1, 0, 0, 48], [0, 0, -1, -3, 64], [-1, 0, 0, 1, 60.0]]
    rows = np.load(tmp_path / "poses_bounds.npy")
    rows[0, :15] = np.ravel(by_hand)
    np.save(tmp_path / "poses_bounds.npy", rows.astype(np.float32))
    camera = opened(tmp_path, boxes="", bounds=(-1.0, -1.0, -1.0, 1.0, 1.0, 1.0), test_views=()).cameras[0]
    uv, depth = project(camera, np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 1.0], [0.0, 0.0, 2.0]]))
    np.testing.assert_allclose(uv, [[32, 24], [52, 24], [32, 4]], atol=1e-9)  # a metre at 3 m is 60 / 3 pixels
    np.testing.assert_allclose(depth, 3.0)


# ---- COLMAP -------------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "K", "distortion"),
    [
        ("1 SIMPLE_PINHOLE 64 48 60 31 23", (60, 60, 31, 23), (0, 0, 0, 0, 0)),
        ("1 PINHOLE 64 48 60 61 31 23", (60, 61, 31, 23), (0, 0, 0, 0, 0)),
        ("1 SIMPLE_RADIAL 64 48 60 31 23 -0.1", (60, 60, 31, 23), (-0.1, 0, 0, 0, 0)),
        ("1 RADIAL 64 48 60 31 23 -0.1 0.02", (60, 60, 31, 23), (-0.1, 0.02, 0, 0, 0)),
        ("1 OPENCV 64 48 60 61 31 23 -0.1 0.02 0.001 -0.002", (60, 61, 31, 23), (-0.1, 0.02, 0.001, -0.002, 0)),
        ("1 FULL_OPENCV 64 48 60 61 31 23 -0.1 0.02 0.001 -0.002 0.003 0 0 0", (60, 61, 31, 23), (-0.1, 0.02, 0.001, -0.002, 0.003)),
    ],
)
def test_models_of_colmap_with_one_picture_a_camera(tmp_path: Path, line: str, K: Sequence[float], distortion: Sequence[float]) -> None:
    """Pictures called as their cameras are, all taken with one lens; parameters in the order that COLMAP documents."""
    written = write_bare(tmp_path, bounds_min=[-2, -2, -2], bounds_max=[2, 2, 2])
    shutil.rmtree(tmp_path / "masks")
    calibrate(tmp_path)
    (tmp_path / "cameras.txt").write_text(f"# by hand\n\n{line}\n")
    rows = [text for text in (tmp_path / "images.txt").read_text().splitlines() if text.endswith("/000000.jpg")]
    renamed = [" ".join([*text.split()[:8], "1", f"{text.split()[9][:2]}.png"]) for text in rows]
    (tmp_path / "images.txt").write_text("\n\n".join(renamed))  # without points, and without an empty line at the end
    scene = opened(tmp_path)
    for camera, sensor, truth in zip(scene.cameras, scene.sensors, written.cameras, strict=True):
        np.testing.assert_array_equal(camera.K, [[K[0], 0, K[2]], [0, K[1], K[3]], [0, 0, 1]])
        np.testing.assert_array_equal(sensor.distortion, distortion)
        np.testing.assert_allclose(camera.T_camera_world, truth.T_camera_world, atol=1e-9)


def test_binary_files_win_over_text_as_in_colmap(tmp_path: Path) -> None:
    written = write_bare(tmp_path)
    calibrate(tmp_path)
    shutil.copytree(FOREIGN / "colmap_binary", tmp_path, dirs_exist_ok=True)
    (tmp_path / "images.txt").write_text("nonsense\n")
    assert_same_cameras(opened(tmp_path), written.cameras, DISTORTION)


# ---- transforms.json ----------------------------------------------------------------------------------------------------------------------------


def write_transforms(folder: Path, change: Callable[[dict[str, Any]], object], **meta: object) -> SmallCapture:
    """A capture with nerfstudio's file, changed."""
    written = write_bare(folder, **meta)
    content = json.loads((FOREIGN / "nerfstudio" / "transforms.json").read_text())
    change(content)
    (folder / "transforms.json").write_text(json.dumps(content))
    return written


LENS = ("fl_x", "fl_y", "cx", "cy", "w", "h", "k1", "k2", "p1", "p2", "camera_model")


def test_values_of_all_pictures_are_overruled_by_those_of_one(tmp_path: Path) -> None:
    """As instant-ngp reads them. The lens of the first picture stands beside the frames; only the others keep theirs."""

    def share(content: dict[str, Any]) -> None:
        content |= {name: content["frames"][0].pop(name) for name in LENS}
        for name in LENS:
            del content["frames"][1][name]  # the same camera at another frame

    assert_same_cameras(opened(write_transforms(tmp_path, share).folder), ring_of(tmp_path), DISTORTION)


def ring_of(folder: Path) -> tuple[Camera, ...]:
    """The cameras that every capture of this file has."""
    return write_capture(folder.with_name("truth"), cameras=4).cameras


def test_an_angle_and_the_size_of_the_pictures_are_enough(tmp_path: Path) -> None:
    """As Blender's exporters write it: no sizes, no principal point, file names without a suffix, poses of three rows, a time."""

    def bare(content: dict[str, Any]) -> None:
        for i, item in enumerate(content["frames"]):
            for name in LENS:
                del item[name]
            item |= {"file_path": f"./images/{item['file_path'][7:9]}", "time": i / 7, "transform_matrix": item["transform_matrix"][:3]}
        content["camera_angle_x"] = 2 * np.arctan(0.5 * 64 / 60)

    written = write_transforms(tmp_path, bare)
    for camera, truth in zip(opened(tmp_path).cameras, written.cameras, strict=True):
        np.testing.assert_allclose(camera.K, [[60, 0, 32], [0, 60, 24], [0, 0, 1]], atol=1e-9)
        np.testing.assert_allclose(camera.T_camera_world, truth.T_camera_world, atol=1e-9)


def test_scaled_rotations_are_directions(tmp_path: Path) -> None:
    """nerfstudio's datasets have such poses: the length of a direction does not matter there."""

    def scale(content: dict[str, Any]) -> None:
        for item in content["frames"]:
            item["transform_matrix"] = (np.array(item["transform_matrix"]) @ np.diag([0.21, 0.21, 0.21, 1.0])).tolist()

    written = write_transforms(tmp_path, scale)
    assert_same_cameras(opened(tmp_path), written.cameras, DISTORTION)


def test_nerfstudio_s_own_turn_and_scale_are_taken_back(tmp_path: Path) -> None:
    """Its positions are `applied_scale` times those that `applied_transform` makes of the ones before. The control leaves the turn in."""

    def apply(content: dict[str, Any]) -> None:
        content["applied_scale"] = 2.0
        for item in content["frames"]:
            item["transform_matrix"] = (np.diag([2.0, 2.0, 2.0, 1.0]) @ np.array(item["transform_matrix"]) @ np.diag([0.5, 0.5, 0.5, 1.0])).tolist()

    written = write_transforms(tmp_path / "scaled", apply)
    assert_same_cameras(opened(tmp_path / "scaled"), written.cameras, DISTORTION)
    write_transforms(tmp_path / "turned", lambda content: content.pop("applied_transform"), bounds_min=[-2, -2, -2], bounds_max=[2, 2, 2])
    shutil.rmtree(tmp_path / "turned" / "masks")
    assert np.abs(opened(tmp_path / "turned").cameras[0].R - written.cameras[0].R).max() > 0.5


def test_a_file_for_instant_ngp(tmp_path: Path) -> None:
    """Two pictures of a scan around the origin: the axes of both cameras meet there, and principal points stay where they are, centres at +0.5."""
    folders = CameraFolders(parent=tmp_path / "images", names=("0047", "0048"), size_of=lambda _: (0, 0))
    shutil.copy(FOREIGN / "instant_ngp" / "transforms.json", tmp_path)
    calibration = calibration_of(tmp_path)
    assert calibration is not None and calibration.pixel_centre == "0.5"
    cameras = calibration.cameras(folders)
    assert [camera.name for camera in cameras] == ["0047", "0048"]
    for camera in cameras:
        np.testing.assert_array_equal(camera.K, [[2892.33, 0, 777], [0, 2883.18, 581], [0, 0, 1]])
        assert camera.size == (1554, 1162)
        x, y, z = camera.T_camera_world[:3, 3]  # the origin, seen from the camera
        assert z == pytest.approx(4.0, abs=0.02)
        assert np.hypot(x, y) < 0.02  # measured: the axes pass it by a hundredth


# ---- what the forms leave unsaid ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("form", "shift"), [("nerfstudio", 0.0), ("COLMAP, text, in the capture", 0.0), ("EasyVolcap", 0.5)])
def test_pixel_centres_are_those_of_the_program_until_somebody_says_otherwise(tmp_path: Path, form: str, shift: float) -> None:
    write_bare(tmp_path)
    calibrate(tmp_path, form)
    cx = 32.0 - shift  # as the file has it
    assert opened(tmp_path).cameras[0].K[0, 2] == pytest.approx(32.0)
    assert opened(tmp_path, pixel_centre="0").cameras[0].K[0, 2] == pytest.approx(cx + 0.5)
    said = json.loads((tmp_path / "meta.json").read_text())
    (tmp_path / "meta.json").write_text(json.dumps({**said, "pixel_centre": 0.5}))
    assert opened(tmp_path).cameras[0].K[0, 2] == pytest.approx(cx)


def test_up_is_no_axis_where_a_program_chose_the_world(tmp_path: Path) -> None:
    """A world tilted by 20 degrees. Its z is near up; where people laid it out, it is up."""
    tilt = np.eye(4)
    tilt[:3, :3] = curves.rotation(curves.exponential(np.array([np.radians(20.0), 0.0, 0.0])))

    def tilted(content: dict[str, Any]) -> None:
        turn = np.array([*content.pop("applied_transform"), [0.0, 0.0, 0.0, 1.0]])
        for item in content["frames"]:
            item["transform_matrix"] = (tilt @ np.linalg.inv(turn) @ np.array(item["transform_matrix"])).tolist()

    write_transforms(tmp_path, tilted)
    said = json.loads((tmp_path / "meta.json").read_text())
    del said["up"]
    (tmp_path / "meta.json").write_text(json.dumps(said))
    for x in said["bounds_min"], said["bounds_max"]:
        x[:] = [2.0 * value for value in x]
    (tmp_path / "meta.json").write_text(json.dumps(said))
    scene = opened(tmp_path)
    assert np.degrees(np.arccos(scene.up @ tilt[:3, 2])) < 5.0  # the ring's pictures point up on average, from two heights
    np.testing.assert_array_equal(estimated_up(scene.cameras, upright=True), [0.0, 0.0, 1.0])


def test_of_several_calibrations_one_is_taken_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_bare(tmp_path)
    order = ("intri.yml and extri.yml", "images.bin", "sparse/0/images.bin", "transforms.json", "poses_bounds.npy")
    for form in ("EasyVolcap", "COLMAP, binary, in sparse/0", "nerfstudio"):
        calibrate(tmp_path, form)
    shutil.copytree(FOREIGN / "colmap_binary", tmp_path, dirs_exist_ok=True)
    np.save(tmp_path / "poses_bounds.npy", np.zeros((4, 17)))
    for i, name in enumerate(order):
        caplog.clear()
        calibration = calibration_of(tmp_path)
        assert calibration is not None and calibration.files.endswith(name)
        if i == len(order) - 1:
            assert caplog.text == ""
        else:
            assert f"cameras are taken from {calibration.files}, not from " in caplog.text and order[-1] in caplog.text
        for file in name.split(" and "):
            (tmp_path / file).unlink()
    assert calibration_of(tmp_path) is None


@pytest.mark.parametrize(
    ("picture", "camera"),
    [
        ("cam00.png", "cam00"),
        ("./images/cam00/000010.jpg", "cam00"),
        ("cam00/left/1.jpg", "cam00"),
        ("cam00/5/000000.jpg", "5"),  # the nearest
        ("0/5.jpg", "0"),  # not camera 5, which is another one
        ("5.jpg", "5"),
        (r"rig\cam00\000000.jpg", "cam00"),
        ("train/cam00", "cam00"),
        ("cam.00.png", "cam.00"),
        ("cam000.png", None),
        ("images/frame_00001.jpg", None),
    ],
)
def test_pictures_are_named_after_their_cameras(picture: str, camera: str | None) -> None:
    folders = CameraFolders(parent=Path("images"), names=("0", "5", "cam.00", "cam00"), size_of=lambda _: (1, 1))
    assert folders.camera_of(picture) == camera


def test_pictures_of_no_camera_are_left_out_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A rig is often calibrated with more pictures than it took; and a camera without a picture in the model is not used."""
    written = write_bare(tmp_path)
    calibrate(tmp_path)
    file = tmp_path / "images.txt"
    file.write_text(file.read_text().replace("01/00000", "scan/00000"))
    scene = opened(tmp_path)
    assert_same_cameras(scene, [camera for camera in written.cameras if camera.name != "01"], DISTORTION)
    assert "2 pictures are of no camera of" in caplog.text and "scan/000000.jpg" in caplog.text
    assert "no calibration of 01; not used" in caplog.text


def test_rounding_of_the_poses_of_one_camera_is_no_motion(tmp_path: Path) -> None:
    """Pictures of one camera that were calibrated one by one, half a pixel from each other."""
    written = write_bare(tmp_path)
    calibrate(tmp_path)
    file = tmp_path / "images.txt"
    file.write_text(file.read_text().replace("2.5317977802344327 1 00/000002.jpg", "2.5327 1 00/000002.jpg"))
    np.testing.assert_allclose(opened(tmp_path).cameras[0].T_camera_world, written.cameras[0].T_camera_world, atol=1e-9)  # the first one counts


def test_the_points_of_a_real_model_lie_where_its_pictures_saw_them(captures: Path) -> None:
    """A scene that was reconstructed from photographs: its points meet the observations as closely as was measured by another program."""
    root = captures / "formats" / "colmap_text_kapture"
    expected = json.loads((captures / "formats" / "EXPECTED.json").read_text())["colmap_text_kapture"]
    points = {}
    for line in (root / "points3D.txt").read_text().splitlines():
        if not line.startswith("#"):
            words = line.split()
            points[words[0]] = [float(word) for word in words[1:4]]
    calibration = calibration_of(root)
    assert calibration is not None
    cameras = calibration.cameras(CameraFolders(parent=root, names=("00", "01", "02", "03"), size_of=lambda _: (1, 1)))
    rows = [line.split() for line in (root / "images.txt").read_text().splitlines() if not line.startswith("#")]
    seen = {head[9].removesuffix(".jpg"): np.reshape(observed, (-1, 3)) for head, observed in zip(rows[::2], rows[1::2])}
    errors = []
    for camera in cameras:
        observed = seen[camera.name][seen[camera.name][:, 2] != "-1"]
        truth = Camera(name=camera.name, K=camera.K, T_camera_world=camera.T_camera_world, width=1919, height=1079)
        uv, depth = project(truth, np.array([points[point] for point in observed[:, 2]]))
        assert (depth > 0).all()
        errors.append(np.linalg.norm(uv - observed[:, :2].astype(float), axis=1))
    assert sum(map(len, errors)) == expected["observations"]
    assert np.median(np.concatenate(errors)) == pytest.approx(expected["median_reprojection_px"], abs=1e-3)  # six digits in the file


def test_a_film_of_one_camera_is_no_rig(captures: Path, tmp_path: Path) -> None:
    """D-NeRF's file: one camera that flies about, a picture at each time."""
    write_bare(tmp_path)
    shutil.copy(captures / "formats" / "dnerf_time" / "transforms_train.json", tmp_path / "transforms.json")
    with pytest.raises(
        ValueError, match=r"none of its pictures \(./train_low/r_0, .*and 45 more\) is of a camera of .*images, whose folders are 00, 01, 02, 03"
    ):
        opened(tmp_path)
