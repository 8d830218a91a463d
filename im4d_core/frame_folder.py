"""A folder of numbered pictures that can be left and gone on with: each file appears complete, and a note says what they are pictures of."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8

from im4d_core.export_note import NOTE, read_note, same_export, write_note
from im4d_core.whole_file import whole_file

DEPTH = "depth"
_THREADS = 2
_QUEUED = 8


class FrameFolder:
    """Writes pictures in threads of its own, a few waiting at most. Pictures of an earlier, interrupted export of the same thing are kept.

    Args:
        note: what the pictures are of. An export that says the same goes on; another one is refused.
        depth: whether a depth file belongs to each picture.

    Raises:
        FileExistsError: the folder holds something else.
        ValueError: its note is damaged.
        OSError: it cannot be written to.
    """

    def __init__(self, folder: Path, note: Mapping[str, Any], *, depth: bool) -> None:
        self.folder = folder
        self._depth = depth
        stored = folder / NOTE
        if folder.exists() and not folder.is_dir():
            raise FileExistsError(f"{folder}: is a file; pictures go to a folder, choose another name")
        if stored.is_file():
            if not same_export(_note_of(stored), note):
                raise FileExistsError(f"{folder}: holds pictures of another path, scene or setting; choose another folder, or delete this one")
        elif folder.is_dir() and any(folder.iterdir()):
            raise FileExistsError(f"{folder}: holds other files and no {NOTE}; choose a new or empty folder")
        else:
            write_note(note, stored)
        if depth:
            (folder / DEPTH).mkdir(exist_ok=True)
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix=f"pictures of {folder.name}")
        self._waiting: deque[Future[None]] = deque()

    def has(self, index: int) -> bool:
        """Whether a picture, and its depth where that belongs to it, is there already."""
        return self._picture(index).is_file() and (not self._depth or self._depth_file(index).is_file())

    def write(self, index: int, picture: UInt8[np.ndarray, "h w c"], depth: Float32[np.ndarray, "h w"] | None = None) -> None:
        """Writes a picture of 3 or 4 channels soon; waits while many are waiting.

        Raises:
            OSError: an earlier picture could not be written.
        """
        if len(self._waiting) >= _QUEUED:
            self._waiting.popleft().result()
        self._waiting.append(self._pool.submit(self._write, index, np.array(picture, copy=True), None if depth is None else np.array(depth, copy=True)))

    def close(self) -> None:
        """Waits until everything is written.

        Raises:
            OSError: a picture could not be written.
        """
        try:
            while self._waiting:
                self._waiting.popleft().result()
        finally:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> FrameFolder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def _picture(self, index: int) -> Path:
        return self.folder / f"{index:06d}.png"

    def _depth_file(self, index: int) -> Path:
        return self.folder / DEPTH / f"{index:06d}.exr"

    def _write(self, index: int, picture: np.ndarray, depth: np.ndarray | None) -> None:
        import imageio.v3 as imageio

        if depth is not None:
            from im4d_core.exr import encode_exr

            _write_whole(self._depth_file(index), encode_exr(depth))
        _write_whole(self._picture(index), imageio.imwrite("<bytes>", picture, extension=".png"))


def _write_whole(file: Path, content: bytes) -> None:
    with whole_file(file) as temporary:
        temporary.write_bytes(content)


def _note_of(file: Path) -> Any:
    try:
        return read_note(file)
    except ValueError as error:
        raise ValueError(f"{error}; choose another folder, or delete this one") from error
