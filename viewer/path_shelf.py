"""Several named paths: one is under edit, the others lie on the shelf. Pure functions of `PathEditor`."""

from __future__ import annotations

import re
from dataclasses import replace

from im4d_core.camera_path import CameraPath
from viewer.edited_path import PathEditor
from viewer.path_editor import edited

UNNAMED = "path"


def title(path: CameraPath) -> str:
    """What a path is called."""
    return path.name or UNNAMED


def titles(editor: PathEditor) -> tuple[str, ...]:
    """All paths by name."""
    return tuple(sorted(title(path) for path in (editor.path, *editor.shelf)))


def added(editor: PathEditor, path: CameraPath) -> PathEditor:
    """Another path under edit; the present one goes onto the shelf, unless it is empty."""
    shelf = (*editor.shelf, editor.path) if editor.path.keys else editor.shelf
    made = replace(path, name=_free_name(title(path), shelf))
    return _shown(editor, made, shelf)


def copied(editor: PathEditor) -> PathEditor:
    """A copy of the present path under edit."""
    return added(editor, editor.path)


def chosen(editor: PathEditor, name: str) -> PathEditor:
    """The path of that name under edit."""
    wanted = next((path for path in editor.shelf if title(path) == name), None)
    if wanted is None:
        return editor
    shelf = tuple(path for path in editor.shelf if path is not wanted)
    return _shown(editor, wanted, (*shelf, editor.path) if editor.path.keys else shelf)


def removed(editor: PathEditor) -> PathEditor:
    """Without the present path; the next one by name comes under edit."""
    if not editor.shelf:
        return _shown(editor, CameraPath(), ())
    following = sorted(editor.shelf, key=lambda path: (title(path) <= title(editor.path), title(path)))
    return _shown(editor, following[0], tuple(path for path in editor.shelf if path is not following[0]))


def renamed(editor: PathEditor, name: str) -> PathEditor:
    """The present path under another name; one that is taken gets a number."""
    name = name.strip()
    if not name or name == title(editor.path):
        return editor
    return edited(editor, replace(editor.path, name=_free_name(name, editor.shelf)), editor.selected)


def _shown(editor: PathEditor, path: CameraPath, shelf: tuple[CameraPath, ...]) -> PathEditor:
    selected = path.keys[0].id if path.keys else None
    return replace(edited(editor, path, selected, shelf=shelf), time_s=path.start_s)


def _free_name(name: str, shelf: tuple[CameraPath, ...]) -> str:
    taken, stem, number = {title(path) for path in shelf}, re.sub(r" \d+$", "", name), 1
    while name in taken:
        number += 1
        name = f"{stem} {number}"
    return name
