"""What went wrong, with its traceback, in a window that does not get in the way: message, details, copy, try again."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from imgui_bundle import imgui

from viewer.messages import Stage

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class _Problem:
    text: str
    details: str
    during: Stage | Literal["drawing"]
    retry: Callable[[], None] | None
    count: int = 1


class Problems:
    """The newest problem that has details; equal ones are counted."""

    def __init__(self) -> None:
        self._newest: _Problem | None = None

    def add(self, text: str, details: str, *, during: Stage | Literal["drawing"], retry: Callable[[], None] | None = None) -> None:
        """Remember a problem.

        Args:
            retry: does again what failed; None where nothing can.
        """
        known = self._newest
        count = known.count + 1 if known is not None and (known.text, known.details) == (text, details) else 1
        self._newest = _Problem(text=text, details=details, during=during, retry=retry, count=count)

    def add_exception(self, error: Exception) -> None:
        """Remember an exception raised while a frame was drawn; the log has the first of equal ones."""
        details = "".join(traceback.format_exception(error))
        if self._newest is None or self._newest.details != details:
            _log.error("a part of the window could not be drawn\n%s", details)
        self.add(f"a part of the window could not be drawn: {error}", details, during="drawing")

    def resolved(self, during: Stage) -> None:
        """A scene opened, or a picture came, after all: the failure before is history. Problems of the window itself stay."""
        if self._newest is not None and self._newest.during == during:
            self._newest = None

    def draw(self) -> None:
        """Show the problem until it is closed."""
        problem = self._newest
        if problem is None:
            return
        em = imgui.get_font_size()
        viewport = imgui.get_main_viewport()
        imgui.set_next_window_pos((viewport.pos.x + em, viewport.pos.y + 6 * em), imgui.Cond_.appearing)
        imgui.set_next_window_size_constraints((26 * em, 4 * em), (60 * em, 32 * em))
        flags = imgui.WindowFlags_.always_auto_resize | imgui.WindowFlags_.no_docking | imgui.WindowFlags_.no_saved_settings
        shown, stays = imgui.begin("Problem", True, flags)
        if shown:
            imgui.push_text_wrap_pos(44 * em)
            imgui.text_unformatted(problem.text + (f"  ({problem.count} times)" if problem.count > 1 else ""))
            imgui.pop_text_wrap_pos()
            if imgui.tree_node("Details##problem"):
                imgui.begin_child("traceback##problem", (54 * em, 18 * em), imgui.ChildFlags_.borders, imgui.WindowFlags_.horizontal_scrollbar)
                imgui.text_unformatted(problem.details)
                imgui.end_child()
                imgui.tree_pop()
            if imgui.button("Copy##problem"):
                imgui.set_clipboard_text(problem.details)
            imgui.same_line()
            if problem.retry is not None:
                if imgui.button("Try again##problem"):
                    stays = False
                    problem.retry()
                imgui.same_line()
            if imgui.button("Close##problem"):
                stays = False
        imgui.end()
        if not stays:
            self._newest = None
