"""One channel of 32-bit numbers as an OpenEXR file, by FFmpeg's own encoder: nothing beyond PyAV is needed."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import av.error
import numpy as np
from av.video.codeccontext import VideoCodecContext
from jaxtyping import Float32

_PIXELS = "grayf32le"


def encode_exr(values: Float32[np.ndarray, "h w"]) -> bytes:
    """The content of an OpenEXR file with one channel; every bit of the numbers is kept."""
    context = _context("w")
    context.height, context.width = values.shape
    context.pix_fmt = _PIXELS
    context.time_base = Fraction(1)
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(values), format=_PIXELS)
    return b"".join(bytes(packet) for packet in (*context.encode(frame), *context.encode(None)))


def read_exr(file: Path) -> Float32[np.ndarray, "h w"]:
    """The numbers of a file that `encode_exr` made.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is not such a file.
    """
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such file")
    context = _context("r")
    try:
        frames = [*context.decode(av.Packet(file.read_bytes())), *context.decode(None)]
    except av.error.FFmpegError as error:
        raise ValueError(f"{file}: not an OpenEXR file ({error})") from error
    if len(frames) != 1 or frames[0].format.name != _PIXELS:
        raise ValueError(f"{file}: expected one picture with one channel of 32-bit numbers")
    return frames[0].to_ndarray()


def _context(mode: Literal["r", "w"]) -> VideoCodecContext:
    context = av.CodecContext.create("exr", mode)
    assert isinstance(context, VideoCodecContext)  # what FFmpeg says of exr
    return context
