"""The clock of scene time, with a clock of our own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from viewer import playback
from viewer.state import LoopMode, Transport

N = 7


def playing(loop: LoopMode, speed: float = 1.0, index: int = 0, fps: float = 10.0, direction: int = 1) -> Transport:
    start = Transport(index=index, fps=fps, speed=speed, loop=loop, direction=1 if direction > 0 else -1)
    return playback.play(start, N, 100.0)


def indices(transport: Transport, times: list[float]) -> list[int]:
    return [playback.tick(transport, N, 100.0 + time_s).index for time_s in times]


def unfolded(loop: LoopMode, n: int) -> list[int]:
    """What plays, frame after frame, as a dumb list."""
    if loop == "loop":
        return list(range(n)) * 20
    if loop == "once":
        return [*range(n), *[n - 1] * 20 * n]
    return [*range(n), *range(n - 2, 0, -1)] * 20


@pytest.mark.parametrize("loop", ["once", "loop", "ping-pong"])
def test_each_frame_lasts_its_time(loop: LoopMode) -> None:
    start = playing(loop)
    expected = unfolded(loop, N)
    for step in range(40):
        for part in (0.0, 0.3, 0.99):
            assert indices(start, [(step + part) / 10]) == [expected[step]], (step, part)


@pytest.mark.parametrize("fps", [10.0, 24.0, 29.97, 30.0, 60.0, 1 / 3])
def test_no_drift_after_an_hour(fps: float) -> None:
    start = playing("loop", fps=fps)
    for k in (1, 1000, 107_999):
        assert playback.tick(start, N, 100.0 + k / fps).index == k % N


def test_ticking_often_is_ticking_once() -> None:
    often = playing("ping-pong", speed=1.3)
    for time_s in np.cumsum(np.random.default_rng(0).uniform(0, 0.05, 400)):
        often = playback.tick(often, N, 100.0 + float(time_s))
        assert often.index == playback.tick(playing("ping-pong", speed=1.3), N, 100.0 + float(time_s)).index


def test_backwards() -> None:
    assert indices(playing("loop", speed=-1.0, index=2), [0.0, 0.05, 0.1, 0.2, 0.3, 0.4]) == [2, 2, 1, 0, 6, 5]
    once = playing("once", speed=-1.0, index=2)
    assert indices(once, [0.1, 0.2, 5.0]) == [1, 0, 0]
    assert not playback.tick(once, N, 105.0).playing
    assert playing("loop", speed=-1.0, index=2).direction == -1


def test_once_stops_at_the_end_and_starts_over() -> None:
    end = playback.tick(playing("once"), N, 100.0 + 10)
    assert (end.index, end.playing) == (N - 1, False)
    again = playback.play(end, N, 200.0)
    assert (again.index, again.playing) == (0, True)
    backwards = playback.play(Transport(index=0, loop="once", speed=-1.0), N, 0.0)
    assert backwards.index == N - 1


def test_direction_of_ping_pong() -> None:
    start = playing("ping-pong")
    directions = [playback.tick(start, N, 100.0 + k / 10).direction for k in range(13)]
    assert directions == [1] * 6 + [-1] * 6 + [1]
    back = playback.tick(start, N, 100.8)  # index 4 on the way back
    assert (back.index, back.direction) == (4, -1)
    resumed = playback.play(playback.pause(back), N, 300.0)
    assert playback.tick(resumed, N, 300.1).index == 3


def test_changing_speed_does_not_jump() -> None:
    now = playback.tick(playing("loop"), N, 100.25)
    faster = playback.set_rate(now, N, 100.25, 10.0, 4.0)
    assert playback.tick(faster, N, 100.25).index == now.index == 2
    assert playback.tick(faster, N, 100.2501 + 0.0125).index == 3  # half of frame 2 was left, and goes four times as fast
    turned = playback.set_rate(now, N, 100.25, 10.0, -1.0)
    assert [playback.tick(turned, N, 100.25 + t).index for t in (0.0, 0.1, 0.2, 0.3)] == [2, 1, 0, 6]
    assert playback.tick(playback.set_rate(now, N, 100.25, 10.0, 0.0), N, 900.0).index == 2


@pytest.mark.parametrize("loop", ["once", "loop", "ping-pong"])
def test_changing_the_loop_does_not_jump(loop: LoopMode) -> None:
    now = playback.tick(playing("ping-pong"), N, 100.85)
    assert playback.tick(playback.set_loop(now, N, 100.85, loop), N, 100.85).index == now.index


def test_step_and_seek() -> None:
    start = playing("loop", index=5)
    stepped = playback.step(start, N, 3, 101.0)
    assert (stepped.index, stepped.playing, stepped.direction) == (1, False, 1)
    assert playback.step(replace(start, loop="once"), N, 3, 101.0).index == N - 1
    back = playback.step(replace(start, loop="ping-pong"), N, -10, 101.0)
    assert (back.index, back.direction) == (0, -1)
    sought = playback.seek(start, N, 3, 101.0)
    assert sought.playing
    assert playback.tick(sought, N, 101.1).index == 4
    assert playback.seek(start, N, 99, 101.0).index == N - 1
    assert playback.seek(start, N, -1, 101.0).index == 0


@pytest.mark.parametrize("loop", ["once", "loop", "ping-pong"])
@pytest.mark.parametrize("n", [0, 1, 2])
def test_tiny_scenes(loop: LoopMode, n: int) -> None:
    transport = playback.play(Transport(loop=loop), n, 0.0)
    for k in range(20):
        transport = playback.tick(transport, n, k * 0.02)
        assert 0 <= transport.index < max(n, 1)
    assert 0 <= playback.step(transport, n, 1, 1.0).index < max(n, 1)


def test_paused_ticks_change_nothing() -> None:
    still = Transport(index=3)
    assert playback.tick(still, N, 1e6) is still
    started = playing("loop")
    assert playback.tick(started, N, 100.01) is started


def test_timecode() -> None:
    assert playback.timecode(0, 30.0) == "00:00:00"
    assert playback.timecode(30 * 61 + 7, 30.0) == "01:01:07"
    assert playback.timecode(5, 0.4) == "00:05:00"
