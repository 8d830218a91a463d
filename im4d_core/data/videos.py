"""Videos of a capture, one a camera, as the pictures that its reader wants: random access in a video is ten times as slow."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from im4d_core.data.capture import select_frames
from im4d_core.data.pictures import write_jpeg
from im4d_core.whole_file import whole_file

try:
    import av
    import av.error
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.reformatter import ColorRange, Colorspace
    from av.video.stream import VideoStream
except ImportError as error:
    raise ImportError(f"videos need PyAV, which cannot be imported ({error}); install it with: pip install av") from error

_SUFFIXES = (".mp4", ".mov", ".mkv", ".avi", ".webm")
_FOLDERS = (".", "videos")
_COLORSPACES = {1: Colorspace.ITU709, 5: Colorspace.ITU601, 6: Colorspace.ITU601}
"""H.273's codes of the matrix from colours to YCbCr; 2 is "unspecified"."""
_LEAST_HD = 720  # lines; what says nothing of its colours is BT.709 from there on, and BT.601 below, as players take it


@dataclass(frozen=True, kw_only=True)
class Unpacked:
    """What lies in images/ now."""

    frames: dict[str, int]
    """How many pictures by camera."""
    written: int
    """How many of them are new."""
    fps: float
    """Pictures per second of the first video."""


def unpack_videos(root: Path, *, frames: str = "", quality: int = 95, progress: Callable[[int, int], object] = lambda done, total: None) -> Unpacked:
    """Writes ``images/<camera>/<frame>.jpg`` of each ``<camera>.mp4`` (or .mov, .mkv, .avi, .webm) in a folder or in its folder ``videos``.

    Pictures that are there stay, so that an unpacking that was stopped goes on; each appears under its name once it is whole. Frames are counted from 0 as they
    are shown.

    Args:
        frames: which to write, as START:STOP:STEP; all when empty.
        quality: of the JPEGs, 1 to 100.
        progress: called with pictures done and pictures in all.

    Raises:
        FileNotFoundError: there is no video.
        ValueError: a video cannot be read, two are of one camera, or the frames or the quality do not fit.
        OSError: a picture cannot be written.
    """
    if not 1 <= quality <= 100:
        raise ValueError(f"quality must be from 1 to 100, found {quality}")
    videos = _videos(root)
    wanted = {camera: select_frames(frames, range(_count(video)), str(video)) for camera, video in videos.items()}
    total, done, written = sum(map(len, wanted.values())), 0, 0
    for camera, video in videos.items():
        missing = {frame: file for frame in wanted[camera] if not (file := root / "images" / camera / f"{frame:06d}.jpg").is_file()}
        done += len(wanted[camera]) - len(missing)
        progress(done, total)
        for frame, picture in _pictures(video, missing.keys()):
            with whole_file(missing[frame]) as temporary:
                write_jpeg(temporary, picture, quality)
            done, written = done + 1, written + 1
            progress(done, total)
    return Unpacked(frames={camera: len(chosen) for camera, chosen in wanted.items()}, written=written, fps=_rate(next(iter(videos.values()))))


def _videos(root: Path) -> dict[str, Path]:
    """The video of each camera, in the string order of their names."""
    videos: dict[str, Path] = {}
    for folder in _FOLDERS:
        for file in sorted((root / folder).glob("*")):
            if file.suffix.lower() not in _SUFFIXES or not file.is_file() or file.name.startswith("."):
                continue
            if file.stem in videos:
                raise ValueError(
                    f"{root}: camera {file.stem!r} has two videos, {videos[file.stem].relative_to(root)} and {file.relative_to(root)}; move one away"
                )
            videos[file.stem] = file
    if not videos:
        raise FileNotFoundError(f"{root}: no videos there; expected one a camera, called CAMERA.mp4 ({', '.join(_SUFFIXES)}), there or in {root / 'videos'}")
    return dict(sorted(videos.items()))


@contextmanager
def _opened(video: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """A video and its first stream of pictures; what FFmpeg finds wrong becomes a ValueError that names the file."""
    try:
        with av.open(video) as container:
            if not container.streams.video:
                raise ValueError(f"{video}: there are no pictures in it; expected a video")
            yield container, container.streams.video[0]
    except av.error.FFmpegError as error:
        raise ValueError(f"{video}: cannot be read as a video, it is truncated or of an unknown kind ({error.strerror or error}); copy it again") from error


def _count(video: Path) -> int:
    """How many frames a video has; where its head does not say, they are counted without decoding."""
    with _opened(video) as (container, stream):
        return stream.frames or sum(1 for packet in container.demux(stream) if packet.size)


def _rate(video: Path) -> float:
    with _opened(video) as (_, stream):
        return float(stream.average_rate or 0)


def _pictures(video: Path, frames: Collection[int]) -> Iterator[tuple[int, UInt8[np.ndarray, "h w 3"]]]:
    """Some frames of a video, in their order; nothing is decoded where none is wanted."""
    if not frames:
        return
    last, frame = max(frames), -1
    with _opened(video) as (container, stream):
        stream.thread_type = "AUTO"
        for frame, shown in enumerate(container.decode(stream)):
            if frame in frames:
                yield frame, _rgb(shown)
            if frame == last:
                return
    raise ValueError(f"{video}: {frame + 1} frames can be decoded, but frame {last} is wanted; copy it again, or leave the last ones out with --frames")


def _rgb(frame: VideoFrame) -> UInt8[np.ndarray, "h w 3"]:
    said = frame.colorspace if frame.colorspace in _COLORSPACES else None
    space = _COLORSPACES[said] if said is not None else Colorspace.ITU709 if frame.height >= _LEAST_HD else Colorspace.ITU601
    return frame.reformat(format="rgb24", src_colorspace=space, dst_color_range=ColorRange.JPEG).to_ndarray()
