"""The desktop's own dialog, as far as it can be tested without a desktop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from driver import Driver

from viewer import file_dialog
from viewer.events import FileChosen, FilePurpose
from viewer.file_dialog import FileDialog


class Desktop:
    """A desktop whose dialogs are answered at once with a file."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def ready(self, timeout: int) -> bool:
        return True

    def result(self) -> list[str]:
        return ["/captures/path.json"]

    def open_file(self, title: str, folder: str) -> Any:
        self.asked.append("file")
        return self


@pytest.mark.parametrize("purpose", ["open", "open_path"])
def test_a_path_can_be_chosen_where_a_scene_or_a_path_is_opened(monkeypatch: pytest.MonkeyPatch, purpose: FilePurpose) -> None:
    desktop = Desktop()
    monkeypatch.setattr(file_dialog, "native", desktop)
    monkeypatch.setattr("viewer.file_dialog.shutil.which", lambda name: name)
    dialog = FileDialog()
    dialog.ask(purpose, "/captures")
    assert dialog.draw() == FileChosen(purpose=purpose, path=Path("/captures/path.json"))
    assert desktop.asked == ["file"]
    assert not dialog.waits


def test_where_the_desktop_has_none_ours_says_why(drive: Callable[..., Driver], monkeypatch: pytest.MonkeyPatch) -> None:
    from imgui_bundle import imgui

    monkeypatch.setattr("viewer.file_dialog.shutil.which", lambda name: None)
    said, write = set[str](), imgui.text_unformatted

    def noted(text: str) -> None:
        said.add(text)
        write(text)

    monkeypatch.setattr(imgui, "text_unformatted", noted)

    def script(d: Driver) -> None:
        d.press_name("Ctrl+O")
        d.until(lambda: d.dialog_open)
        d.until(lambda: any("no zenity or kdialog here" in text for text in said))
        d.press_name("Escape")

    drive().run(script)
