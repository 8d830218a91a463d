"""An exported scene opens anywhere and shows the same pictures; writing one leaves either the whole of it or nothing."""

from __future__ import annotations

import errno
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from captures import SmallCapture, write_capture

from im4d_core.config import DataConfig
from im4d_core.data import open_scene
from im4d_core.data.export import export_scene, exported_config
from im4d_core.data.frames import FrameLoader
from im4d_core.types import Scene


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> SmallCapture:
    folder = tmp_path_factory.mktemp("original") / "capture"
    return write_capture(folder, distortion=(-0.1, 0.0, 0.0, 0.0, 0.0), width=80, height=60, frames=4)


@pytest.fixture
def written(tmp_path: Path, original: SmallCapture) -> SmallCapture:
    shutil.copytree(original.folder, tmp_path / "capture")
    return replace(original, folder=tmp_path / "capture")


def export(written: SmallCapture, folder: Path, **settings: object) -> tuple[Scene, DataConfig]:
    config = replace(DataConfig(path=str(written.folder), resize=0.5, crop=(28, 36), frames="1:4"), **settings)
    scene = open_scene(config)
    with FrameLoader(scene, config) as loader:
        export_scene(scene, loader, folder)
    return scene, config


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


@pytest.mark.parametrize("mask_images", [True, False])
def test_an_exported_scene_is_the_same_scene(tmp_path: Path, written: SmallCapture, mask_images: bool) -> None:
    scene, config = export(written, tmp_path / "scene", mask_images=mask_images)
    moved = shutil.move(tmp_path / "scene", tmp_path / "elsewhere")
    with FrameLoader(scene, config) as loader:
        before = loader.get(2, scene.source_views)
    shutil.rmtree(written.folder)
    again_config = replace(exported_config(config), path=str(moved))
    again = open_scene(again_config)
    assert (again.frames, again.fps, again.name) == (scene.frames, scene.fps, scene.name)
    assert (again.source_views, again.train_views, again.test_views) == (scene.source_views, scene.train_views, scene.test_views)
    for field in ("bounds", "boxes", "up"):
        np.testing.assert_array_equal(getattr(again, field), getattr(scene, field))
    for one, other in zip(again.cameras, scene.cameras, strict=True):
        assert (one.name, one.width, one.height) == (other.name, other.width, other.height)
        np.testing.assert_array_equal(one.K, other.K)
        np.testing.assert_array_equal(one.T_camera_world, other.T_camera_world)
    with FrameLoader(again, again_config) as loader:
        after = loader.get(2, again.source_views)
    for one, other in zip(after, before, strict=True):
        np.testing.assert_array_equal(one.mask, other.mask)
        # JPEG at quality 95; multiplying the soft rims by their masks a second time would be off by up to 64.
        assert np.abs(one.image.numpy().astype(int) - other.image.numpy()).mean() < 1
        rim = (other.mask > 60) & (other.mask < 200)
        assert rim.any()
        assert (one.image[rim].int() - other.image[rim].int()).abs().float().mean() < 6


def test_frames_of_an_exported_scene_can_be_selected(tmp_path: Path, written: SmallCapture) -> None:
    scene, _ = export(written, tmp_path / "scene")
    part = open_scene(DataConfig(path=str(tmp_path / "scene"), frames="2:9"))
    assert part.frames == (2, 3)
    np.testing.assert_array_equal(part.boxes, scene.boxes[1:])


def test_intrinsics_as_written_stay_as_written(tmp_path: Path, written: SmallCapture) -> None:
    scene, _ = export(written, tmp_path / "scene", pixel_centre="as-written")
    for config in (DataConfig(path=str(tmp_path / "scene")), DataConfig(path=str(tmp_path / "scene"), pixel_centre="as-written")):
        np.testing.assert_array_equal(open_scene(config).cameras[1].K, scene.cameras[1].K)


def test_chosen_views_only(tmp_path: Path, written: SmallCapture) -> None:
    config = DataConfig(path=str(written.folder))
    scene = open_scene(config)
    done: list[float] = []
    with FrameLoader(scene, config) as loader:
        export_scene(scene, loader, tmp_path / "scene", views=[5, 0], progress=done.append, complete=lambda folder: (folder / "model").touch())
    assert done == [0.25, 0.5, 0.75, 1.0]
    assert sorted(path.name for path in (tmp_path / "scene" / "source").iterdir()) == ["00", "05"]
    assert (tmp_path / "scene" / "model").exists()
    again = open_scene(DataConfig(path=str(tmp_path / "scene")))
    assert (again.source_views, again.train_views, again.test_views) == ((0,), (0,), (5,))
    assert again.without_pictures == tuple(view for view in range(len(again.cameras)) if view not in (0, 5))
    assert len(again.cameras) == 6
    with pytest.raises(ValueError, match="no pictures of source view '02' are stored in this exported scene"):
        open_scene(DataConfig(path=str(tmp_path / "scene"), source_views=("02",)))


def test_an_earlier_export_is_replaced_and_nothing_else_is(tmp_path: Path, written: SmallCapture) -> None:
    export(written, tmp_path / "scene")
    (tmp_path / "scene" / "source" / "old").mkdir()
    export(written, tmp_path / "scene")
    assert not (tmp_path / "scene" / "source" / "old").exists()
    (tmp_path / "empty").mkdir()
    export(written, tmp_path / "empty")
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis.txt").write_text("all of it")
    with pytest.raises(FileExistsError, match="precious: not empty and not an exported scene"):
        export(written, tmp_path / "precious")
    with pytest.raises(FileExistsError, match=r"thesis.txt: is a file"):
        export(written, tmp_path / "precious" / "thesis.txt")
    assert leftovers(tmp_path) == []


def test_a_full_disk_leaves_nothing(tmp_path: Path, written: SmallCapture, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def full(path: Path, picture: np.ndarray) -> None:
        calls.append(path)
        if len(calls) > 3:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        path.write_bytes(b"")

    monkeypatch.setattr("im4d_core.data.export.write_jpeg", full)
    with pytest.raises(RuntimeError, match=r"scene: the scene cannot be written \(No space left on device\); nothing was left behind"):
        export(written, tmp_path / "scene")
    assert not (tmp_path / "scene").exists()
    assert leftovers(tmp_path) == []


def test_an_unwritable_folder_is_named(tmp_path: Path, written: SmallCapture) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RuntimeError, match="file/scene: no folder can be made there"):
        export(written, tmp_path / "file" / "scene")


def test_an_interrupted_export_leaves_nothing(tmp_path: Path, written: SmallCapture) -> None:
    config = DataConfig(path=str(written.folder))
    scene = open_scene(config)

    def interrupt(share: float) -> None:
        raise KeyboardInterrupt

    with FrameLoader(scene, config) as loader, pytest.raises(KeyboardInterrupt):
        export_scene(scene, loader, tmp_path / "scene", progress=interrupt)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["capture"]


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("format", "other", r"expected format 'im4d-scene' version 1, found \('other', 1\)"),
        ("version", 2, "expected format"),
        ("frames", [], "frames must be ascending whole numbers, at least one"),
        ("boxes", [[[0, 0, 0], [1, 1, 1]]], r"boxes must be finite numbers of shape \(3, 2, 3\), found shape \(1, 2, 3\)"),
        ("bounds", [[0, 0, 0], [1, 1, "a"]], r"bounds must be numbers of shape \(2, 3\)"),
        ("cameras", [], "expected at least one camera"),
        ("cameras", [{"name": "00"}], "the key 'K' is missing"),
        ("pixel_centre", "1", "pixel_centre must be one of 0, 0.5, as-written, found '1'"),
        ("fps", -1, "fps must be a positive number"),
        ("fps", None, "a value has another type than expected"),
        ("source_views", ["77"], "unknown source view '77'"),
    ],
)
def test_a_damaged_index_is_refused_in_words(tmp_path: Path, written: SmallCapture, key: str, value: object, complaint: str) -> None:
    export(written, tmp_path / "scene")
    path = tmp_path / "scene" / "cameras.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    with pytest.raises(ValueError, match=complaint):
        open_scene(DataConfig(path=str(tmp_path / "scene")))


def test_a_cut_index_and_missing_pictures_are_named(tmp_path: Path, written: SmallCapture) -> None:
    export(written, tmp_path / "scene")
    shutil.rmtree(tmp_path / "scene" / "source" / "02")
    with pytest.raises(FileNotFoundError, match=r"source/02: no such folder; the pictures of camera '02' are missing"):
        open_scene(DataConfig(path=str(tmp_path / "scene")))
    path = tmp_path / "scene" / "cameras.json"
    path.write_text(path.read_text()[:500])
    with pytest.raises(ValueError, match=r"cameras.json: not valid JSON .*, the file is truncated or damaged; export the scene again"):
        open_scene(DataConfig(path=str(tmp_path / "scene")))
