"""Recording what is on the screen as a video, while it happens: the picture area with what lies over it, by the clock."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from im4d_core.whole_file import require_writable

FPS = 30.0
_MOST_BEHIND = 8  # pictures repeated at once after a stall; a longer one is cut out


class LiveRecording:
    """Pictures of the screen at a steady rate: a slow screen repeats its last one, a slow encoder leaves some out.

    Args:
        file: the mp4 to write; it appears when the recording ends.
        first: the first picture; later ones of another size are cut or padded to its size.
        clock: seconds, monotonic.

    Raises:
        OSError: the file cannot be written.
        RuntimeError: the video cannot be encoded.
    """

    def __init__(self, file: Path, first: UInt8[np.ndarray, "h w 3"], clock: Callable[[], float]) -> None:
        from im4d_core.video import VideoWriter

        require_writable(file)
        height, width = first.shape[:2]
        self._writer = VideoWriter(file, width, height, FPS)
        self._shape = (height, width)
        self._clock, self._began_s = clock, clock()
        self._taken = 0
        self.left_out = 0
        """Pictures that the encoder had no time for."""
        self.take(first)

    @property
    def written(self) -> int:
        return self._writer.frames_written

    def take(self, picture: UInt8[np.ndarray, "h w 3"]) -> None:
        """What the screen shows now, as often as the rate asks since the last time.

        Raises:
            RuntimeError: the encoder failed.
        """
        due = int((self._clock() - self._began_s) * FPS + 1e-6) + 1  # 1e-6: k / rate * rate must not fall below k
        if due - self._taken > _MOST_BEHIND:
            self._taken = due - 1
        fitted = _fitted(picture, self._shape)
        while self._taken < due:
            self._taken += 1
            if not self._writer.try_write(fitted):
                self.left_out += 1

    def end(self) -> Path:
        """Finish the file.

        Raises:
            RuntimeError: the encoder failed; no file remains.
        """
        self._writer.close()
        return self._writer.path

    def abort(self) -> None:
        """Leave no file."""
        self._writer.abort()


def _fitted(picture: UInt8[np.ndarray, "h w 3"], shape: tuple[int, int]) -> UInt8[np.ndarray, "h2 w2 3"]:
    """A picture cut, or padded with black, at the right and below."""
    if picture.shape[:2] == shape:
        return picture
    fitted = np.zeros((*shape, 3), np.uint8)
    height, width = min(shape[0], picture.shape[0]), min(shape[1], picture.shape[1])
    fitted[:height, :width] = picture[:height, :width]
    return fitted
