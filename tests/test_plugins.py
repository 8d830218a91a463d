"""Panels of the user's own: the manual's example works, and one that fails harms nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from driver import Driver, pose

from viewer.plugins import in_folder, load

MANUAL = Path(__file__).parent.parent / "docs" / "viewer.md"


def _written(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def test_the_example_of_the_manual_works(drive, tmp_path: Path) -> None:
    found = re.search(r"<!-- plugin:.*?-->\s*```python\n(.*?)```", MANUAL.read_text(), re.DOTALL)
    assert found is not None
    file = _written(tmp_path, "bookmarks.py", found[1])

    def script(d: Driver) -> None:
        d.click("Bookmarks")
        before = pose(d)
        d.click("Remember this view")
        d.drag_picture(120.0, 20.0)
        assert not np.allclose(pose(d), before)
        d.click("View 1")
        np.testing.assert_allclose(pose(d), before, atol=1e-9)

    drive(plugins=(file,)).run(script)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("    imgui.begin_child('open')\n    imgui.push_style_var(imgui.StyleVar_.alpha, 0.1)\n    raise KeyError('lost')", "KeyError"),
        ("    return ['play']", "no event"),
        ("    return None", "TypeError"),
        ("    return [SetFrame(index='three')]", "TypeError"),
        ("    raise SystemExit", "SystemExit"),
    ],
)
def test_a_plugin_that_fails_is_switched_off_and_nothing_else(drive, tmp_path: Path, body: str, complaint: str) -> None:
    head = "from imgui_bundle import imgui\nfrom viewer.events import SetFrame\n"
    text = f"{head}title = 'Mine'\ndef draw(state, stats):\n{body}\n"
    good = f"{head}title = 'Good'\ndef draw(state, stats):\n    return [SetFrame(index=4)] if imgui.button('Go') else []\n"
    files = (_written(tmp_path, "mine.py", text), _written(tmp_path, "good.py", good))

    def script(d: Driver) -> None:
        d.click("Mine")
        d.until(lambda: d.session._problems._newest is not None)
        problem = d.session._problems._newest
        assert problem is not None
        assert "mine.py" in problem.text
        assert complaint in problem.details
        assert "mine.py" in problem.details or body.startswith("    return"), "the traceback leads to the line"
        d.click("Close##problem")
        d.ctx.yield_(5)
        assert d.session._problems._newest is None, "it is not called again"
        d.click("Good")
        d.click("Go")
        assert d.state.transport.index == 4
        d.until(lambda: d.shown.request.frame == 14)

    drive(plugins=files).run(script)


def test_files_that_offer_no_panel_are_left_out_with_the_reason(tmp_path: Path) -> None:
    files = (
        _written(tmp_path, "broken.py", "def draw(state, stats:\n"),
        _written(tmp_path, "untitled.py", "def draw(state, stats):\n    return []\n"),
        _written(tmp_path, "idle.py", "title = 'Idle'\n"),
        _written(tmp_path, "scene.py", "title = 'Scene'\ndef draw(state, stats):\n    return []\n"),
        _written(tmp_path, "exits.py", "raise SystemExit(3)\n"),
        _written(tmp_path, "notes.txt", "title = 'Text'\n"),
        _written(tmp_path, "fine.py", "title = 'Fine'\ndef draw(state, stats):\n    return []\n"),
        _written(tmp_path, "fine2.py", "title = 'Fine'\ndef draw(state, stats):\n    return []\n"),
    )
    loaded, rejected = load(files)
    assert [plugin.title for plugin in loaded] == ["Fine"]
    assert len(rejected) == 7
    assert "broken.py" in rejected[0].text and "SyntaxError" in rejected[0].details
    assert "`draw(state, stats)`" in rejected[1].text and "`draw(state, stats)`" in rejected[2].text
    assert "another panel" in rejected[3].text and "another panel" in rejected[6].text
    assert ".py" in rejected[5].text


def test_a_file_that_is_left_out_is_shown_in_the_window(drive, tmp_path: Path) -> None:
    def script(d: Driver) -> None:
        problem = d.session._problems._newest
        assert problem is not None
        assert "broken.py" in problem.text
        d.click("Close##problem")

    drive(plugins=(_written(tmp_path, "broken.py", "1 / 0\n"),)).run(script)


def test_only_python_files_of_the_users_folder_are_found(tmp_path: Path) -> None:
    assert in_folder(tmp_path) == ()
    _written(tmp_path / "plugins", "b.py", "")
    _written(tmp_path / "plugins", "a.py", "")
    _written(tmp_path / "plugins", "notes.txt", "")
    _written(tmp_path / "plugins" / "deeper", "c.py", "")
    _written(tmp_path, "d.py", "")
    assert [file.name for file in in_folder(tmp_path)] == ["a.py", "b.py"]
