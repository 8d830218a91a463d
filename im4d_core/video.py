"""Writing video: pictures go through a bounded queue to one encoder thread, so the renderer waits only when the encoder falls behind."""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import os
import queue
import threading
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import numpy as np
from jaxtyping import UInt8

from im4d_core.export_settings import LEAST_HEVC, LEAST_HEVC_PICTURES

try:
    import av
    import av.error
    from av.container import OutputContainer
    from av.video.reformatter import ColorRange, Colorspace
    from av.video.stream import VideoStream
except ImportError as error:
    raise ImportError(f"videos need PyAV, which cannot be imported ({error}); install it with: pip install av") from error

_log = logging.getLogger(__name__)

_ENCODERS = {"h264": "libx264", "h264_nvenc": "h264_nvenc", "hevc": "libx265", "prores": "prores_ks"}
_CONTAINERS = {"prores": "mov"}
_BT709 = 1  # H.273's code of primaries, transfer and matrix of high-definition video
_QUEUED_FRAMES = 8
_POLL_S = 0.2  # how soon a blocked write notices that the encoder died


class VideoWriter:
    """An mp4 or mov file that grows picture by picture and appears under its name only when it is complete.

    The encoder runs in its own thread. Its errors are raised by the next `write` or by `close`. Leaving the context by an exception aborts.
    """

    def __init__(
        self, path: Path, width: int, height: int, fps: float | int, *, codec: str = "h264", crf: int = 18, chroma: str = "420", alpha: bool = False
    ) -> None:
        """Opens the encoder.

        Args:
            width, height: of the pictures; odd sizes are padded by repeating the last column or row, because 4:2:0 video has even sizes.
            codec: h264 (libx264), hevc (libx265), h264_nvenc, or prores (4444, in a mov file).
            crf: quality, lower is better; 18 is visually lossless. ProRes has one quality.
            chroma: 420 for half the resolution of colour, which plays everywhere, or 444. ProRes is always 444.
            alpha: pictures have a fourth channel, opacity; ProRes only.

        Raises:
            ValueError: absurd size, rate or codec.
            FileNotFoundError: the folder does not exist.
            RuntimeError: this machine cannot encode it.
        """
        if width < 1 or height < 1:
            raise ValueError(f"video {path}: size must be positive, got {width}x{height}")
        if not 0 < fps <= 1000:
            raise ValueError(f"video {path}: frame rate must be in (0, 1000], got {fps}")
        if not path.parent.is_dir():
            raise FileNotFoundError(f"video {path}: the folder {path.parent} does not exist")
        if codec == "hevc" and min(width, height) < LEAST_HEVC:
            raise ValueError(f"video {path}: HEVC needs at least {LEAST_HEVC}x{LEAST_HEVC} pixels, got {width}x{height}")
        if alpha and codec != "prores":
            raise ValueError(f"video {path}: {codec} has no alpha channel; use prores")
        reason = probe_encoder(codec, chroma)
        if reason is not None:
            raise RuntimeError(f"video {path}: {reason}")
        self.path = path
        self._codec = codec
        self.frames_written = 0
        self._shape = (height, width, 4 if alpha else 3)
        self._temporary = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
        self._container = av.open(self._temporary, "w", format=_CONTAINERS.get(codec, "mp4"), options={"movflags": "+faststart"})
        try:
            self._stream = _add_stream(self._container, codec, width + width % 2, height + height % 2, fps, crf, _pixel_format(codec, chroma, alpha))
        except BaseException:
            self._discard()
            raise
        self._error: BaseException | None = None
        self._aborted = threading.Event()
        self._closed = False
        self._queue: queue.Queue[np.ndarray | None] = queue.Queue(_QUEUED_FRAMES)
        self._thread = threading.Thread(target=self._encode, name=f"encoder of {path.name}", daemon=True)
        self._thread.start()

    def write(self, picture: UInt8[np.ndarray, "h w c"]) -> None:
        """Appends a picture; waits while the queue is full.

        Raises:
            ValueError: the picture is not what was announced.
            RuntimeError: the writer is closed, or the encoder failed (on a full disk, say).
        """
        if self._closed:
            raise RuntimeError(f"video {self.path}: already closed")
        if picture.shape != self._shape or picture.dtype != np.uint8:
            raise ValueError(f"video {self.path}: pictures must be uint8 {self._shape}, got {picture.dtype} {picture.shape}")
        self._put(np.array(picture, copy=True, order="C"))
        self.frames_written += 1

    def try_write(self, picture: UInt8[np.ndarray, "h w c"]) -> bool:
        """Appends a picture unless the queue is full: for live recording, which drops pictures and counts them."""
        if self._queue.full():
            self._raise_error()
            return False
        self.write(picture)
        return True

    def close(self) -> None:
        """Finishes the file and gives it its name.

        Raises:
            RuntimeError: the encoder failed or nothing was written; no file remains.
        """
        if self._closed:
            return
        try:
            if self._codec == "hevc" and 0 < self.frames_written < LEAST_HEVC_PICTURES:
                raise RuntimeError(too_few_for_hevc(self.path, self.frames_written))
            self._put(None)
            self._thread.join()
            self._raise_error()
            if self.frames_written == 0:
                raise RuntimeError(f"video {self.path}: no picture was written")
            os.replace(self._temporary, self.path)
        except BaseException:
            self.abort()
            raise
        self._closed = True

    def abort(self) -> None:
        """Stops and removes what was written; a file of that name from before stays."""
        if self._closed:
            return
        self._closed = True
        self._aborted.set()
        self._thread.join()
        self._discard()

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def _put(self, item: np.ndarray | None) -> None:
        while True:
            self._raise_error()
            try:
                return self._queue.put(item, timeout=_POLL_S)
            except queue.Full:
                continue

    def _raise_error(self) -> None:
        if self._error is not None:
            detail = "the disk is full" if isinstance(self._error, OSError) and self._error.errno == errno.ENOSPC else str(self._error)
            raise RuntimeError(f"video {self.path}: encoding failed after {self.frames_written} frames: {detail}") from self._error

    def _discard(self) -> None:
        with contextlib.suppress(av.error.FFmpegError, OSError):  # the file is removed in the next line
            self._container.close()
        self._temporary.unlink(missing_ok=True)

    def _encode(self) -> None:
        try:
            while not self._aborted.is_set():
                try:
                    picture = self._queue.get(timeout=_POLL_S)
                except queue.Empty:
                    continue
                if picture is None:
                    self._container.mux(self._stream.encode(None))
                    self._container.close()
                    return
                self._container.mux(self._stream.encode(_frame(picture, self._stream.pix_fmt or "")))
        except Exception as error:  # noqa: BLE001 - whatever it is, the writer must hear of it or would wait forever
            self._error = error


def join_videos(parts: Sequence[tuple[Path, int]], target: Path, fps: float | int) -> None:
    """Joins videos of one encoder and size, one after the other, as they are encoded.

    Args:
        parts: each with the number of its first picture in the whole.
        target: whose form is that of the parts.
        fps: pictures per second of all.

    Raises:
        RuntimeError: a part cannot be read, or the whole not written.
    """
    rate = Fraction(fps).limit_denominator(1001)
    try:
        with av.open(parts[0][0]) as first:
            form = "mov" if parts[0][0].suffix == ".mov" else "mp4"
            with av.open(target, "w", format=form, options={"movflags": "+faststart"}) as whole:
                template = first.streams.video[0]
                stream = whole.add_stream_from_template(template)
                stream.codec_context.codec_tag = template.codec_context.codec_tag  # of ProRes, it says which profile
                for file, number in parts:
                    with av.open(file) as part:
                        for packet in part.demux(video=0):
                            if packet.dts is None or packet.pts is None or packet.time_base is None:
                                continue  # the end
                            shift = round(number / rate / packet.time_base)
                            packet.dts, packet.pts = packet.dts + shift, packet.pts + shift
                            packet.stream = stream
                            whole.mux(packet)
    except (av.error.FFmpegError, OSError) as error:
        folder = parts[0][0].parent
        raise RuntimeError(f"{folder}: these parts of the video cannot be joined ({error}); make room on the disk, or delete them and export again") from error


def too_few_for_hevc(path: Path, pictures: int) -> str:
    """What is said of an HEVC video of fewer than `LEAST_HEVC_PICTURES`."""
    return f"video {path}: HEVC needs at least {LEAST_HEVC_PICTURES} pictures, got {pictures}; choose h264"


def probe_encoder(codec: str, chroma: str = "420") -> str | None:
    """Tries an encoder on a few small pictures.

    Returns: None when it works, else the reason why not.
    """
    if codec not in _ENCODERS:
        return f"unknown codec {codec!r}; choose one of {', '.join(_ENCODERS)}"
    if chroma not in ("420", "444"):
        return f"unknown chroma {chroma!r}; choose 420 or 444"
    if (codec, chroma) == ("hevc", "444"):
        return "HEVC is encoded in 4:2:0 only: libx265 fails at random in 4:4:4"
    try:
        container = av.open(io.BytesIO(), "w", format=_CONTAINERS.get(codec, "mp4"))
        stream = _add_stream(container, codec, 256, 256, 30, 18, _pixel_format(codec, chroma, False))
        for _ in range(LEAST_HEVC_PICTURES):
            container.mux(stream.encode(_frame(np.zeros((256, 256, 3), np.uint8), stream.pix_fmt or "")))
        container.mux(stream.encode(None))
        container.close()
    except (av.error.FFmpegError, OSError, ValueError) as error:
        if codec == "h264_nvenc":
            _log.info("no NVIDIA encoder: %s", error)
            return "no NVIDIA encoder here; choose H.264 video"
        return f"the encoder {_ENCODERS[codec]} does not work here: {error}"
    return None


def _add_stream(container: OutputContainer, codec: str, width: int, height: int, fps: float | int, crf: int, pixels: str) -> VideoStream:
    quality = {"crf": str(crf), "preset": "medium"}
    if codec == "h264_nvenc":
        quality = {"cq": str(crf), "preset": "p5"}
    elif codec == "prores":
        quality = {"profile": "4444", "vendor": "apl0"}  # the vendor that some players insist on
    stream = container.add_stream(_ENCODERS[codec], rate=Fraction(fps).limit_denominator(1001), options=quality)
    assert isinstance(stream, VideoStream)  # the encoders are all of video
    stream.width, stream.height, stream.pix_fmt = width, height, pixels
    context = stream.codec_context
    context.colorspace = _BT709
    context.color_primaries = _BT709
    context.color_trc = _BT709
    context.color_range = ColorRange.MPEG
    return stream


def _pixel_format(codec: str, chroma: str, alpha: bool) -> str:
    if codec == "prores":
        return "yuva444p10le" if alpha else "yuv444p10le"
    return f"yuv{chroma}p"


def _frame(picture: UInt8[np.ndarray, "h w c"], pixels: str) -> av.VideoFrame:
    height, width, channels = picture.shape
    if height % 2 or width % 2:
        picture = np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    frame = av.VideoFrame.from_ndarray(picture, format="rgba" if channels == 4 else "rgb24")
    return frame.reformat(format=pixels, dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG)
