"""Recording what is on the screen as a video, while it happens: the picture area with what lies over it, by the clock."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

import numpy as np
from jaxtyping import UInt8

from im4d_core.whole_file import require_writable

FPS = 30.0
_MOST_BEHIND = 8  # pictures repeated at once after a stall; a longer one is cut out
_MOST_WAITING = 16  # pictures: half a second, in which an encoder is tried and opened


class LiveRecording:
    """Pictures of the screen at a steady rate: a slow screen repeats its last one, a slow encoder leaves some out.

    The encoder is tried, opened, fed and ended by a thread, so that the window waits for none of it.

    Args:
        file: the mp4 to write; it appears when the recording ends.
        first: the first picture; later ones of another size are cut or padded to its size.
        clock: seconds, monotonic.
        over: called from the thread when the recording has ended, by itself where it failed.
    """

    def __init__(self, file: Path, first: UInt8[np.ndarray, "h w 3"], clock: Callable[[], float], over: Callable[[], None] = lambda: None) -> None:
        self._shape = first.shape[:2]
        self._clock, self._began_s = clock, clock()
        self._taken = 0
        self.left_out = 0
        """Pictures that the encoder had no time for."""
        self._waiting: SimpleQueue[np.ndarray | None] = SimpleQueue()
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="recording")
        self.written: Future[Path] = thread.submit(self._write, file)
        """The complete file, or why there is none: OSError where it cannot be written, RuntimeError where it cannot be encoded."""
        self.written.add_done_callback(lambda _: over())
        thread.shutdown(wait=False)
        self.take(first)

    def take(self, picture: UInt8[np.ndarray, "h w 3"]) -> None:
        """What the screen shows now, as often as the rate asks since the last time."""
        due = int((self._clock() - self._began_s) * FPS + 1e-6) + 1  # 1e-6: k / rate * rate must not fall below k
        if due - self._taken > _MOST_BEHIND:
            self._taken = due - 1
        fitted = _fitted(picture, self._shape)
        while self._taken < due:
            self._taken += 1
            if self._waiting.qsize() < _MOST_WAITING:
                self._waiting.put(fitted)
            else:
                self.left_out += 1

    def end(self) -> None:
        """No picture follows; `written` tells when the file is complete."""
        self._waiting.put(None)

    def _write(self, file: Path) -> Path:
        """What the thread does."""
        from im4d_core.video import VideoWriter

        require_writable(file)
        height, width = self._shape
        with VideoWriter(file, width, height, FPS) as writer:
            while (picture := self._waiting.get()) is not None:
                writer.write(picture)
        return file


def _fitted(picture: UInt8[np.ndarray, "h w 3"], shape: tuple[int, ...]) -> UInt8[np.ndarray, "h2 w2 3"]:
    """A picture cut, or padded with black, at the right and below."""
    if picture.shape[:2] == shape:
        return picture
    fitted = np.zeros((*shape, 3), np.uint8)
    height, width = min(shape[0], picture.shape[0]), min(shape[1], picture.shape[1])
    fitted[:height, :width] = picture[:height, :width]
    return fitted
