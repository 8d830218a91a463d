"""Videos of a capture become pictures: all of them, whole, once, with their colours."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import Colorspace
from captures import write_capture

from im4d_core.config import DataConfig
from im4d_core.data import open_scene
from im4d_core.data.pictures import read_rgb
from im4d_core.data.videos import unpack_videos
from im4d_core.video import VideoWriter

COLOURS = np.array([[200, 40, 30], [30, 180, 60], [20, 50, 220], [120, 120, 120], [250, 200, 40]], np.uint8)


def write_video(file: Path, pictures: Sequence[np.ndarray], fps: float = 25.0) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    height, width, _ = pictures[0].shape
    writer = VideoWriter(file, width, height, fps)
    for picture in pictures:
        writer.write(picture)
    writer.close()


def plain(count: int = 5, width: int = 64, height: int = 48) -> list[np.ndarray]:
    """Pictures of one colour each."""
    return [np.tile(COLOURS[i % len(COLOURS)], (height, width, 1)) for i in range(count)]


@pytest.mark.parametrize("folder", [".", "videos"])
@pytest.mark.parametrize("height", [48, 720])
def test_frames_come_in_order_and_keep_their_colours(tmp_path: Path, folder: str, height: int) -> None:
    write_video(tmp_path / folder / "cam00.mp4", plain(height=height))
    write_video(tmp_path / folder / "cam01.mov", plain(3, height=height))
    done = unpack_videos(tmp_path)
    assert (done.frames, done.written, done.fps) == ({"cam00": 5, "cam01": 3}, 8, 25.0)
    assert sorted(path.name for path in (tmp_path / "images" / "cam00").iterdir()) == [f"{i:06d}.jpg" for i in range(5)]
    for i, colour in enumerate(COLOURS):
        picture = read_rgb(tmp_path / "images" / "cam00" / f"{i:06d}.jpg")
        assert picture.shape == (height, 64, 3)
        # Rounding to studio range and back costs up to two levels; the matrix of another standard would cost twenty.
        assert np.abs(picture.astype(int) - colour).max() <= 3


@pytest.mark.parametrize(("height", "space"), [(48, Colorspace.ITU601), (720, Colorspace.ITU709)])
def test_colours_of_videos_that_say_nothing_of_them(tmp_path: Path, height: int, space: Colorspace) -> None:
    """Players take the standard of large pictures from 720 lines on, that of small ones below."""
    with av.open(tmp_path / "0.mp4", "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = 64, height, "yuv420p"
        for picture in plain(height=height):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture).reformat(format="yuv420p", dst_colorspace=space)))
        container.mux(stream.encode())
    with av.open(tmp_path / "0.mp4") as container:
        assert next(container.decode(video=0)).colorspace == 2, "the control: it says nothing"
    unpack_videos(tmp_path)
    for i, colour in enumerate(COLOURS):
        assert np.abs(read_rgb(tmp_path / "images" / "0" / f"{i:06d}.jpg").astype(int) - colour).max() <= 3


def test_a_capture_of_videos_opens_as_one_of_pictures(tmp_path: Path) -> None:
    written = write_capture(tmp_path / "capture", frames=4, width=64, height=48)
    pictures = tmp_path / "capture" / "images"
    truth = {camera.name: [read_rgb(pictures / camera.name / f"{i:06d}.jpg") for i in range(4)] for camera in written.cameras}
    shutil.rmtree(pictures)
    for name, frames in truth.items():
        write_video(tmp_path / "capture" / f"{name}.mp4", frames)
    with pytest.raises(FileNotFoundError, match=r"images: no such folder; .* python -m im4d_core unpack .*capture"):
        open_scene(DataConfig(path=str(tmp_path / "capture")))
    unpack_videos(tmp_path / "capture")
    scene = open_scene(DataConfig(path=str(tmp_path / "capture")))
    assert scene.frames == (0, 1, 2, 3)
    for view, camera in enumerate(scene.cameras):
        for frame in scene.frames:
            error = read_rgb(scene.image_path(view, frame)).astype(float) - truth[camera.name][frame]
            others = [np.square(read_rgb(scene.image_path(view, frame)).astype(float) - other).mean() for other in truth[camera.name]]
            assert np.square(error).mean() == min(others)  # the right frame, although the box moves by few pixels
            assert np.sqrt(np.square(error).mean()) < 12  # half the resolution in colour along edges of a small picture


def test_an_unpacking_that_was_stopped_goes_on(tmp_path: Path) -> None:
    write_video(tmp_path / "0.mp4", plain(6))
    write_video(tmp_path / "1.mp4", plain(6))

    def stop(done: int, total: int) -> None:
        assert total == 12
        if done == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        unpack_videos(tmp_path, progress=stop)
    files = sorted((tmp_path / "images").rglob("*.*"))
    assert len(files) == 8 and all(file.suffix == ".jpg" and not file.name.startswith(".") for file in files)
    before = {file: file.stat().st_mtime_ns for file in files}
    seen: list[int] = []
    assert unpack_videos(tmp_path, progress=lambda done, total: seen.append(done)).written == 4
    assert all(file.stat().st_mtime_ns == written for file, written in before.items())
    assert seen[-1] == 12 and seen == sorted(seen)
    for name in "01":
        for i in range(6):
            assert np.abs(read_rgb(tmp_path / "images" / name / f"{i:06d}.jpg").astype(int) - COLOURS[i % 5]).max() <= 3
    assert unpack_videos(tmp_path).written == 0


def test_a_picture_that_cannot_be_written_leaves_nothing_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_video(tmp_path / "0.mp4", plain())

    def full(path: Path, *_: object) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("im4d_core.data.videos.write_jpeg", full)
    with pytest.raises(OSError, match=r"images/0/000000.jpg: cannot be written \(the disk is full\)"):
        unpack_videos(tmp_path)
    assert list((tmp_path / "images" / "0").iterdir()) == []


def test_frames_keep_their_numbers_where_some_are_chosen(tmp_path: Path) -> None:
    write_video(tmp_path / "0.mp4", plain(9))
    assert unpack_videos(tmp_path, frames="2:8:3").frames == {"0": 2}
    assert sorted(path.name for path in (tmp_path / "images" / "0").iterdir()) == ["000002.jpg", "000005.jpg"]
    assert np.abs(read_rgb(tmp_path / "images" / "0" / "000005.jpg").astype(int) - COLOURS[0]).max() <= 3


def cut(folder: Path) -> None:
    data = (folder / "0.mp4").read_bytes()
    (folder / "0.mp4").write_bytes(data[: len(data) // 2])


def lengthen(folder: Path) -> None:
    """The packets of the last frames overwritten: the head, which stands in front, still says nine."""
    data = bytearray((folder / "0.mp4").read_bytes())
    start = data.index(b"mdat") + 4
    data[start + (len(data) - start) // 2 :] = bytes(len(data) - start - (len(data) - start) // 2)
    (folder / "0.mp4").write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "settings", "complaint"),
    [
        (lambda folder: (folder / "0.mp4").unlink(), {}, r"no videos there; expected one a camera, called CAMERA.mp4 .*there or in .*videos"),
        (lambda folder: (folder / "0.mp4").write_bytes(b"no video"), {}, r"0.mp4: cannot be read as a video, it is truncated or of an unknown kind"),
        (lambda folder: shutil.copy(folder / "0.mp4", folder / "0.mov"), {}, r"camera '0' has two videos, .*0.mov and .*0.mp4; move one"),
        (lambda folder: None, {"frames": "20:"}, r"frames '20:' select nothing of .*0.mp4, which has 9 frames from 0 to 8"),
        (lambda folder: None, {"quality": 101}, r"quality must be from 1 to 100, found 101"),
    ],
)
def test_videos_that_do_not_fit_are_refused_in_words(tmp_path: Path, damage: Callable[[Path], object], settings: dict, complaint: str) -> None:
    write_video(tmp_path / "0.mp4", plain(9))
    damage(tmp_path)
    with pytest.raises((ValueError, FileNotFoundError), match=complaint):
        unpack_videos(tmp_path, **settings)


@pytest.mark.parametrize("damage", [cut, lengthen])
def test_a_damaged_video_keeps_what_was_whole(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    rng = np.random.default_rng(0)
    write_video(tmp_path / "0.mp4", [rng.integers(0, 256, (48, 64, 3), np.uint8) for _ in range(9)])  # noise, so that each frame has many bytes
    damage(tmp_path)
    with pytest.raises(ValueError, match=r"0.mp4: (cannot be read as a video|\d frames can be decoded, but frame 8 is wanted)"):
        unpack_videos(tmp_path)
    for file in (tmp_path / "images").rglob("*"):
        assert file.is_dir() or read_rgb(file).shape == (48, 64, 3)
