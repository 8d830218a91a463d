"""Captures whose cameras other programs calibrated: the same cameras come out, whoever wrote the files."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from captures import SmallCapture, write_capture

from im4d_core import curves
from im4d_core.calibration import calibration_of
from im4d_core.calibration.rig import CameraFolders
from im4d_core.config import DataConfig
from im4d_core.data import estimated_up, open_scene
from im4d_core.data.frames import FrameLoader
from im4d_core.geometry import project
from im4d_core.types import Camera, Scene

FOREIGN = Path(__file__).parent / "foreign"
DISTORTION = (-0.1, 0.02, 0.001, -0.002, 0.0)  # of the files in FOREIGN
FORMS: dict[str, tuple[str, str]] = {
    "COLMAP, text, in the capture": ("colmap_text", "."),
    "COLMAP, text, in sparse": ("colmap_text", "sparse"),
    "COLMAP, binary, in sparse/0": ("colmap_binary", "sparse/0"),
    "COLMAP, binary, in colmap/sparse/0": ("colmap_binary", "colmap/sparse/0"),
    "nerfstudio": ("nerfstudio", "."),
    "EasyVolcap": ("easyvolcap", "."),
}


def write_bare(folder: Path, distortion: tuple[float, ...] = DISTORTION, **meta: object) -> SmallCapture:
    """A capture of four cameras without a calibration, whose meta.json says nothing of pixel centres."""
    written = write_capture(folder, cameras=4, distortion=distortion)
    for name in ("intri.yml", "extri.yml"):
        (folder / name).unlink()
    said = json.loads((folder / "meta.json").read_text())
    del said["pixel_centre"]
    (folder / "meta.json").write_text(json.dumps({**said, **meta}))
    return written


def calibrate(folder: Path, form: str = "COLMAP, text, in the capture") -> None:
    source, place = FORMS[form]
    shutil.copytree(FOREIGN / source, folder / place, dirs_exist_ok=True)


def opened(folder: Path, **settings: Any) -> Scene:
    return open_scene(DataConfig(path=str(folder), **settings))


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


def llff_row(camera: Camera) -> np.ndarray:
    """As LLFF makes one of an OpenGL pose, by its description: columns -y, x, z, position, then height, width and focal length; near and far at the end."""
    opengl = np.linalg.inv(camera.T_camera_world) @ np.diag([1.0, -1.0, -1.0, 1.0])
    hwf = [float(camera.height), float(camera.width), camera.K[0, 0]]
    return np.concatenate([np.column_stack([-opengl[:3, 1], opengl[:3, 0], opengl[:3, 2], opengl[:3, 3], hwf]).ravel(), [1.0, 5.0]])


def write_llff(folder: Path) -> tuple[Camera, ...]:
    """A capture with poses_bounds.npy of the two cameras of the ring whose principal points are in the middle, as the format wants them."""
    written = write_bare(folder, (0.0, 0.0, 0.0, 0.0, 0.0), test_views=["03"])
    for kind in ("images", "masks"):
        for name in ("01", "02"):
            shutil.rmtree(folder / kind / name)
    cameras = (written.cameras[0], written.cameras[3])
    np.save(folder / "poses_bounds.npy", np.stack([llff_row(camera) for camera in cameras]))
    return cameras


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


# ---- bad input ----------------------------------------------------------------------------------------------------------------------------------


def edit(name: str, old: str, new: str) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))

    return apply


def cut(name: str, size: int) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        (folder / name).write_bytes((folder / name).read_bytes()[:size])

    return apply


def row(index: int, values: dict[int, float]) -> Callable[[Path], None]:
    """Changes numbers in a row of poses_bounds.npy."""

    def apply(folder: Path) -> None:
        rows = np.load(folder / "poses_bounds.npy")
        for at, value in values.items():
            rows[index, at] = value
        np.save(folder / "poses_bounds.npy", rows)

    return apply


def frames(change: Callable[[list[dict[str, Any]]], object]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        content = json.loads((folder / "transforms.json").read_text())
        change(content["frames"])
        (folder / "transforms.json").write_text(json.dumps(content))

    return apply


def shared(**values: object) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        content = json.loads((folder / "transforms.json").read_text())
        (folder / "transforms.json").write_text(json.dumps({**content, **values}))

    return apply


COLMAP: dict[str, tuple[Callable[[Path], object], str]] = {
    "a lens that is not read": (
        edit("cameras.txt", "2 OPENCV", "2 OPENCV_FISHEYE"),
        r"cameras.txt, line 5: expected a camera of one of the models SIMPLE_PINHOLE, .*found '2 OPENCV_FISHEYE 64 48 .*image_undistorter",
    ),
    "too few parameters": (edit("cameras.txt", " 0.001 -0.002", ""), r"cameras.txt, line 4: expected the parameters fx fy cx cy k1 k2 p1 p2 of OPENCV, found"),
    "no focal length": (edit("cameras.txt", "62.522137552651238", "0"), r"cameras.txt, line 4: size and focal lengths must be positive"),
    "rational distortion": (
        edit("cameras.txt", "1 OPENCV 64 48 62.522137552651238 62.522137552651238 32 24", "1 FULL_OPENCV 64 48 62 62 32 24 0.1 0 0 0"),
        r"cameras.txt, line 4: distortion must be OpenCV's k1, k2, p1, p2, k3 alone, found k4, k5 or k6",
    ),
    "no cameras": (lambda folder: (folder / "cameras.txt").unlink(), r"cameras.txt: no such file; a COLMAP text model has cameras.txt and images.txt"),
    "points are missing": (
        edit("images.txt", "11.25 20.5 1 30 4.75 -1 \n", ""),
        r"images.txt, line 6: expected the points of 00/000000.jpg, x, y",
    ),
    "a camera that moves": (
        edit("images.txt", "2.5317977802344327 1 00/000002.jpg", "2.6 1 00/000002.jpg"),
        r"images.txt: camera '00' must stand still .*00/000000.jpg and 00/000002.jpg are 0.0682 apart \(the rig reaches 6.96\), turned by 0 degrees",
    ),
    "a lens that zooms": (
        edit("images.txt", "2.5317977802344327 1 00/000002.jpg", "2.5317977802344327 2 00/000002.jpg"),
        r"camera '00' must stand still and keep its lens.* differ by 2.6 % in focal length.*leave one picture of each camera",
    ),
    "other names": (
        lambda folder: [(folder / "images" / name).rename(folder / "images" / f"cam{name}") for name in ("00", "01", "02", "03")],
        r"images.txt: none of its pictures \(00/000000.jpg, .* and 3 more\) is of a camera of .*images, whose folders are cam00, cam01, cam02, cam03",
    ),
    "no images": (lambda folder: shutil.rmtree(folder / "images"), r"images: no such folder; expected images/<camera>/<frame>.jpg; where there are videos"),
    "another size": (
        edit("cameras.txt", "64 48", "640 480"),
        r"camera '00': its calibration \(cameras.txt and images.txt\) is made for pictures of 640 × 480, but .*000000.jpg has 64 × 48",
    ),
    "a camera without pictures": (
        lambda folder: [path.unlink() for path in (folder / "images" / "02").iterdir()],
        r"images: no images of camera '02'; expected files such as .*leave the camera out of the calibration",
    ),
}
TRANSFORMS: dict[str, tuple[Callable[[Path], object], str]] = {
    "cut": (cut("transforms.json", 400), r"transforms.json: expected JSON, found"),
    "no frames": (shared(frames=[]), r"transforms.json: frames must be a list of pictures, found \[\]"),
    "no list of frames": (shared(frames=3), r"transforms.json: frames must be a list of pictures, found 3"),
    "a path file": (lambda folder: (folder / "transforms.json").write_text("{}"), r"transforms.json: field 'frames' is missing"),
    "no pose": (frames(lambda items: items[2].pop("transform_matrix")), r"transforms.json: frames\[2\]: field 'transform_matrix' is missing"),
    "no name": (frames(lambda items: items[2].pop("file_path")), r"frames\[2\]: field 'file_path' is missing"),
    "a number for a name": (frames(lambda items: items[2].update(file_path=7)), r"frames\[2\]: file_path must be a text, found 7"),
    "words for numbers": (frames(lambda items: items[0].update(fl_x="wide")), r"frames\[0\]: fl_x must be a number from 0.001 to 1e\+09, found 'wide'"),
    "no focal length": (
        frames(lambda items: [items[0].pop("fl_x"), items[0].pop("fl_y")]),
        r"frames\[0\]: no focal length; expected fl_x, or camera_angle_x in radians",
    ),
    "half a matrix": (frames(lambda items: items[1].update(transform_matrix=[[1, 0], [0, 1]])), r"frames\[1\]: transform_matrix must be 4 x 4 numbers"),
    "no rotation": (frames(lambda items: items[1]["transform_matrix"][0].__setitem__(0, 3.0)), r"frames\[1\]: transform_matrix must hold a rotation"),
    "a mirror": (
        frames(lambda items: items[1].update(transform_matrix=np.diag([-1.0, 1.0, 1.0, 1.0]).tolist())),
        r"frames\[1\]: transform_matrix must hold a rotation, found one .*determinant -1",
    ),
    "NaN": (frames(lambda items: items[1]["transform_matrix"][0].__setitem__(3, float("nan"))), r"frames\[1\]: transform_matrix must be finite"),
    "fisheye, nerfstudio's": (
        frames(lambda items: items[0].update(camera_model="OPENCV_FISHEYE")),
        r"frames\[0\]: expected a camera of one of the models PERSPECTIVE, .*found camera_model 'OPENCV_FISHEYE'; undistort",
    ),
    "fisheye, instant-ngp's": (shared(is_fisheye=True), r"frames\[0\]: expected a camera of one of the models .*found is_fisheye True"),
    "k4": (frames(lambda items: items[0].update(k4=0.1)), r"frames\[0\]: distortion must be k1, k2, p1, p2, k3 alone, found k4 0.1"),
    "a turn that is none": (shared(applied_transform=[[2, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]), r"applied_transform, of 3 x 4 numbers, must hold a rotation"),
    "no scale": (shared(applied_scale=0), r"applied_scale must be a number from"),
    "a camera that turns": (
        frames(lambda items: items[1].update(transform_matrix=items[2]["transform_matrix"])),
        r"transforms.json: camera '00' must stand still",
    ),
    "a monocular film": (
        frames(lambda items: [item.update(file_path=f"./train/r_{i}") for i, item in enumerate(items)]),
        r"transforms.json: none of its pictures \(./train/r_0, .*and 3 more\) is of a camera of",
    ),
}
LLFF: dict[str, tuple[Callable[[Path], object], str]] = {
    "cut": (cut("poses_bounds.npy", 200), r"poses_bounds.npy: cannot be read as a .npy array"),
    "pickled": (
        lambda folder: np.save(folder / "poses_bounds.npy", np.array([{}], dtype=object), allow_pickle=True),
        r"poses_bounds.npy: cannot be read as a .npy array \(Object arrays cannot be loaded",
    ),
    "another shape": (
        lambda folder: np.save(folder / "poses_bounds.npy", np.zeros((2, 3, 5))),
        r"poses_bounds.npy: expected an array of shape \(cameras, 17\), found \(2, 3, 5\) of float64",
    ),
    "too many rows": (
        lambda folder: np.save(folder / "poses_bounds.npy", np.load(folder / "poses_bounds.npy")[[0, 1, 1]]),
        r"poses_bounds.npy: its 3 rows are cameras in the order of their names, but .*images has 2 camera folders: 00, 03; add",
    ),
    "no images": (lambda folder: shutil.rmtree(folder / "images"), r"images: no such folder; .*by: python -m im4d_core unpack /"),
    "axes of OpenGL": (
        row(1, {0: 1.0, 1: 0.0, 2: 0.0, 5: 0.0, 6: 0.0, 7: 1.0, 10: 0.0, 11: 1.0, 12: 0.0}),
        r"row 1, camera '03': expected the axes down, right",
    ),
    "NaN": (row(0, {3: float("nan")}), r"row 0, camera '00': expected the axes down, right and back as a rotation and a finite position, found \["),
    "no focal length": (row(0, {14: 0.0}), r"row 0, camera '00': height, width and focal length must be positive, found 48, 64 and 0"),
    "another size": (row(0, {4: 96.0, 9: 128.0}), r"camera '00': its calibration \(poses_bounds.npy\) is made for pictures of 128 × 96, but"),
}


@pytest.mark.parametrize("case", COLMAP)
def test_a_bad_model_of_colmap_is_refused_in_words(tmp_path: Path, case: str) -> None:
    write_bare(tmp_path)
    calibrate(tmp_path)
    refused(tmp_path, *COLMAP[case])


@pytest.mark.parametrize("case", TRANSFORMS)
def test_a_bad_transforms_json_is_refused_in_words(tmp_path: Path, case: str) -> None:
    write_bare(tmp_path)
    calibrate(tmp_path, "nerfstudio")
    refused(tmp_path, *TRANSFORMS[case])


@pytest.mark.parametrize("case", LLFF)
def test_a_bad_poses_bounds_npy_is_refused_in_words(tmp_path: Path, case: str) -> None:
    write_llff(tmp_path)
    refused(tmp_path, *LLFF[case])


def refused(folder: Path, damage: Callable[[Path], object], complaint: str) -> None:
    damage(folder)
    with pytest.raises((ValueError, FileNotFoundError), match=complaint):
        opened(folder)


@pytest.mark.parametrize(("name", "size"), [("cameras.bin", 100), ("images.bin", 60), ("images.bin", 7)])
def test_a_binary_model_that_is_cut_is_refused_in_words(tmp_path: Path, name: str, size: int) -> None:
    write_bare(tmp_path)
    calibrate(tmp_path, "COLMAP, binary, in sparse/0")
    refused(tmp_path, cut(f"sparse/0/{name}", size), rf"{name}: it ends after {size} bytes, within a value; .*copy it again")


def test_a_binary_lens_that_is_not_read_is_named(tmp_path: Path) -> None:
    write_bare(tmp_path)
    calibrate(tmp_path, "COLMAP, binary, in sparse/0")
    file = tmp_path / "sparse/0/cameras.bin"
    data = file.read_bytes()
    for number, name in ((5, "OPENCV_FISHEYE"), (99, "model number 99")):
        file.write_bytes(data[:12] + struct.pack("<i", number) + data[16:])
        refused(tmp_path, lambda _: None, rf"cameras.bin, camera 1: expected a camera of one of the models SIMPLE_PINHOLE, .*found {name}; undistort")
