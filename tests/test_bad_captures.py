"""What is wrong with a capture is said in words: which file, camera or frame, what was expected, what was found."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from captures import write_capture

from im4d_core.config import DataConfig
from im4d_core.data import open_scene


def edit(name: str, old: str, new: str, count: int = 1) -> Callable[[Path], None]:
    """Replace text in a file of the capture; `old` is a regular expression."""

    def apply(folder: Path) -> None:
        text = (folder / name).read_text()
        changed, found = re.subn(old, new, text, count=count, flags=re.DOTALL)
        assert found, f"{old} is not in {name}"
        (folder / name).write_text(changed)

    return apply


def cut(name: str, share: float) -> Callable[[Path], None]:
    """Truncate a file of the capture."""

    def apply(folder: Path) -> None:
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[: int(share * len(data))])

    return apply


def remove(pattern: str) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        paths = list(folder.glob(pattern))
        assert paths
        for path in paths:
            path.unlink()

    return apply


def meta(**values: object) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        stored = json.loads((folder / "meta.json").read_text())
        (folder / "meta.json").write_text(json.dumps({**stored, **values}))

    return apply


def number(name: str, key: str, value: str) -> Callable[[Path], None]:
    """Write another first number into a matrix."""
    return edit(name, rf"({key}:.*?data: \[ )[^,]*", rf"\g<1>{value}")


def unmade(folder: Path) -> None:
    for path in (folder / "masks/03").iterdir():
        path.unlink()
    (folder / "masks/03").rmdir()


NOT_YAML = r"intri.yml: cannot be read as OpenCV YAML, it is truncated or damaged"
CASES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no intri.yml": (remove("intri.yml"), r"intri.yml: no such file; a capture in the EasyMocap layout has intri.yml and extri.yml"),
    "no extri.yml": (remove("extri.yml"), r"extri.yml: no such file"),
    "intri.yml cut in a list": (edit("intri.yml", r"(K_03:.*?data: \[ [^,]*,).*", r"\1"), NOT_YAML),
    "intri.yml cut somewhere": (cut("intri.yml", 0.5), r"dist_02 in .*intri.yml is not a matrix"),
    "empty extri.yml": (cut("extri.yml", 0.0), r"extri.yml: expected a list of camera names under 'names', found None; the file is truncated"),
    "binary intri.yml": (lambda folder: (folder / "intri.yml").write_bytes(b"\xff\xfe\x00\x01"), NOT_YAML),
    "extri.yml ends early": (edit("extri.yml", r"T_04.*", ""), r"camera '04': T_04 is missing in .*extri.yml; the file is incomplete"),
    "no rotation": (edit("extri.yml", r"Rot_02", "Rod_02"), r"camera '02': Rot_02 \(3 × 3\) and R_02 \(3 × 1\) are both missing in .*extri.yml"),
    "names differ": (edit("extri.yml", r'"03"', '"3"'), r"must name the same cameras; only in intri.yml: 03; only in extri.yml: 3"),
    "a name twice": (edit("intri.yml", r'"03"', '"02"'), r"intri.yml: every camera must be named once, found \['02'\] repeatedly"),
    "NaN in a pose": (number("extri.yml", "T_01", ".Nan"), r"camera '01': T_01 in .*extri.yml must hold finite numbers, found NaN"),
    "NaN in a rotation": (number("extri.yml", "Rot_01", "nan"), r"camera '01': Rot_01 in .*extri.yml must hold finite numbers"),
    "not a rotation": (number("extri.yml", "Rot_01", "3.0"), r"camera '01': Rot_01 in .*extri.yml must be a rotation"),
    "two rotations": (
        edit("extri.yml", r"Rot_01", "R_01: !!opencv-matrix\n   rows: 3\n   cols: 1\n   dt: d\n   data: [ 0., 0., 1. ]\nRot_01"),
        r"camera '01': Rot_01 and R_01 in .*extri.yml must be the same rotation, but they differ by up to",
    ),
    "too few numbers": (edit("intri.yml", r"(K_05.*?data: \[ )[^,]*, ", r"\1"), r"K_05 in .*intri.yml is not a matrix with rows, cols and as many numbers"),
    "K of another shape": (
        edit("intri.yml", r"(K_05:.*?)rows: 3(.*?)cols: 3(.*?data: \[)[^\]]*", r"\1rows: 2\2cols: 2\3 1., 0., 0., 1."),
        r"camera '05': K_05 in .*intri.yml must be 3 × 3, found 2 × 2",
    ),
    "K without focal length": (number("intri.yml", "K_00", "0."), r"camera '00': K_00 in .*intri.yml must be .* with fx, fy > 0, found \[\[0.0"),
    "words for numbers": (number("intri.yml", "K_00", "wide"), r"camera '00': K_00 in .*intri.yml is not a matrix"),
    "eight coefficients": (
        edit("intri.yml", r"(dist_00:.*?)cols: 5(.*?data: \[)[^\]]*", r"\1cols: 8\2 1., 1., 1., 1., 1., 1., 1., 1."),
        r"camera '00': distortion in .*intri.yml must have 4 or 5 coefficients \(k1, k2, p1, p2, k3\), found \[1.0, 1.0",
    ),
    "made for another size": (
        edit("intri.yml", r"\Z", "H_02: 480.\nW_02: 640.\n"),
        r"camera '02': its calibration \(intri.yml and extri.yml\) is made for pictures of 640 × 480, but .*000000.jpg has 64 × 48",
    ),
    "a camera without images": (remove("images/03/*.jpg"), r"images: no images of camera '03'; expected files such as .*images/03/000000.jpg"),
    "a camera without masks": (unmade, r"masks: no masks of camera '03'"),
    "no images": (
        lambda folder: (folder / "images").rename(folder / "pictures"),
        r"images: no such folder; expected images/<camera>/<frame>.jpg; where there are videos, .*: python -m im4d_core unpack /",
    ),
    "missing frames": (
        remove("images/0[25]/00000[12].jpg"),
        r"every camera must have every frame as <camera>/\{frame:06d\}.jpg; camera '02' lacks 2 of 3 \(1, 2\); camera '05' lacks 2 of 3",
    ),
    "a missing mask": (remove("masks/04/000001.png"), r"masks: every camera must have every frame as .*camera '04' lacks 1 of 3 \(1\)"),
    "a damaged first image": (cut("images/01/000000.jpg", 0.01), r"images/01/000000.jpg: cannot be decoded as a picture, it is truncated or corrupt"),
    "a damaged mask": (cut("masks/01/000001.png", 0.5), r"masks/01/000001.png: cannot be decoded as a picture"),
    "meta.json is cut": (cut("meta.json", 0.5), r"meta.json: not valid JSON"),
    "unknown pixel centre": (meta(pixel_centre=0.25), r"meta.json: pixel_centre must be 0 or 0.5 .*found 0.25"),
    "no such test view": (meta(test_views=["99"]), r"unknown test view '99'; the capture has the cameras 00, 01, 02, 03, 04, 05"),
    "test views by number": (meta(test_views=[3]), r"meta.json: test_views must be a list of camera names in quotes, found \[3\]"),
    "bounds upside down": (meta(bounds_min=[1, 1, 1]), r"meta.json: bounds must be six finite numbers .* with each minimum below its maximum"),
    "half the bounds": (meta(bounds_max=None), r"meta.json: bounds_min and bounds_max belong together, found bounds_min only"),
    "bounds of two numbers": (meta(bounds_max=[1, 2]), r"meta.json: bounds_max must be three numbers, found \[1, 2\]"),
    "no frame rate": (meta(fps=0), r"meta.json: fps must be a positive number, found 0"),
    "unknown up": (meta(up="w"), r"meta.json: up must be an axis such as .*found 'w'"),
    "bounds where nothing is": (
        meta(bounds_min=[0.7, 0.7, 0.7], bounds_max=[0.8, 0.8, 0.8]),
        r"the masks of frame 0 have no common part within .*\(their largest value is 255 of 255\); give --bounds that hold the subject, or leave them out",
    ),
    "everything held out": (meta(test_views=["00", "01", "02", "03", "04", "05"]), r"no source view is left, all 6 cameras are test views"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_bad_capture_is_refused_in_words(tmp_path: Path, case: str) -> None:
    damage, complaint = CASES[case]
    write_capture(tmp_path, width=64, height=48)
    damage(tmp_path)
    with pytest.raises((ValueError, FileNotFoundError), match=complaint):
        open_scene(DataConfig(path=str(tmp_path)))


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        (DataConfig(frames="7:9:1"), r"frames '7:9:1' select nothing of .*, which has 3 frames from 0 to 2"),
        (DataConfig(frames="2:1"), "select nothing"),
        (DataConfig(frames="0:3:0"), "expected START:STOP:STEP with whole numbers and a step of 1 or more"),
        (DataConfig(frames="first"), "frames 'first': expected START:STOP:STEP"),
        (DataConfig(frames="0:1:2:3"), "expected START:STOP:STEP"),
        (DataConfig(test_views=("05", "cam")), "unknown test view 'cam'; the capture has the cameras 00, 01"),
        (DataConfig(source_views=("6",)), "unknown source view '6'"),
        (DataConfig(resize=0.0), "resize must be above 0 and at most 1, found 0.0"),
        (DataConfig(resize=0.001), "camera '00': resize 0.001 leaves nothing of 64 × 48 pixels"),
        (DataConfig(crop=(49, 64)), r"camera '00': crop \(height 49, width 64\) must fit into its resized picture of 64 × 48"),
        (DataConfig(bounds=(0.0, 1.0)), r"--bounds: bounds must be six finite numbers x0 y0 z0 x1 y1 z1 .*found \[0.0, 1.0\]"),
        (DataConfig(boxes="nowhere.npy"), "nowhere.npy: no such file of boxes"),
    ],
)
def test_settings_that_do_not_fit_are_refused(tmp_path: Path, config: DataConfig, complaint: str) -> None:
    write_capture(tmp_path)
    with pytest.raises((ValueError, FileNotFoundError), match=complaint):
        open_scene(replace(config, path=str(tmp_path)))


def test_a_box_that_no_camera_sees_is_refused(tmp_path: Path) -> None:
    write_capture(tmp_path)
    boxes = np.repeat(np.array([[[-0.5] * 3, [0.5] * 3]]), 3, axis=0)
    boxes[1, :, 2] += 50
    np.save(tmp_path / "boxes.npy", boxes)
    with pytest.raises(ValueError, match=r"no camera sees the box of frame 1, \[\[-0.5, -0.5, 49.5\], \[0.5, 0.5, 50.5\]\]"):
        open_scene(DataConfig(path=str(tmp_path), boxes="boxes.npy"))


def test_a_box_around_a_camera_is_seen(tmp_path: Path) -> None:
    write_capture(tmp_path, masks=None, meta={"bounds_min": [-9, -9, -9], "bounds_max": [9, 9, 9]})
    assert open_scene(DataConfig(path=str(tmp_path))).bounds[0, 0] == -9


def test_a_subject_without_masks_or_bounds_is_unknown(tmp_path: Path) -> None:
    write_capture(tmp_path, masks=None, meta={"bounds_min": None, "bounds_max": None})
    with pytest.raises(ValueError, match="where the subject is cannot be told, the capture has no masks, no boxes and no bounds_min"):
        open_scene(DataConfig(path=str(tmp_path)))


def test_empty_masks_are_named(tmp_path: Path) -> None:
    write_capture(tmp_path)
    for path in tmp_path.glob("masks/*/000002.png"):
        iio.imwrite(path, np.ones((48, 64), np.uint8))  # 1 instead of 255
    with pytest.raises(ValueError, match=r"the masks of frame 2 have no common part .*\(their largest value is 1 of 255\); check the masks"):
        open_scene(DataConfig(path=str(tmp_path)))


def test_a_folder_that_is_no_capture(tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError,
        match=r"nowhere: no capture here; expected images/ and the cameras in intri.yml and extri.yml .* or cameras.json .*found no such folder",
    ):
        open_scene(DataConfig(path=str(tmp_path / "nowhere")))
    with pytest.raises(FileNotFoundError, match="no capture here; .*found none of them"):
        open_scene(DataConfig(path=str(tmp_path)))


def test_the_undamaged_capture_opens(tmp_path: Path) -> None:
    write_capture(tmp_path, width=64, height=48)
    assert len(open_scene(DataConfig(path=str(tmp_path))).cameras) == 6
