"""Long videos are made in parts: what was complete when they were left is kept, and the whole is one video with every picture in its time."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from stand_in import StandIn, as_renderer
from stopped_film import ENDS, end

from im4d_core.camera_path import SceneTiming
from im4d_core.export_settings import LEAST_HEVC_PICTURES, ExportSettings
from im4d_core.filming import film
from im4d_core.path_generators import orbit
from im4d_core.video_parts import VideoParts

PATH = orbit(centre=(0.0, 0.0, 0.0), radius=3.0, up=(0.0, 0.0, 1.0), duration_s=5.0)
TIMING = SceneTiming(frames=StandIn().scene.frames, fps=10.0)
FPS = 10.0
COUNT, PART = 50, 20  # pictures of the video and of two seconds


def settings(folder: Path, **changes: object) -> ExportSettings:
    return ExportSettings(**{"width": 64, "height": 48, "fps": FPS, "quality": 4, "file": str(folder / "video.mp4"), **changes})  # type: ignore[arg-type]


def made(wanted: ExportSettings, renderer: StandIn) -> list[tuple[int, int]]:
    return list(film(as_renderer(renderer), PATH, TIMING, wanted))


def decoded(file: Path) -> list[tuple[Fraction, np.ndarray]]:
    """Time and picture of each frame."""
    with av.open(file) as container:
        return [(frame.pts * frame.time_base, frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]  # type: ignore[operator]


def described(file: Path) -> tuple[object, ...]:
    """What players are told before the first picture."""
    with av.open(file) as container:
        stream, context = container.streams.video[0], container.streams.video[0].codec_context
        assert container.duration is not None and stream.average_rate is not None
        colours = context.colorspace, context.color_primaries, context.color_trc, context.color_range
        length = round(container.duration / 1e6, 2)  # mp4 counts milliseconds
        return length, stream.average_rate, stream.frames, context.name, context.codec_tag, context.pix_fmt, context.width, context.height, *colours


def left(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


@pytest.mark.parametrize(("format", "fps"), [("h264", FPS), ("h264", 30000 / 1001), ("hevc", FPS), ("prores", FPS)])
def test_parts_are_one_video(tmp_path: Path, format: str, fps: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each picture has its time, none is missing at a seam, and all are as good as in a video that is made in one."""
    suffix = ".mov" if format == "prores" else ".mp4"
    size = {"width": 128, "height": 96} if format == "hevc" else {}
    in_parts, in_one = (settings(tmp_path, file=str(tmp_path / f"{name}{suffix}"), format=format, fps=fps, **size) for name in ("parts", "one"))
    made(in_parts, StandIn())
    monkeypatch.setattr("im4d_core.video_parts._PART_S", 1e3)
    made(in_one, StandIn())
    found, expected = decoded(Path(in_parts.file)), decoded(Path(in_one.file))
    assert len(found) == len(expected) == round(5.0 * fps)
    rate = Fraction(fps).limit_denominator(1001)
    assert [time for time, _ in found] == [i / rate for i in range(len(found))]
    assert described(Path(in_parts.file)) == described(Path(in_one.file))
    for i, ((_, picture), (_, other)) in enumerate(zip(found, expected)):
        # Both are encodings of one picture at nearly the same quality; the next picture differs by more than 2 levels on average.
        assert np.abs(picture.astype(int) - other.astype(int)).mean() < 1.0, f"picture {i}"
    assert left(tmp_path) == sorted(f"{name}{suffix}{ending}" for name in ("one", "parts") for ending in ("", ".json"))


@pytest.mark.parametrize("how", ENDS)
def test_a_video_that_is_left_goes_on_where_it_was(tmp_path: Path, how: str) -> None:
    (tmp_path / "at once").mkdir()
    (tmp_path / "in turns").mkdir()
    at_once, wanted = settings(tmp_path / "at once"), settings(tmp_path / "in turns")
    made(at_once, StandIn())
    renderer, stopped = StandIn(), []
    running = film(as_renderer(renderer), PATH, TIMING, wanted, go_on=lambda: not stopped)
    assert [next(running) for _ in range(28)][-1] == (27, COUNT)
    end(how, running, renderer, stopped)
    assert left(tmp_path / "in turns") == ["video.mp4.parts/000000.mp4", "video.mp4.parts/export.json"]
    renderer = StandIn()
    steps = made(wanted, renderer)
    assert steps[0] == (PART, COUNT) and steps[-1] == (COUNT, COUNT)
    assert len(renderer.rendered) == COUNT - PART, "what was complete is not rendered again"
    assert left(tmp_path / "in turns") == ["video.mp4", "video.mp4.json"]
    for (time, picture), (other_time, other) in zip(decoded(Path(wanted.file)), decoded(Path(at_once.file)), strict=True):
        assert time == other_time
        np.testing.assert_array_equal(picture, other)


def test_parts_of_another_export_give_way(tmp_path: Path) -> None:
    running = film(as_renderer(StandIn()), PATH, TIMING, settings(tmp_path))
    for _ in range(PART + 1):
        next(running)
    running.close()
    assert made(settings(tmp_path, quality=30), StandIn())[0] == (0, COUNT)
    assert left(tmp_path) == ["video.mp4", "video.mp4.json"]


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "video.mp4.parts").mkdir()
    (tmp_path / "video.mp4.parts" / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match=r"video\.mp4\.parts: .* holds something else; choose another name"):
        made(settings(tmp_path), StandIn())
    assert left(tmp_path) == ["video.mp4.parts/mine.txt"]


def test_pictures_that_were_exported_to_such_a_folder_are_left_alone(tmp_path: Path) -> None:
    running = film(as_renderer(StandIn()), PATH, TIMING, settings(tmp_path, format="png", file=str(tmp_path / "video.mp4.parts")))
    for _ in range(3):
        next(running)
    running.close()
    before = left(tmp_path)
    with pytest.raises(FileExistsError, match="holds something else"):
        made(settings(tmp_path), StandIn())
    assert left(tmp_path) == before


def test_a_video_that_could_not_be_joined_is_joined_the_next_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise RuntimeError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr("im4d_core.video_parts.join_videos", full)
        with pytest.raises(RuntimeError, match="the disk is full"):
            made(settings(tmp_path), StandIn())
    assert not (tmp_path / "video.mp4").exists()
    renderer = StandIn()
    assert made(settings(tmp_path), renderer) == [(COUNT, COUNT)]
    assert renderer.rendered == [] and left(tmp_path) == ["video.mp4", "video.mp4.json"]
    assert len(decoded(tmp_path / "video.mp4")) == COUNT


def test_a_part_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    running = film(as_renderer(StandIn()), PATH, TIMING, settings(tmp_path))
    for _ in range(PART + 1):
        next(running)
    running.close()
    (tmp_path / "video.mp4.parts" / "000000.mp4").write_bytes(b"damaged")
    with pytest.raises(RuntimeError, match=r"video\.mp4\.parts: these parts of the video cannot be joined .* delete them and export again"):
        made(settings(tmp_path), StandIn())


@pytest.mark.parametrize("pictures", [1, 3, 39, 40, 41, 43, 44, 100])
def test_every_picture_is_in_one_part_and_no_part_is_too_short_to_be_encoded(tmp_path: Path, pictures: int) -> None:
    with VideoParts(tmp_path / "video.mp4", {}, pictures, 20.0) as parts:
        assert [i for part in parts.parts for i in part] == list(range(pictures))
        assert len(parts.parts) == 1 or min(len(part) for part in parts.parts) >= LEAST_HEVC_PICTURES
        assert max(len(part) for part in parts.parts) < 40 + LEAST_HEVC_PICTURES
    assert left(tmp_path) == [] and not list(tmp_path.iterdir())
