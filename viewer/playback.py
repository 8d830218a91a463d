"""The clock of scene time. The frame is floor(start + elapsed · fps · speed), never a sum of steps, so nothing drifts and slow pictures drop frames."""

from __future__ import annotations

import math
from dataclasses import replace

from viewer.state import LoopMode, Transport

_EPSILON = 1e-6  # frames: k / fps · fps must not fall below k


def rate(transport: Transport) -> float:
    """Frames per second, with the sign of their direction."""
    return transport.fps * transport.speed


def play(transport: Transport, n_frames: int, now_s: float) -> Transport:
    """Start from where it is; a once-only playback that rests at its end starts over."""
    at_end = transport.index >= n_frames - 1 if transport.speed > 0 else transport.index <= 0
    if transport.loop == "once" and at_end:
        transport = replace(transport, index=0 if transport.speed > 0 else n_frames - 1)
    return _anchored(replace(transport, playing=True), n_frames, now_s)


def pause(transport: Transport) -> Transport:
    return replace(transport, playing=False)


def tick(transport: Transport, n_frames: int, now_s: float) -> Transport:
    """Where the clock is now; the same value when nothing changed."""
    if not transport.playing or n_frames < 1:
        return transport
    position = transport.anchor_index + (now_s - transport.anchor_s) * rate(transport)
    forwards = rate(transport) >= 0
    whole = math.floor(position + _EPSILON) if forwards else math.ceil(position - _EPSILON)
    playing, direction, last = True, 1 if forwards else -1, n_frames - 1
    if transport.loop == "once":
        index = min(max(whole, 0), last)
        playing = index != (last if forwards else 0)
    elif transport.loop == "loop":
        index = whole % n_frames
    else:
        unfolded = whole % max(2 * last, 1)
        index = unfolded if unfolded <= last else 2 * last - unfolded
        if unfolded >= last:
            direction = -direction
    if (index, playing, direction) == (transport.index, transport.playing, transport.direction):
        return transport
    return replace(transport, index=index, playing=playing, direction=direction)


def seek(transport: Transport, n_frames: int, index: int, now_s: float) -> Transport:
    """Go to a frame, clamped; playback goes on from there."""
    return _anchored(replace(transport, index=min(max(index, 0), max(n_frames - 1, 0))), n_frames, now_s)


def step(transport: Transport, n_frames: int, by: int, now_s: float) -> Transport:
    """Stop, and go frames forward or back; a loop wraps around, else the ends hold."""
    wanted = transport.index + by
    if transport.loop == "loop" and n_frames > 0:
        wanted %= n_frames
    return replace(seek(pause(transport), n_frames, wanted, now_s), direction=1 if by >= 0 else -1)


def set_rate(transport: Transport, n_frames: int, now_s: float, fps: float, speed: float) -> Transport:
    """Other frames per second or speed factor from now on, without a jump."""
    position = transport.anchor_index + (now_s - transport.anchor_s) * rate(transport)
    changed = replace(transport, fps=fps, speed=speed)
    if transport.playing and speed * transport.speed > 0:
        return replace(changed, anchor_index=position, anchor_s=now_s)
    return _anchored(changed, n_frames, now_s)


def set_loop(transport: Transport, n_frames: int, now_s: float, loop: LoopMode) -> Transport:
    return _anchored(replace(transport, loop=loop), n_frames, now_s)


def timecode(index: int, fps: float) -> str:
    """Position as minutes:seconds:frames, frames counted within the second."""
    per_second = max(round(fps), 1)
    seconds, frames = divmod(index, per_second)
    return f"{seconds // 60:02d}:{seconds % 60:02d}:{frames:02d}"


def _anchored(transport: Transport, n_frames: int, now_s: float) -> Transport:
    """Restart the clock at the frame that is shown. Ping-pong on its way back stands in the second half of its unfolded round."""
    forwards = transport.speed >= 0
    position, direction = transport.index, 1 if forwards else -1
    if transport.loop == "ping-pong" and transport.direction != direction:
        position, direction = 2 * (n_frames - 1) - transport.index, transport.direction
    return replace(transport, anchor_index=float(position), anchor_s=now_s, direction=direction)
