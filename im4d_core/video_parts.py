"""A long video in parts of two seconds, each of which appears complete: it can be left and gone on with, and is joined without encoding anything again."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from im4d_core.export_note import NOTE, read_note, same_export, write_note
from im4d_core.export_settings import LEAST_HEVC_PICTURES
from im4d_core.video import join_videos
from im4d_core.whole_file import whole_file

_PART_S = 2.0  # what a crash may cost; each part begins with a whole picture, so shorter ones would make larger files


class VideoParts:
    """Where the parts of a video are. Those of an earlier, interrupted export of the same thing are kept; those of another one give way.

    They lie in a folder beside the video, which goes when the video is complete, or when nothing is in it. A video of one part has none.

    Args:
        note: what the video is of.
        pictures: in all.
        fps: pictures per second.

    Raises:
        FileExistsError: a file has the folder's name, or the folder holds something else.
        OSError: it cannot be written to.
    """

    def __init__(self, target: Path, note: Mapping[str, Any], pictures: int, fps: float) -> None:
        self._target, self._fps = target, fps
        self._folder = target.with_name(f"{target.name}.parts")
        length = max(round(_PART_S * fps), LEAST_HEVC_PICTURES)
        starts = list(range(0, pictures - LEAST_HEVC_PICTURES + 1, length)) or [0]  # the rest of a part that is too short belongs to the one before
        self.parts: tuple[range, ...] = tuple(range(start, end) for start, end in zip(starts, [*starts[1:], pictures]))
        """The pictures of each part."""
        if self._whole:
            return
        if self._folder.exists() and not self._goes_on(note):
            shutil.rmtree(self._folder)
        self._folder.mkdir(exist_ok=True)
        write_note(note, self._folder / NOTE)

    def file(self, part: range) -> Path:
        """Where a part is to be written."""
        return self._target if self._whole else self._folder / f"{part.start:06d}{self._target.suffix}"

    def missing(self) -> Sequence[range]:
        """Parts that are not complete yet."""
        return self.parts if self._whole else [part for part in self.parts if not self.file(part).is_file()]

    def join(self) -> None:
        """Makes the video of its parts, all of which are complete; they go.

        Raises:
            OSError, RuntimeError: it cannot be written; the parts stay.
        """
        if self._whole:
            return
        with whole_file(self._target) as temporary:
            join_videos([(self.file(part), part.start) for part in self.parts], temporary, self._fps)
        shutil.rmtree(self._folder)

    def __enter__(self) -> VideoParts:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._folder.is_dir() and len(self.missing()) == len(self.parts):
            shutil.rmtree(self._folder)

    @property
    def _whole(self) -> bool:
        return len(self.parts) == 1

    def _goes_on(self, note: Mapping[str, Any]) -> bool:
        """Whether what is in the folder is of this export; False where it is of another one."""
        stored = self._folder / NOTE
        if not self._folder.is_dir() or any(not self._is_ours(file) for file in self._folder.iterdir()):
            raise FileExistsError(f"{self._folder}: the parts of the video go to a folder of this name, which holds something else; choose another name")
        try:
            return stored.is_file() and same_export(read_note(stored), note)
        except ValueError:
            return False

    def _is_ours(self, file: Path) -> bool:
        """A part, the note, or one of either that was never finished."""
        return file.name == NOTE or file.suffix == self._target.suffix or file.name.startswith(".")
