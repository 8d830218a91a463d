"""Videos of camera paths: the right pictures, in the right number, and no file when something goes wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from stand_in import StandIn, as_renderer

from im4d_core.camera_path import orbit
from viewer.recorder import record
from viewer.state import ExportSettings

PATH = orbit(centre=(0.0, 0.0, 0.0), radius=3.0, up=(0.0, 0.0, 1.0), duration_s=1.0)


def settings(folder: Path, **changes: object) -> ExportSettings:
    return ExportSettings(**{"width": 64, "height": 48, "fps": 8.0, "file": str(folder / "out" / "video.mp4"), **changes})  # type: ignore[arg-type]


def decoded(file: Path) -> list[np.ndarray]:
    import av

    with av.open(file) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def test_a_video_holds_the_pictures_of_the_renderer(tmp_path: Path) -> None:
    renderer = StandIn()
    wanted = settings(tmp_path, quality=4)
    steps = list(record(as_renderer(renderer), PATH, wanted, cancelled=lambda: False))
    assert steps == [(i, 8) for i in range(9)]  # a closed loop of 1 s at 8 pictures a second
    pictures = decoded(Path(wanted.file))
    assert len(pictures) == 8
    shots = PATH.shots(renderer.scene.frames, renderer.scene.fps, 8.0)
    for shot, picture in zip(shots, pictures):
        rendered = renderer.render(shot.sample.camera(64, 48), shot.frame, "fast")
        assert rendered is not None
        difference = np.abs(rendered.rgb.numpy() * 255 - picture)
        assert difference.mean() < 4  # half the colour resolution, and a lossy code
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["video.mp4"]


def test_odd_sizes_are_padded_to_even_ones(tmp_path: Path) -> None:
    wanted = settings(tmp_path, width=33, height=21)
    list(record(as_renderer(StandIn()), PATH, wanted, cancelled=lambda: False))
    assert decoded(Path(wanted.file))[0].shape == (22, 34, 3)


@pytest.mark.parametrize("how", ["asked", "closed", "failure"])
def test_what_is_stopped_leaves_no_file(tmp_path: Path, how: str) -> None:
    renderer = StandIn()
    stopped = []
    running = record(as_renderer(renderer), PATH, settings(tmp_path), cancelled=lambda: bool(stopped))
    assert next(running) == (0, 8)
    assert next(running) == (1, 8)
    if how == "asked":
        stopped.append(True)
        assert list(running) == []
    elif how == "closed":
        running.close()
    else:
        renderer.failure = RuntimeError("the driver is gone")
        with pytest.raises(RuntimeError, match="the driver is gone"):
            next(running)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_video_from_before_survives_a_failed_one(tmp_path: Path) -> None:
    wanted = settings(tmp_path)
    Path(wanted.file).parent.mkdir()
    Path(wanted.file).write_bytes(b"the old one")
    running = record(as_renderer(StandIn()), PATH, wanted, cancelled=lambda: False)
    next(running)
    running.close()
    assert Path(wanted.file).read_bytes() == b"the old one"


def test_a_path_without_keys_is_refused(tmp_path: Path) -> None:
    from im4d_core.camera_path import CameraPath

    with pytest.raises(ValueError, match="no keys"):
        next(record(as_renderer(StandIn()), CameraPath(), settings(tmp_path), cancelled=lambda: False))
    assert not (tmp_path / "out").exists()
