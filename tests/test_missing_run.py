"""What is said of folders that are no run."""

from __future__ import annotations

from pathlib import Path

import pytest

from app import Options, start
from im4d_core.opened_run import open_run


def test_a_capture_is_told_how_it_becomes_a_run(tmp_path: Path) -> None:
    capture = tmp_path / "my dancer"
    capture.mkdir()
    (capture / "intri.yml").touch()
    (capture / "extri.yml").touch()
    for opened in (lambda: open_run(capture), lambda: start(Options(run=capture))):
        with pytest.raises(FileNotFoundError, match=r"this is a capture \(intri\.yml and extri\.yml\); train it first") as error:
            opened()
        assert str(error.value).endswith(f"python train.py '{capture}' --output 'runs/my dancer'")


def test_any_other_folder_is_told_what_is_expected(tmp_path: Path) -> None:
    for opened in (lambda: open_run(tmp_path), lambda: start(Options(run=tmp_path))):
        with pytest.raises(FileNotFoundError, match=r"config\.json: no such file; expected the folder of a run"):
            opened()
