"""Bundler's files, as SIBR writes them, as paths."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from foreign_paths import random_path

from im4d_core.camera_path import CameraPath
from im4d_core.path_files import load_path


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
