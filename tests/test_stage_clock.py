"""How long stages take: by the host's clock, and by events of a GPU, of which the last is waited for."""

from __future__ import annotations

import time

import pytest
import torch

from im4d_core.stage_clock import StageClock


def test_stages_of_one_name_are_added_up() -> None:
    clock = StageClock(torch.device("cpu"))
    for name in ("a", "b", "a"):
        time.sleep(0.01)
        clock.mark(name)
    spent = clock.milliseconds()
    assert list(spent) == ["a", "b"]
    assert spent["a"] >= 20.0 and spent["b"] >= 10.0


class _Event:
    """An event of a GPU that is not there: a millisecond after the one before."""

    made: list[_Event]

    def __init__(self, *, enable_timing: bool) -> None:
        assert enable_timing
        self.waited, self.place = False, len(self.made)
        self.made.append(self)

    def record(self) -> None: ...

    def synchronize(self) -> None:
        self.waited = True

    def elapsed_time(self, after: _Event) -> float:
        assert self.made[-1].waited, "what the device has not come to has no time yet"
        return float(after.place - self.place)


def test_only_the_last_event_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other streams, such as the window's, and what is queued later are no part of a picture's time."""

    def all_of_it() -> None:
        raise AssertionError("the whole device was waited for")

    _Event.made = []
    monkeypatch.setattr(torch.cuda, "Event", _Event)
    monkeypatch.setattr(torch.cuda, "synchronize", all_of_it)
    clock = StageClock(torch.device("cuda"))
    clock.mark("rays")
    clock.mark("fast")
    assert clock.milliseconds() == {"rays": 1.0, "fast": 1.0}
    assert [event.waited for event in _Event.made] == [False, False, True]
