"""COLMAP models as paths, text and binary, and those that COLMAP and kapture wrote."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from captures import ring
from foreign_paths import FOREIGN, assert_same_keys, expected_of, random_path

from im4d_core import curves
from im4d_core.camera_path import CameraPath
from im4d_core.path_files import load_path


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


def test_models_that_colmap_wrote() -> None:
    text, binary = load_path(FOREIGN / "colmap_text"), load_path(FOREIGN / "colmap_binary")
    assert text == binary
    for key, camera in zip(text.keys[::2], ring(4, 64, 48), strict=True):  # two pictures of each
        np.testing.assert_allclose(key.T_world_camera, np.linalg.inv(camera.T_camera_world), atol=1e-9)
