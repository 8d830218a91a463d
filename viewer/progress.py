"""How far a long task beside the GUI is, and how long it will still take. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Progress:
    """As the task told last."""

    done: int = 0
    total: int = 0
    started_s: float = 0.0
    found: int = 0
    """How much was done already when it started."""

    @property
    def waits(self) -> bool:
        """It was asked for and has not begun."""
        return self.total == 0

    def after(self, done: int, total: int, now_s: float) -> Progress:
        """A step later; the first one tells what was found, and begins the time."""
        if self.waits:
            return Progress(done=done, total=total, started_s=now_s, found=done)
        return Progress(done=done, total=total, started_s=self.started_s, found=self.found)

    def left_s(self, now_s: float) -> float | None:
        """How long it will still take, as it went so far; None before anything can be said."""
        made = self.done - self.found
        return (now_s - self.started_s) / made * (self.total - self.done) if made > 0 and now_s > self.started_s else None
