"""The clock of scene time, with a clock of our own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from viewer import playback
from viewer.transport import LoopMode, Transport, played_range

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


# ---- the range that plays -----------------------------------------------------------------------------------------------------------------------


def ranged(loop: LoopMode, low: int, high: int, index: int = 0, speed: float = 1.0) -> Transport:
    return playback.play(playback.set_range(Transport(index=index, fps=10.0, loop=loop, speed=speed), N, 100.0, low, high), N, 100.0)


@pytest.mark.parametrize("loop", ["once", "loop", "ping-pong"])
@pytest.mark.parametrize(("low", "high"), [(0, N - 1), (2, 5), (3, 3), (0, 2), (4, 6)])
def test_a_range_plays_like_a_scene_of_its_own(loop: LoopMode, low: int, high: int) -> None:
    expected = unfolded(loop, high - low + 1)
    start = ranged(loop, low, high)
    assert start.index == low  # from outside the range it starts over
    assert indices(start, [(step + 0.5) / 10 for step in range(20)]) == [low + expected[step] for step in range(20)]


def test_backwards_within_a_range() -> None:
    assert indices(ranged("loop", 2, 4, speed=-1.0), [0.0, 0.1, 0.2, 0.3]) == [4, 3, 2, 4]


def test_points_that_pass_each_other_take_the_other_one_along() -> None:
    whole = Transport(index=3)
    part = playback.set_range(whole, N, 0.0, 2, 4)
    assert (part.first, part.last) == (2, 4)
    later = playback.set_range(part, N, 0.0, 5, part.last)  # in point behind the out point
    assert (later.first, later.last) == (5, None)
    earlier = playback.set_range(part, N, 0.0, part.first, 1)  # out point before the in point
    assert (earlier.first, earlier.last) == (0, 1)
    assert playback.set_range(part, N, 0.0, -3, 99) == playback.set_range(whole, N, 0.0, 0, None)
    assert playback.set_range(part, 0, 0.0, 1, 2) == part


def test_a_range_of_another_scene_is_cut_to_this_one() -> None:
    wide = Transport(first=5, last=50)
    assert played_range(wide, 8) == (5, 7)
    assert played_range(wide, 3) == (2, 2)
    assert played_range(Transport(), 0) == (0, 0)


def test_home_end_and_steps_keep_to_the_range() -> None:
    part = playback.set_range(Transport(index=3), N, 0.0, 2, 4)
    assert playback.first(part, N, 0.0).index == 2
    assert playback.last(part, N, 0.0).index == 4
    assert playback.step(playback.last(part, N, 0.0), N, 1, 0.0).index == 2
    assert playback.step(replace(part, index=6), N, 1, 0.0).index == 6  # outside, the ends of the scene hold
    assert playback.step(replace(part, index=0), N, 1, 0.0).index == 1


# ---- every frame --------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loop", ["once", "loop", "ping-pong"])
@pytest.mark.parametrize("picture_s", [0.001, 0.09, 0.35])
def test_every_frame_is_shown_once_and_never_faster_than_the_rate(loop: LoopMode, picture_s: float) -> None:
    """However long a picture takes: the window ticks every 5 ms, and a frame is on the screen some time after it was asked for."""
    transport = playback.set_every_frame(playing(loop), N, 100.0, True)
    seen, since, asked_s = [transport.index], [100.0], 100.0
    for tick in range(1, 800):
        now_s = 100.0 + 0.005 * tick
        after = playback.tick(transport, N, now_s, shown=now_s - asked_s >= picture_s)
        if after.index != transport.index:
            seen.append(after.index)
            since.append(now_s)
            asked_s = now_s
        transport = after
    expected = unfolded(loop, N)
    assert seen == [index for i, index in enumerate(expected[: len(seen)]) if i == 0 or index != expected[i - 1]][: len(seen)]
    steady = (since[min(len(since), N) - 1] - since[0]) / (min(len(since), N) - 1)
    assert steady == pytest.approx(max(0.1, picture_s), abs=0.006)  # one tick
    if loop == "once":
        assert not transport.playing
        assert transport.index == N - 1


def test_by_the_clock_slow_pictures_drop_frames() -> None:
    """The control of the test above: the switch does something."""
    transport = playing("loop")
    assert playback.tick(transport, N, 100.35, shown=False).index == 3
    assert playback.tick(playback.set_every_frame(transport, N, 100.0, True), N, 100.35, shown=False).index == 0


def test_a_long_wait_leaves_no_debt() -> None:
    transport = playback.set_every_frame(playing("loop"), N, 100.0, True)
    transport = playback.tick(transport, N, 105.0)
    assert transport.index == 1
    for now_s in np.arange(105.01, 105.195, 0.01):
        transport = playback.tick(transport, N, float(now_s))
    assert transport.index == 2  # not fifty frames at once


# ---- what comes next ----------------------------------------------------------------------------------------------------------------------------


def test_coming_frames_follow_direction_range_and_fold() -> None:
    assert playback.coming(playing("loop", index=5), N) == (6, 0, 1, 2, 3, 4)
    assert playback.coming(playing("once", index=5), N) == (6,)
    assert playback.coming(playing("ping-pong", index=5), N) == (6, 4, 3, 2, 1, 0)
    assert playback.coming(playing("ping-pong", index=2, direction=1), N) == (3, 4, 5, 6, 1, 0)
    assert playback.coming(replace(playing("ping-pong", index=3), direction=-1), N) == (2, 1, 0, 4, 5, 6)
    assert playback.coming(ranged("loop", 2, 4, index=4), N) == (2, 3)
    assert playback.coming(replace(ranged("loop", 2, 4), index=6), N) == (2, 3, 4)
    assert playback.coming(playback.pause(playing("loop")), N) == ()


@pytest.mark.parametrize("loop", ["once", "loop", "ping-pong"])
@pytest.mark.parametrize("speed", [1.0, -1.0])
def test_coming_frames_come_in_this_order(loop: LoopMode, speed: float) -> None:
    """The clock itself, frame by frame, until it has shown everything twice."""
    transport = ranged(loop, 1, 5, index=3, speed=speed)
    seen = indices(transport, [0.1 * i for i in range(25)])
    assert playback.coming(transport, N) == tuple(index for index in dict.fromkeys(seen) if index != 3)
