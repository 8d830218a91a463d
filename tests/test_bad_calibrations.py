"""What is wrong with a calibration of another program is said in words: which file, picture or camera, what was expected, what was found."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from foreign_captures import calibrate, opened, write_bare, write_llff


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


def turn(item: dict[str, Any]) -> None:
    """By a hundredth of a radian about the camera's own axis."""
    roll = np.eye(4)
    roll[:2, :2] = [[np.cos(0.01), -np.sin(0.01)], [np.sin(0.01), np.cos(0.01)]]
    item["transform_matrix"] = (np.array(item["transform_matrix"]) @ roll).tolist()


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
    "a camera that turns": (frames(lambda items: turn(items[1])), r"transforms.json: camera '00' must stand still .*turned by 0.573 degrees"),
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
