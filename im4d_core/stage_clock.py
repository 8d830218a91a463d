"""How long the stages of a picture take."""

from __future__ import annotations

import time

import torch


class StageClock:
    """Time between marks: the host's clock on a CPU, events on a GPU, read once at the end."""

    def __init__(self, device: torch.device) -> None:
        self._cuda = device.type == "cuda"
        self._names: list[str] = []
        self._events: list[torch.cuda.Event] = []
        self._times: list[float] = []
        self.mark("start")

    def mark(self, name: str) -> None:
        self._names.append(name)
        if self._cuda:
            event = torch.cuda.Event(enable_timing=True)
            event.record()
            self._events.append(event)
        else:
            self._times.append(time.perf_counter())

    def milliseconds(self) -> dict[str, float]:
        """Milliseconds up to each mark since the one before; waits until the device has come to the last one, and for nothing that was queued after it."""
        if self._cuda:
            self._events[-1].synchronize()
            spent = [before.elapsed_time(after) for before, after in zip(self._events, self._events[1:], strict=False)]
        else:
            spent = [(after - before) * 1e3 for before, after in zip(self._times, self._times[1:], strict=False)]
        stages: dict[str, float] = {}
        for name, elapsed in zip(self._names[1:], spent, strict=True):
            stages[name] = stages.get(name, 0.0) + elapsed
        return stages
