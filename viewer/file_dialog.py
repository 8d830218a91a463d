"""Choosing files: the desktop's own dialog where it has one, else a small window of ours to type a path into."""

from __future__ import annotations

import shutil

from imgui_bundle import imgui
from imgui_bundle import portable_file_dialogs as native

from viewer.events import FileChosen, FilePurpose
from viewer.state import expanded

_TITLES: dict[FilePurpose, str] = {
    "open": "Open a scene (its config.json) or a camera path",
    "open_path": "Open a camera path",
    "save_path": "Save the camera path",
    "export": "Export to",
    "output": "Folder for what is saved",
}
_HELPERS = ("zenity", "kdialog", "qarma", "matedialog")  # without one of these the native dialog answers at once with nothing


class FileDialog:
    """At most one dialog at a time; never blocks."""

    def __init__(self) -> None:
        self._purpose: FilePurpose | None = None
        self._native: native.select_folder | native.open_file | native.save_file | None = None
        self._text = ""
        self._appears = False

    def ask(self, purpose: FilePurpose, suggested: str) -> None:
        if self._purpose is not None:
            return
        self._purpose, self._text = purpose, suggested
        self._appears = True
        if any(shutil.which(helper) for helper in _HELPERS):
            title = _TITLES[purpose]
            if purpose in ("open", "open_path"):  # the desktop chooses either files or folders: a scene is chosen by the config.json in its folder
                self._native = native.open_file(title, suggested)
            elif purpose == "output":
                self._native = native.select_folder(title, suggested)
            else:
                self._native = native.save_file(title, suggested)

    @property
    def waits(self) -> bool:
        """Whether the desktop's dialog is open: its answer comes without an event."""
        return self._native is not None

    def draw(self) -> FileChosen | None:
        """Show the dialog; its answer, once."""
        if self._purpose is None:
            return None
        if self._native is not None:
            return self._from_desktop()
        return self._typed()

    def _from_desktop(self) -> FileChosen | None:
        dialog = self._native
        assert dialog is not None
        if not dialog.ready(0):
            return None
        result = dialog.result()
        answer = result if isinstance(result, str) else (result[0] if result else "")
        return self._answered(answer)

    def _typed(self) -> FileChosen | None:
        assert self._purpose is not None
        title = f"{_TITLES[self._purpose]}##file dialog"
        if self._appears:
            imgui.open_popup(title)
        centre = imgui.get_main_viewport().get_center()
        imgui.set_next_window_pos(centre, imgui.Cond_.appearing, (0.5, 0.5))
        opened, _ = imgui.begin_popup_modal(title, None, imgui.WindowFlags_.always_auto_resize)
        if not opened:
            return self._answered("") if not self._appears else None
        if self._appears:
            imgui.set_keyboard_focus_here()
            self._appears = False
        imgui.text_unformatted("There is no zenity or kdialog here to choose files with: type the path.")
        imgui.set_next_item_width(28 * imgui.get_font_size())
        entered, self._text = imgui.input_text("##file", self._text, imgui.InputTextFlags_.enter_returns_true)
        accepted = imgui.button("OK##file") or entered
        imgui.same_line()
        cancelled = imgui.button("Cancel##file") or imgui.is_key_pressed(imgui.Key.escape)
        answer = None
        if accepted or cancelled:
            imgui.close_current_popup()
            answer = self._answered(self._text.strip() if accepted else "")
        imgui.end_popup()
        return answer

    def _answered(self, text: str) -> FileChosen | None:
        purpose, self._purpose, self._native, self._appears = self._purpose, None, None, False
        return FileChosen(purpose=purpose, path=expanded(text)) if text and purpose is not None else None
