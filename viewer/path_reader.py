"""Reading camera paths from files beside the window: a COLMAP model of many pictures takes seconds."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from im4d_core.camera_path import CameraPath
from im4d_core.path_files import load_paths
from viewer.events import Event, LoadPath, Notified, PathLoaded

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class _Read:
    paths: tuple[CameraPath, ...]
    notes: tuple[str, ...]


class PathReader:
    """Reads one file after the other in a thread of its own. Belongs to the main thread.

    Args:
        wake: called from the thread when an answer is ready.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._thread = _thread()
        self._asked: list[tuple[LoadPath, Future[_Read]]] = []

    @property
    def waits(self) -> bool:
        """Whether an answer is to come."""
        return bool(self._asked)

    def read(self, asked: LoadPath, frames: Sequence[int] | None) -> None:
        """Ask for the paths of a file; `frames` are those of the scene."""
        future = self._thread.submit(_read, asked.file, frames)
        future.add_done_callback(lambda _: self._wake())
        self._asked.append((asked, future))

    def answers(self) -> list[Event]:
        """What was read by now, or why it cannot be, in the order in which it was asked for."""
        found: list[Event] = []
        while self._asked and self._asked[0][1].done():
            asked, future = self._asked.pop(0)
            try:
                read = future.result()
            except (OSError, ValueError) as error:
                found.append(Notified(level="error", text=str(error)))
            except Exception as error:  # noqa: BLE001 - a defect of ours must not take along what waits behind it
                _log.exception("%s cannot be read", asked.file)
                found.append(Notified(level="error", text=f"{asked.file} cannot be read: {error or type(error).__name__}; the log has the details"))
            else:
                path, *others = read.paths
                found.append(PathLoaded(path=path, file=asked.file, others=tuple(others), notes=read.notes, of_scene=asked.of_scene))
        return found

    def forget(self) -> None:
        """What was asked for is not wanted any more, and what comes next does not wait for it."""
        self.close()
        self._thread = _thread()

    def close(self) -> None:
        self._asked.clear()
        self._thread.shutdown(wait=False, cancel_futures=True)


def _thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="paths")


def _read(file: Path, frames: Sequence[int] | None) -> _Read:
    notes: list[str] = []
    paths = load_paths(file, frames, told=notes.append)
    return _Read(paths=paths, notes=tuple(notes))
