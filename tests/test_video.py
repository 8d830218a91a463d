"""Videos are decoded again: what was written is what is read."""

from __future__ import annotations

import errno
from pathlib import Path

import av
import numpy as np
import pytest

from im4d_core import video
from im4d_core.video import VideoWriter, probe_encoder


def _picture(index: int, width: int, height: int) -> np.ndarray:
    """Left half one colour, right half another, which change with time."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[:, : width // 2] = (200, 30 + 20 * index, 40)
    picture[:, width // 2 :] = (20, 60, 220 - 20 * index)
    return picture


@pytest.mark.parametrize(("width", "height"), [(64, 48), (63, 47)])
def test_decoded_video_has_the_written_pictures(tmp_path: Path, width: int, height: int) -> None:
    path = tmp_path / "out.mp4"
    with VideoWriter(path, width, height, 15, crf=10) as writer:
        for index in range(9):
            writer.write(_picture(index, width, height))
        assert not path.exists()
    with av.open(path) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == 15
        assert (stream.codec_context.color_primaries, stream.codec_context.color_trc, stream.codec_context.colorspace) == (1, 1, 1)
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == 9
    for index, frame in enumerate(frames):
        assert frame.shape == (height + height % 2, width + width % 2, 3)
        expected = _picture(index, width, height)
        for x in (width // 4, 3 * width // 4):
            # 8-bit limited-range YUV rounds by 2; x264 at crf 10 by a little more on flat colour
            assert np.abs(frame[height // 2, x].astype(int) - expected[height // 2, x]).max() <= 6
    assert [p.name for p in tmp_path.iterdir()] == ["out.mp4"]


def test_index_stands_in_front(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "out.mp4", 32, 32, 30) as writer:
        writer.write(_picture(0, 32, 32))
    content = (tmp_path / "out.mp4").read_bytes()
    assert 0 < content.index(b"moov") < content.index(b"mdat")


def test_odd_sizes_repeat_their_edge(tmp_path: Path) -> None:
    picture = np.zeros((31, 31, 3), np.uint8)
    picture[:, -1] = 255
    assert np.array_equal(
        video._frame(picture, "yuv420p").to_ndarray(format="rgb24")[:31, 31], video._frame(picture, "yuv420p").to_ndarray(format="rgb24")[:31, 30]
    )


def test_abort_and_errors_leave_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    path.write_bytes(b"before")

    def interrupted() -> None:
        with VideoWriter(path, 32, 32, 30) as writer:
            writer.write(_picture(0, 32, 32))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with pytest.raises(RuntimeError, match="no picture"), VideoWriter(path, 32, 32, 30):
        pass
    assert path.read_bytes() == b"before"
    assert [p.name for p in tmp_path.iterdir()] == ["out.mp4"]


def test_encoder_errors_reach_the_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = VideoWriter(tmp_path / "out.mp4", 32, 32, 30)

    def full(picture: np.ndarray, pixels: str) -> av.VideoFrame:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(video, "_frame", full)

    def keep_writing() -> None:
        for index in range(50):  # the queue holds 8
            writer.write(_picture(index % 9, 32, 32))

    with pytest.raises(RuntimeError, match="the disk is full"):
        keep_writing()
    with pytest.raises(RuntimeError, match="the disk is full"):
        writer.close()
    assert list(tmp_path.iterdir()) == []


def test_live_recording_drops_when_the_queue_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    gate = threading.Event()
    original = video._frame

    def slow(picture: np.ndarray, pixels: str) -> av.VideoFrame:
        gate.wait()
        return original(picture, pixels)

    writer = VideoWriter(tmp_path / "out.mp4", 32, 32, 30)
    monkeypatch.setattr(video, "_frame", slow)
    accepted = [writer.try_write(_picture(0, 32, 32)) for _ in range(20)]
    gate.set()
    writer.close()
    assert accepted.count(True) == writer.frames_written < 20


def test_bad_arguments_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="size must be positive, got 0x4"):
        VideoWriter(tmp_path / "out.mp4", 0, 4, 30)
    with pytest.raises(ValueError, match="frame rate"):
        VideoWriter(tmp_path / "out.mp4", 4, 4, 0)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        VideoWriter(tmp_path / "absent" / "out.mp4", 32, 32, 30)
    with pytest.raises(RuntimeError, match="unknown codec 'vp9'"):
        VideoWriter(tmp_path / "out.mp4", 32, 32, 30, codec="vp9")
    with VideoWriter(tmp_path / "out.mp4", 32, 32, 30) as writer:
        writer.write(_picture(0, 32, 32))
        with pytest.raises(ValueError, match="pictures must be uint8"):
            writer.write(np.zeros((16, 32, 3), np.uint8))
    assert (tmp_path / "out.mp4").exists()
    with pytest.raises(RuntimeError, match="already closed"):
        writer.write(_picture(0, 32, 32))


def test_small_hevc_is_refused_because_the_encoder_would_destroy_memory(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="HEVC needs at least 64x64 pixels"):
        VideoWriter(tmp_path / "out.mp4", 128, 63, 30, codec="hevc")


@pytest.mark.parametrize(("codec", "chroma", "stored"), [("h264", "420", "yuv420p"), ("h264", "444", "yuv444p"), ("hevc", "420", "yuv420p")])
def test_codecs_and_chroma(tmp_path: Path, codec: str, chroma: str, stored: str) -> None:
    with VideoWriter(tmp_path / "out.mp4", 96, 64, 30, codec=codec, chroma=chroma) as writer:
        for i in range(4):
            writer.write(_picture(i, 96, 64))
    with av.open(tmp_path / "out.mp4") as container:
        shown = list(container.decode(video=0))
    assert [(frame.width, frame.height, frame.format.name) for frame in shown] == [(96, 64, stored)] * 4


def test_hevc_of_too_few_pictures_is_refused_because_the_encoder_would_fail_at_random(tmp_path: Path) -> None:
    writer = VideoWriter(tmp_path / "out.mp4", 96, 64, 30, codec="hevc")
    writer.write(_picture(0, 96, 64))
    with pytest.raises(RuntimeError, match="HEVC needs at least 4 pictures, got 1; choose h264"):
        writer.close()
    assert list(tmp_path.iterdir()) == []


def test_alpha_needs_prores(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no alpha channel"):
        VideoWriter(tmp_path / "out.mp4", 64, 64, 30, alpha=True)


def test_probe() -> None:
    assert probe_encoder("prores") is None
    assert "4:2:0 only" in (probe_encoder("hevc", "444") or "")
    assert "unknown chroma" in (probe_encoder("h264", "411") or "")
    assert probe_encoder("h264") is None
    assert "unknown codec" in (probe_encoder("cinepak") or "")


def test_a_missing_nvidia_encoder_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> None:
        raise OSError("Generic error in an external library")

    monkeypatch.setattr("im4d_core.video._add_stream", missing)
    assert probe_encoder("h264_nvenc") == "no NVIDIA encoder here; choose H.264 video"
    assert "libx264" in (probe_encoder("h264") or "")
