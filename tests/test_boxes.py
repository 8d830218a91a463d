"""Boxes from masks hold what the masks show and little more, whatever the lens; the coarse-to-fine hull equals the dumb loop over voxels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from captures import BOUNDS, HALF_SIZE, render_box, ring, sight, write_capture

from im4d_core.config import DataConfig
from im4d_core.data import hull as hull_search
from im4d_core.data import open_scene
from im4d_core.data.boxes import load_boxes, rig_region
from im4d_core.data.hull import visual_hull
from im4d_core.geometry import box_union, look_at, project


def dumb_hull(cameras: tuple, masks: list[np.ndarray], bounds: np.ndarray, shape: tuple[int, ...], agreement: float) -> np.ndarray:
    """Every voxel, every camera."""
    voxel = (bounds[1] - bounds[0]) / shape
    occupied = np.zeros(shape, bool)
    for index in np.ndindex(shape):
        centre = bounds[0] + (np.array(index) + 0.5) * voxel
        seen = inside = 0
        for camera, mask in zip(cameras, masks):
            (u, v), depth = project(camera, centre)
            if depth > 0 and 0 <= u < camera.width and 0 <= v < camera.height:
                seen += 1
                inside += bool(mask[int(v), int(u)])
        occupied[index] = seen >= max(2, -(-len(cameras) // 3)) and inside > 0 and inside >= agreement * seen - 1e-9
    return occupied


@pytest.mark.parametrize("agreement", [1.0, 0.8, 0.5])
def test_coarse_to_fine_equals_every_voxel(agreement: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hull_search, "_CHUNK", 100)  # of at most 4096 voxels
    generator = np.random.default_rng(1)
    # Cameras around, among and inside the box, some looking away, with ragged masks: the worst the coarse levels may meet.
    cameras = []
    for camera in ring(7, 24, 18):
        centre = generator.uniform(-1.5, 1.5, 3)
        cameras.append(replace(camera, T_camera_world=look_at(centre, generator.uniform(-1, 1, 3), np.array([0.0, 0.0, 1.0]))))
    masks = [np.kron(generator.random((6, 8)) < 0.4, np.ones((3, 3), bool)) for _ in cameras]
    bounds = np.array([[-1.0, -0.7, -0.8], [1.0, 0.8, 0.9]])
    hull = visual_hull(cameras, masks, bounds, resolution=16, agreement=agreement)
    assert hull.occupied.shape == (16, 16, 16)
    expected = dumb_hull(tuple(cameras), masks, bounds, hull.occupied.shape, agreement)
    np.testing.assert_array_equal(hull.occupied, expected)
    assert 0 < expected.sum() < expected.size
    outer = visual_hull(cameras, masks, bounds, resolution=16, agreement=agreement, outer=True)
    assert not (expected & ~outer.occupied).any()


def test_hull_of_a_box_is_the_box() -> None:
    cameras = ring(16, 160, 120)
    box = np.stack([-HALF_SIZE, HALF_SIZE])
    masks = [render_box(camera, box, sight(camera, np.zeros(5), supersample=1))[1] > 0 for camera in cameras]
    hull = visual_hull(cameras, masks, BOUNDS, resolution=80, agreement=1.0)
    found = hull.box
    assert found is not None
    # One voxel is 0.02, one pixel of a mask about as much at this distance. The ring looks down: what hides below the box cannot be carved as well.
    np.testing.assert_allclose(found[:, :2], box[:, :2], atol=0.04)
    np.testing.assert_allclose(found[:, 2], box[:, 2], atol=0.1)
    assert (found[0] <= box[0] + 0.021).all()
    assert (found[1] >= box[1] - 0.021).all()


def test_an_empty_hull_has_no_box() -> None:
    cameras = ring(4, 32, 24)
    assert visual_hull(cameras, [np.zeros((24, 32), bool)] * 4, BOUNDS, resolution=16).box is None


@pytest.mark.parametrize("distortion", [(0.0, 0.0, 0.0, 0.0, 0.0), (-0.6, 0.2, 0.01, -0.02, 0.01)], ids=["pinhole", "distorted"])
@pytest.mark.parametrize("known_bounds", [True, False])
def test_boxes_from_masks_hold_the_subject(tmp_path: Path, distortion: tuple[float, ...], known_bounds: bool) -> None:
    meta = None if known_bounds else {"bounds_min": None, "bounds_max": None}
    written = write_capture(tmp_path, cameras=9, width=160, height=120, distortion=distortion, meta=meta)
    done: list[float] = []
    scene = open_scene(DataConfig(path=str(tmp_path), box_padding=0.0), progress=done.append)
    assert done == pytest.approx([1 / 3, 2 / 3, 1.0])
    for box, truth in zip(scene.boxes, written.boxes, strict=True):
        # A pixel is 0.02 at the subject. Outwards the hull of 8 cameras that look down is loose, most of all below.
        assert (box[0] < truth[0] + 0.02).all()
        assert (box[1] > truth[1] - 0.02).all()
        assert np.abs(box - truth).max() < 0.15
    np.testing.assert_array_equal(scene.bounds, BOUNDS if known_bounds else box_union(scene.boxes))


def test_padding_is_added_and_stays_in_the_bounds(tmp_path: Path) -> None:
    write_capture(tmp_path, frames=1)
    tight = open_scene(DataConfig(path=str(tmp_path), box_padding=0.0)).boxes
    np.testing.assert_allclose(open_scene(DataConfig(path=str(tmp_path), box_padding=0.1)).boxes, tight + np.array([[-0.1], [0.1]]))
    np.testing.assert_array_equal(open_scene(DataConfig(path=str(tmp_path), box_padding=9.0)).boxes[0], BOUNDS)


def test_boxes_are_the_bounds_where_there_are_no_masks(tmp_path: Path) -> None:
    write_capture(tmp_path, masks=None)
    scene = open_scene(DataConfig(path=str(tmp_path)))
    np.testing.assert_array_equal(scene.boxes, np.repeat(BOUNDS[None], 3, axis=0))
    given = (-0.5, -0.5, -0.5, 0.5, 0.5, 0.6)
    scene = open_scene(DataConfig(path=str(tmp_path), bounds=given))
    np.testing.assert_array_equal(scene.bounds.ravel(), given)
    np.testing.assert_array_equal(scene.box(1).ravel(), given)


def test_boxes_of_a_file_are_used_as_they_are(tmp_path: Path) -> None:
    written = write_capture(tmp_path, frames=4)
    np.save(tmp_path / "boxes.npy", written.boxes)
    scene = open_scene(DataConfig(path=str(tmp_path), boxes="boxes.npy"))
    np.testing.assert_array_equal(scene.boxes, written.boxes)
    chosen = open_scene(DataConfig(path=str(tmp_path), boxes="boxes.npy", frames="1:4:2"))
    np.testing.assert_array_equal(chosen.boxes, written.boxes[[1, 3]])
    whole = open_scene(DataConfig(path=str(tmp_path), boxes="boxes.npy", global_box=True))
    np.testing.assert_array_equal(whole.boxes, np.repeat(box_union(written.boxes)[None], 4, axis=0))


@pytest.mark.parametrize(
    ("boxes", "complaint"),
    [
        (np.zeros((3, 6)), r"expected boxes of shape \(3, 2, 3\).*found \(3, 6\) of float64"),
        (np.zeros((5, 2, 3)), r"of each selected frame \(or all 4 frames of the capture\), found \(5, 2, 3\)"),
        (np.zeros((3, 2, 3)), "the box of frame 1 must be finite with its minimum below its maximum"),
        (np.full((3, 2, 3), np.nan), "must be finite"),
        (np.array([["a", "b"]]), "found .* of <U1"),
    ],
)
def test_boxes_that_do_not_fit_are_refused(tmp_path: Path, boxes: np.ndarray, complaint: str) -> None:
    np.save(tmp_path / "boxes.npy", boxes)
    with pytest.raises(ValueError, match=f"boxes.npy: .*{complaint}"):
        load_boxes(tmp_path / "boxes.npy", (0, 1, 2, 3), (1, 2, 3))


def test_a_damaged_or_missing_file_of_boxes_is_named(tmp_path: Path) -> None:
    (tmp_path / "boxes.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(ValueError, match=r"boxes.npy: cannot be read as a .npy array"):
        load_boxes(tmp_path / "boxes.npy", (0,), (0,))
    with pytest.raises(FileNotFoundError, match=r"nowhere.npy: no such file of boxes"):
        load_boxes(tmp_path / "nowhere.npy", (0,), (0,))


def test_cameras_that_look_the_same_way_tell_no_region() -> None:
    cameras = tuple(replace(camera, T_camera_world=np.eye(4)) for camera in ring(3, 8, 8))
    with pytest.raises(ValueError, match="the 3 cameras look the same way"):
        rig_region(cameras)


@pytest.mark.parametrize("name", ["valid_dance24", "knight_small8"])
def test_boxes_of_foreign_captures_hold_their_surface(captures: Path, name: str) -> None:
    scene = open_scene(DataConfig(path=str(captures / name), frames=":13:5"))
    for frame in scene.frames:
        points = np.load(captures / name / "gt" / "surface" / f"{frame:06d}.npy")
        slack = np.stack([points.min(axis=0) - scene.box(frame)[0], scene.box(frame)[1] - points.max(axis=0)])
        assert slack.min() > 0
        assert slack.max() < 0.15  # 0.05 of padding, the rest is what few cameras cannot carve: measured 0.07 and 0.13
