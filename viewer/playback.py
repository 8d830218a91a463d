"""The clock of scene time. The frame is floor(start + elapsed · fps · speed), never a sum of steps, so nothing drifts and slow pictures drop frames.

Where every frame is to be shown, the clock waits for pictures instead: it goes on by one frame when the last one is on the screen, and no faster than
the rate. What plays is the part from the in point to the out point.

Where moments between frames are shown, the clock stops at sixteenths of a frame instead of whole ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from viewer.transport import LoopMode, Transport, played_range

_STEPS = 16  # moments per frame: more than anybody sees, few enough that a slow clock leaves time to render each
FPS_RANGE = (0.1, 240.0)
MAX_SPEED = 16.0
_EPSILON = 1e-6  # frames: k / fps · fps must not fall below k


def rate(transport: Transport) -> float:
    """Frames per second, with the sign of their direction."""
    return transport.fps * transport.speed


def play(transport: Transport, n_frames: int, now_s: float) -> Transport:
    """Start from where it is; from outside the range, or from the end of a once-only playback, start over."""
    low, high = played_range(transport, n_frames)
    at_end = transport.index >= high if transport.speed > 0 else transport.index <= low
    if not low <= transport.index <= high or (transport.loop == "once" and at_end):
        transport = replace(transport, index=low if transport.speed > 0 else high)
    return _anchored(replace(transport, playing=True), n_frames, now_s)


def pause(transport: Transport) -> Transport:
    return replace(transport, playing=False)


def tick(transport: Transport, n_frames: int, now_s: float, *, shown: bool = True) -> Transport:
    """Where the clock is now; the same value when nothing changed.

    Args:
        shown: whether the frame where it stands is on the screen.
    """
    if not transport.playing or n_frames < 1:
        return transport
    if transport.every_frame:
        return _step_when_shown(transport, n_frames, now_s, shown)
    place = _place(transport, n_frames, transport.anchor_index + (now_s - transport.anchor_s) * rate(transport))
    if place == _Place(index=transport.index, onward=transport.onward, playing=transport.playing, direction=transport.direction):
        return transport
    return replace(transport, index=place.index, onward=place.onward, playing=place.playing, direction=place.direction)


def seek(transport: Transport, n_frames: int, index: int, now_s: float, onward: float = 0.0) -> Transport:
    """Go to a frame, clamped, and on from there where moments between frames are shown; playback goes on from there."""
    index = min(max(index, 0), max(n_frames - 1, 0))
    onward = min(max(onward, 0.0), 1.0 - 1.0 / _STEPS) if transport.between and index < n_frames - 1 and math.isfinite(onward) else 0.0
    return _anchored(replace(transport, index=index, onward=onward), n_frames, now_s)


def step(transport: Transport, n_frames: int, by: int, now_s: float) -> Transport:
    """Stop, and go frames forward or back; a loop wraps around within its range, else the ends hold."""
    low, high = played_range(transport, n_frames)
    wanted = transport.index + by + (1 if by < 0 and transport.onward > 0.0 else 0)  # from between two frames, back is the one before
    if transport.loop == "loop" and low <= transport.index <= high:
        wanted = low + (wanted - low) % (high - low + 1)
    return replace(seek(pause(transport), n_frames, wanted, now_s), direction=1 if by >= 0 else -1)


def first(transport: Transport, n_frames: int, now_s: float) -> Transport:
    """Go to the in point."""
    return seek(transport, n_frames, played_range(transport, n_frames)[0], now_s)


def last(transport: Transport, n_frames: int, now_s: float) -> Transport:
    """Go to the out point."""
    return seek(transport, n_frames, played_range(transport, n_frames)[1], now_s)


def set_range(transport: Transport, n_frames: int, now_s: float, low: int, high: int | None) -> Transport:
    """Play a part only, from one frame to another; None for the last one. A point beyond the other one takes it along."""
    if n_frames < 1:
        return transport
    low = min(max(low, 0), n_frames - 1)
    high = None if high is None or high >= n_frames - 1 else max(high, 0)
    if high is not None and high < low:
        moved_low = low != transport.first
        low, high = (low, None) if moved_low else (0, high)
    return _anchored(replace(transport, first=low, last=high), n_frames, now_s)


def set_every_frame(transport: Transport, n_frames: int, now_s: float, on: bool) -> Transport:
    """Show every frame, or those that the clock says."""
    return _anchored(replace(transport, every_frame=on, onward=0.0 if on else transport.onward), n_frames, now_s)


def set_between(transport: Transport, n_frames: int, now_s: float, on: bool) -> Transport:
    """Show moments between frames, or frames only."""
    return _anchored(replace(transport, between=on, onward=transport.onward if on else 0.0), n_frames, now_s)


def set_rate(transport: Transport, n_frames: int, now_s: float, fps: float, speed: float) -> Transport:
    """Other frames per second or speed factor from now on, within their limits, without a jump."""
    fps, speed = within_range(fps), min(max(speed, -MAX_SPEED), MAX_SPEED)
    position = transport.anchor_index + (now_s - transport.anchor_s) * rate(transport)
    changed = replace(transport, fps=fps, speed=speed)
    if transport.playing and not transport.every_frame and speed * transport.speed > 0:
        return replace(changed, anchor_index=position, anchor_s=now_s)
    return _anchored(changed, n_frames, now_s)


def within_range(fps: float) -> float:
    """The nearest rate that scenes may play at."""
    return min(max(fps, FPS_RANGE[0]), FPS_RANGE[1])


def set_loop(transport: Transport, n_frames: int, now_s: float, loop: LoopMode) -> Transport:
    return _anchored(replace(transport, loop=loop), n_frames, now_s)


def coming(transport: Transport, n_frames: int) -> tuple[int, ...]:
    """The frames that playback shows next, nearest first, up to where they begin again; none when it stands."""
    if not transport.playing or n_frames < 1:
        return ()
    low, high = played_range(transport, n_frames)
    after, before = range(max(transport.index + 1, low), high + 1), range(low, min(transport.index, high + 1))
    if transport.direction > 0:
        ahead, then = after, {"once": (), "loop": before, "ping-pong": reversed(before)}[transport.loop]
    else:
        ahead, then = reversed(before), {"once": (), "loop": reversed(after), "ping-pong": after}[transport.loop]
    return (*ahead, *then)


def timecode(index: int, fps: float) -> str:
    """Position as minutes:seconds:frames, frames counted within the second."""
    per_second = max(round(fps), 1)
    seconds, frames = divmod(index, per_second)
    return f"{seconds // 60:02d}:{seconds % 60:02d}:{frames:02d}"


@dataclass(frozen=True, kw_only=True)
class _Place:
    """What the clock says at one moment."""

    index: int
    playing: bool
    direction: Literal[1, -1]
    onward: float = 0.0


def _place(transport: Transport, n_frames: int, position: float) -> _Place:
    """The frame at an unfolded position: one that goes on beyond the range, over and over."""
    low, high = played_range(transport, n_frames)
    forwards = rate(transport) >= 0
    steps = _STEPS if transport.between and not transport.every_frame else 1
    whole = (math.floor(position * steps + _EPSILON) if forwards else math.ceil(position * steps - _EPSILON)) - low * steps
    length, direction = (high - low) * steps, 1 if forwards else -1

    def place(step: int, *, playing: bool = True, towards: Literal[1, -1] = direction) -> _Place:
        index, part = divmod(min(step, length), steps)  # the last frame is shown as long as the others; from it to the first there is no way
        return _Place(index=low + index, onward=part / steps, playing=playing, direction=towards)

    if transport.loop == "once":
        step = min(max(whole, 0), length)
        return place(step, playing=step != (length if forwards else 0))
    if transport.loop == "loop":
        return place(whole % (length + steps))
    unfolded = whole % max(2 * length, 1)
    return place(unfolded if unfolded <= length else 2 * length - unfolded, towards=-direction if unfolded >= length else direction)


def _step_when_shown(transport: Transport, n_frames: int, now_s: float, shown: bool) -> Transport:
    speed = abs(rate(transport))
    if not shown or speed == 0.0 or (now_s - transport.anchor_s) * speed < 1.0 - _EPSILON:
        return transport
    position = transport.anchor_index + (1.0 if rate(transport) > 0 else -1.0)
    place = _place(transport, n_frames, position)
    due_s = transport.anchor_s + 1.0 / speed
    began_s = due_s if now_s - due_s < 0.5 / speed else now_s  # on time where pictures keep up, without a debt where they do not
    stepped = replace(transport, index=place.index, onward=0.0, playing=place.playing, direction=place.direction)
    return replace(stepped, anchor_index=_unfolded(stepped, n_frames), anchor_s=began_s)


def _unfolded(transport: Transport, n_frames: int) -> float:
    """The position of the frame that is shown. Ping-pong on its way back stands in the second half of its unfolded round."""
    low, high = played_range(transport, n_frames)
    forwards = transport.speed >= 0
    if transport.loop == "ping-pong" and transport.direction != (1 if forwards else -1):
        return low + 2 * (high - low) - (transport.index + transport.onward - low)
    return transport.index + transport.onward


def _anchored(transport: Transport, n_frames: int, now_s: float) -> Transport:
    """Restart the clock at the frame that is shown."""
    forwards = transport.speed >= 0
    direction = transport.direction if transport.loop == "ping-pong" else 1 if forwards else -1
    return replace(transport, anchor_index=_unfolded(transport, n_frames), anchor_s=now_s, direction=direction)
