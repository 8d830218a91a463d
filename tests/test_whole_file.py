"""Files appear whole or not at all, and what cannot be written is said of the file that the user named."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from im4d_core.camera_path import CameraPath
from im4d_core.checkpoint import save_checkpoint, save_weights
from im4d_core.config import RunConfig, save_config
from im4d_core.frame_folder import FrameFolder
from im4d_core.path_files import save_path
from im4d_core.whole_file import require_writable, whole_file
from viewer.live import LiveRecording
from viewer.offline import save_png

_PICTURE = np.zeros((16, 16, 3), np.uint8)


class _Usage:
    """Of a disk."""

    total = 1 << 40
    free = 100


def _folder_of_pictures(target: Path) -> None:
    with FrameFolder(target, {}, depth=False) as folder:
        folder.write(0, _PICTURE)


WRITERS: dict[str, Callable[[Path], object]] = {
    "path": lambda file: save_path(CameraPath(), file),
    "picture": lambda file: save_png(_PICTURE, file),
    "settings": lambda file: save_config(RunConfig(), file),
    "weights": lambda file: save_weights(nn.Linear(2, 2), file),
    "recording": lambda file: LiveRecording(file, _PICTURE, lambda: 0.0).written.result(timeout=20.0),
}


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS.keys())
def test_what_cannot_be_written_is_named_with_what_to_do(tmp_path: Path, write: Callable[[Path], object]) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    os.mkfifo(tmp_path / "pipe")
    for name, complaint in (
        ("folder", "folder: is a folder; name a file in it"),
        ("file/new.mp4", "new.mp4: cannot be written (" + str(tmp_path / "file") + " is a file); choose another place"),
        ("pipe", "pipe: is a device or a pipe, not a file; choose another place"),
        ("n" * 300, "n: cannot be written (File name too long); choose another place"),
        ("a\0b", "a file name cannot hold the character NUL"),
    ):
        with pytest.raises(OSError, match=re.escape(complaint)) as caught:
            write(tmp_path / name)
        assert ".part" not in str(caught.value), "temporary names are nobody's business"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["file", "folder", "pipe"]


@pytest.mark.parametrize("name", ["path", "picture", "settings"])
def test_a_full_disk_is_called_that_and_the_old_file_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def full(self: Path, *args: object, **kwargs: object) -> int:
        with self.open("wb") as file:
            file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    file = tmp_path / "a.png"
    file.write_text("before")
    monkeypatch.setattr(Path, "write_text", full)
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match=re.escape(f"{file}: cannot be written (the disk is full); choose another place")):
        WRITERS[name](file)
    assert file.read_text() == "before"
    assert list(tmp_path.iterdir()) == [file]


def test_a_full_disk_is_recognised_whatever_the_library_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(state: object, file: Path) -> None:
        raise RuntimeError("unexpected pos 117120 vs 117008")

    monkeypatch.setattr(torch, "save", broken)
    with pytest.raises(OSError, match=r"step_00000001.pt: cannot be written \(unexpected pos"):
        save_checkpoint(tmp_path, 1, {})
    monkeypatch.setattr("shutil.disk_usage", lambda folder: _Usage())
    with pytest.raises(OSError, match=r"step_00000001.pt: cannot be written \(the disk is full\)"):
        save_checkpoint(tmp_path, 1, {})


def test_pictures_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=re.escape(f"cannot be written ({tmp_path / 'file'} is a file)")):
        _folder_of_pictures(tmp_path / "file" / "pictures")
    _folder_of_pictures(tmp_path / "pictures")
    for damage in ("{", "[" * 100_000):
        (tmp_path / "pictures" / "export.json").write_text(damage)
        with pytest.raises(ValueError, match=r"pictures/export.json: expected the note of an export.*choose another folder, or delete this one"):
            _folder_of_pictures(tmp_path / "pictures")


def test_a_body_that_gives_up_leaves_what_was_there(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "file"
    with whole_file(file) as temporary:
        temporary.write_text("one")
        assert not file.exists()
    with pytest.raises(ZeroDivisionError), whole_file(file) as temporary:
        temporary.write_text(str(1 / 0))
    with whole_file(file):
        pass
    assert file.read_text() == "one"
    assert list(file.parent.iterdir()) == [file]


def test_nothing_remains_of_the_question_whether_one_may_write(tmp_path: Path) -> None:
    require_writable(tmp_path / "new" / "file")
    assert list((tmp_path / "new").iterdir()) == []
