"""What command lines print while they work."""

from __future__ import annotations

import pytest
from rich.console import Console

from im4d_core import console


def test_without_a_terminal_progress_is_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    clock = [0.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(console, "console", Console(stderr=True, force_terminal=False))
    with console.bar("occupancy") as update:
        for done in range(1, 31):
            clock[0] += 1.0
            assert update(done, 30)
    assert capsys.readouterr().err.splitlines() == ["occupancy: 11 of 30", "occupancy: 22 of 30"]
