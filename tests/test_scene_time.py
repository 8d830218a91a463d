"""Scene time as the user sets it: the range that plays, every frame or by the clock, along paths too; and what scrubbing asks of the renderer."""

from __future__ import annotations

from dataclasses import replace

import pytest
from states import after, opened, press, with_path

from viewer import events as e
from viewer.request import render_request
from viewer.state import ViewerState, scene_timing


def pictured(state: ViewerState) -> ViewerState:
    """The picture that is wanted is on the screen."""
    request = render_request(state, 160, 120)
    assert request is not None
    return after(state, e.RenderFinished(request=request, render_ms=5.0))


def test_in_and_out_are_set_at_the_frame_shown_and_cleared() -> None:
    state = press(after(opened(), e.SetFrame(index=2)), "range_in")
    state = press(after(state, e.SetFrame(index=5)), "range_out")
    assert (state.transport.first, state.transport.last) == (2, 5)
    assert press(state, "frame_first").frame == 12
    assert press(state, "frame_last").frame == 15
    playing = after(press(state, "frame_last", "play"), e.Tick(now_s=100.15))
    assert playing.frame == 12  # the stand-in runs at 10 frames per second: the second one after the out point's
    whole = press(state, "range_clear")
    assert (whole.transport.first, whole.transport.last) == (0, None)


def test_the_range_is_what_plays_along_a_path_too() -> None:
    """Frames that a key says are shown whatever the range."""
    state = after(opened(), e.SetRange(first=2, last=4), e.JumpToCamera(view=0), e.Triggered(action="key_add"))
    assert scene_timing(state).playing == (12, 13, 14)
    seen = [after(state, e.SetPathTime(time_s=0.0)).frame]
    state = after(state, e.JumpToCamera(view=1), e.Triggered(action="key_add"))
    seen = [after(state, e.SetPathTime(time_s=0.1 * i + 0.05)).frame for i in range(5)]
    assert seen == [12, 13, 14, 12, 13]
    said = after(state, *(e.SetKeyFrame(key_id=key, scene_frame=17.0) for key in (1, 2)))
    assert after(said, e.SetPathTime(time_s=1.0)).frame == 17
    assert scene_timing(opened()).playing == ()


def test_every_frame_waits_for_its_picture() -> None:
    state = pictured(press(after(opened(), e.SetEveryFrame(on=True)), "play"))
    state = after(state, e.Tick(now_s=100.11))
    assert state.frame == 11
    late = after(state, e.Tick(now_s=101.0))
    assert late.frame == 11  # its picture is not there yet
    assert after(replace(state, transport=replace(state.transport, every_frame=False)), e.Tick(now_s=101.0)).frame != 11
    assert after(pictured(late), e.Tick(now_s=101.01)).frame == 12
    assert after(late, e.RenderFinished(request=render_request(late, 160, 120), render_ms=5.0, shown=False), e.Tick(now_s=101.01)).frame == 11  # type: ignore[arg-type]


def test_another_scene_plays_whole_but_keeps_how() -> None:
    state = after(opened(), e.SetRange(first=2, last=4), e.SetEveryFrame(on=True), e.SetLoop(loop="ping-pong"))
    scene = opened().scene
    assert scene is not None
    again = after(state, e.SceneOpened(scene=scene, source=scene.root))
    assert (again.transport.first, again.transport.last, again.transport.every_frame, again.transport.loop) == (0, None, True, "ping-pong")


def test_bullet_time_is_two_keys_of_one_frame() -> None:
    state = after(with_path(opened()), *(e.SetKeyFrame(key_id=key, scene_frame=13.0) for key in (1, 2)), e.SetKeyFrame(key_id=3, scene_frame=16.0))
    frozen = [after(state, e.SetPathTime(time_s=time_s)) for time_s in (0.0, 0.7, 1.3, 2.0)]
    assert {one.frame for one in frozen} == {13}
    requests = [render_request(one, 160, 120) for one in frozen]
    assert len({request.camera.T_camera_world.tobytes() for request in requests if request is not None}) == 4  # while the camera moves
    assert after(state, e.SetPathTime(time_s=4.0)).frame == 16


@pytest.mark.parametrize("loop", ["loop", "ping-pong"])
def test_scrubbing_while_playing_goes_on_from_there(loop: str) -> None:
    state = after(opened(), e.SetLoop(loop=loop), e.SetRange(first=1, last=6))  # type: ignore[arg-type]
    state = after(press(state, "play"), e.SetFrame(index=5), e.Tick(now_s=100.0))
    assert state.frame == 15
    assert after(state, e.Tick(now_s=100.15)).frame == 16
