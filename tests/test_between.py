"""Moments between frames: they lie between them, leave what belongs to frames alone, and end at the last one; the clock and paths that reach them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import numpy as np
import pytest
import torch
from analytic import BOX, Ball, camera
from captures import write_capture
from driver import Driver
from stand_in import StandIn
from states import after, opened

from im4d_core.camera_path import CameraPath, SceneTiming, keyframe
from im4d_core.config import DataConfig, OccupancyConfig, RunConfig, SamplingConfig, ViewsConfig
from im4d_core.data import open_scene
from im4d_core.data.frames import FrameLoader
from im4d_core.export_settings import ExportSettings
from im4d_core.filming import film
from im4d_core.render.between import union
from im4d_core.render.occupancy import Occupancy
from im4d_core.scene_renderer import SceneRenderer
from im4d_core.tensors import Context, Features, Rendered, SourceView
from im4d_core.types import RenderMode, TimeRange
from viewer import events as e
from viewer import playback
from viewer.export_command import export_command
from viewer.panels.floating import badge
from viewer.request import render_request
from viewer.state import scene_timing
from viewer.transport import Transport

MODES: tuple[RenderMode, ...] = ("fast", "exact", "full")


class SoftBall(Ball):
    """The moving ball with a rim that is as wide as it moves between two frames, and colours that tell the frame of the pictures."""

    def logit(self, points: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        centre = torch.zeros(len(time), 3)
        centre[:, 0] = 0.2 * time
        distance = (points - centre.reshape(-1, *([1] * (points.dim() - 2)), 3)).norm(dim=-1) - 0.3
        return self.peak - 13.0 * torch.sigmoid(distance / 0.05)

    def encode(self, views: Sequence[SourceView]) -> list[Features]:
        return [replace(features, texels=torch.full((3, 2, 2), 0.2 + 0.3 * features.frame)) for features in super().encode(views)]

    def color(self, points: torch.Tensor, directions: torch.Tensor, context: Context) -> torch.Tensor:
        return context.texels.flatten()[0].expand(points.shape)


def _renderer(folder: Path, last: int) -> SceneRenderer:
    """Of three frames; the ball has moved 0.2 at a last frame."""
    data = DataConfig(path=str(folder / "capture"))
    scene = open_scene(data)
    scene = replace(scene, boxes=np.repeat(BOX[None], len(scene.frames), axis=0))
    ball = SoftBall()
    ball.config = replace(ball.config, times=TimeRange(first=0, last=last))
    config = RunConfig(
        data=data,
        method=ball.config,
        views=ViewsConfig(count=3),
        sampling=SamplingConfig(proposal_samples=32, fine_samples=32, chunk=2000),
        occupancy=OccupancyConfig(resolution=(24,), min_alpha=0.01),
    )
    made = SceneRenderer(scene, ball, FrameLoader(scene, data), config, device=torch.device("cpu"), occupancy_path=folder / f"{last}.npz")
    made.bake_occupancy()
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("between")
    write_capture(made / "capture")
    return made


@pytest.fixture(scope="module")
def renderer(folder: Path) -> Iterator[SceneRenderer]:
    made = _renderer(folder, 2)
    yield made
    made.close()


def _picture(renderer: SceneRenderer, frame: int, mode: RenderMode, onward: float = 0.0) -> Rendered:
    rendered = renderer.render(camera(40), frame, mode, onward=onward)
    assert rendered is not None
    return rendered


def _middle(rendered: Rendered) -> float:
    """Where across the picture what is seen has its weight."""
    return float((rendered.opacity.sum(dim=0) * torch.arange(40)).sum() / rendered.opacity.sum())


@pytest.mark.parametrize("mode", MODES)
def test_surfaces_move_evenly_from_one_frame_to_the_next(renderer: SceneRenderer, mode: RenderMode) -> None:
    places = [_middle(_picture(renderer, 0, mode, onward)) for onward in (0.0, 0.25, 0.5, 0.75)] + [_middle(_picture(renderer, 1, mode))]
    steps = np.diff(places)
    assert abs(places[-1] - places[0]) > 0.5, "pixels: a ball that stands still would prove nothing"
    np.testing.assert_allclose(steps, steps.mean(), rtol=0.3)  # perspective, and raw output that is interpolated where density is baked


@pytest.mark.parametrize("mode", MODES)
def test_a_moment_is_what_a_frame_at_that_time_is(renderer: SceneRenderer, folder: Path, mode: RenderMode) -> None:
    """The same ball filmed twice as fast has a frame at that very time."""
    often = _renderer(folder, 4)
    moment, there = _picture(renderer, 0, mode, 0.5), _picture(often, 1, mode)
    often.close()
    apart = (moment.opacity - there.opacity).abs()
    frames = (_picture(renderer, 0, mode).opacity - _picture(renderer, 1, mode).opacity).abs()
    assert float(apart.mean()) < (1e-6 if mode == "full" else 0.15 * float(frames.mean()))  # marches step along the grid, and baked density is interpolated


@pytest.mark.parametrize("mode", MODES)
def test_colour_goes_over_from_one_frames_pictures_to_the_others(renderer: SceneRenderer, mode: RenderMode) -> None:
    solid = [float(_picture(renderer, 0, mode, onward).rgb[20, 20, 0]) for onward in (0.0, 0.25, 0.75)]
    np.testing.assert_allclose(solid, [0.2, 0.275, 0.425], atol=0.01)  # nothing shines through but a hundredth


@pytest.mark.parametrize("mode", MODES)
def test_what_belongs_to_frames_is_left_alone(renderer: SceneRenderer, mode: RenderMode) -> None:
    renderer.forget()
    before = [_picture(renderer, frame, mode).rgb for frame in (0, 1)]
    _picture(renderer, 0, mode, 0.4)
    for frame, rgb in zip((0, 1), before):
        assert torch.equal(_picture(renderer, frame, mode).rgb, rgb)
    renderer.forget()
    once = _picture(renderer, 0, mode, 0.4).rgb  # nor does it matter what was rendered before
    assert torch.equal(_picture(renderer, 0, mode, 0.4).rgb, once)


@pytest.mark.parametrize("mode", MODES)
def test_nothing_follows_the_last_frame(renderer: SceneRenderer, mode: RenderMode) -> None:
    last = renderer.scene.frames[-1]
    assert torch.equal(_picture(renderer, last, mode, 0.5).rgb, _picture(renderer, last, mode).rgb)


def test_another_grid_of_a_frame_is_followed(renderer: SceneRenderer) -> None:
    before = _picture(renderer, 0, "fast", 0.5).rgb
    grid = renderer.occupancy(1)
    renderer.use_occupancy(1, replace(grid, occupied=torch.zeros_like(grid.occupied)))
    renderer.use_occupancy(0, replace(grid, occupied=torch.zeros_like(grid.occupied)))
    assert float(_picture(renderer, 0, "fast", 0.5).opacity.max()) == 0.0
    renderer.forget()  # what is in the file counts again
    assert torch.equal(_picture(renderer, 0, "fast", 0.5).rgb, before)


def test_a_cropped_moment_shows_less(renderer: SceneRenderer) -> None:
    crop = np.array([[-0.6, -0.6, 0.0], [0.6, 0.6, 0.6]])
    whole, part = (renderer.render(camera(40), 0, "fast", onward=0.5, crop=chosen) for chosen in (None, crop))
    assert whole is not None and part is not None
    assert 0.0 < float(part.opacity.sum()) < 0.9 * float(whole.opacity.sum())


def test_the_union_holds_every_occupied_point_of_both() -> None:
    random = np.random.default_rng(0)
    boxes = ([[0.0, 0.0, 0.0], [1.0, 1.2, 2.0]], [[-0.3, 0.2, 0.1], [0.9, 1.5, 1.7]])
    shapes = ((10, 12, 20), (11, 13, 16))
    grids = [Occupancy(occupied=torch.from_numpy(random.random(shape) < 0.05), box=torch.tensor(box)) for shape, box in zip(shapes, boxes)]
    joined = union(*grids)
    for grid in grids:
        cells = grid.occupied.nonzero().double()
        points = grid.box[0] + (cells + torch.from_numpy(random.random(cells.shape))) / torch.tensor(grid.occupied.shape) * (grid.box[1] - grid.box[0])
        index = ((points - joined.box[0]) / (joined.box[1] - joined.box[0]) * torch.tensor(joined.occupied.shape)).floor().long()
        index = torch.minimum(index, torch.tensor(joined.occupied.shape) - 1)
        assert joined.occupied[tuple(index.T)].all()
    assert float(joined.occupied.float().mean()) < 0.9, "not simply everything"


# ---- paths and the clock ------------------------------------------------------------------------------------------------------------------------


def _path(*frames: float | None) -> CameraPath:
    return CameraPath(keys=tuple(keyframe(i + 1, float(i), np.eye(4), 50.0, frame) for i, frame in enumerate(frames)))


def test_a_path_goes_through_the_moments_between_its_frames() -> None:
    path, frames = _path(2.0, 4.0), (0, 2, 4, 8)
    timing = SceneTiming(frames=frames, fps=10.0, between=True)
    for time in np.linspace(0.0, 1.0, 41).tolist():
        frame, onward = path.moment_at(time, timing)
        gap = frames[frames.index(frame) + 1] - frame
        assert 0.0 <= onward < 1.0
        assert frame + onward * gap == pytest.approx(path.sample(time).scene_frame)
        assert path.moment_at(time, replace(timing, between=False)) == (path.frame_at(time, timing), 0.0)
    assert _path(8.0, 8.0).moment_at(0.5, timing) == (8, 0.0)  # nothing after the last


def test_a_path_that_plays_has_no_way_from_the_last_frame_to_the_first() -> None:
    timing = SceneTiming(frames=(0, 1, 2, 3), fps=10.0, playing=(1, 2), between=True)
    path = _path(None, None)
    assert path.moment_at(0.05, timing) == (1, pytest.approx(0.5, abs=1e-5))
    assert path.moment_at(0.15, timing) == (2, 0.0)
    every_second = replace(timing, playing=(0, 2))
    assert path.moment_at(0.05, every_second) == (0, 0.0)  # the frame between the two is not meant to be seen


@pytest.mark.parametrize("loop", ["once", "loop", "ping-pong"])
@pytest.mark.parametrize("speed", [0.1, -0.25, 1.0])
def test_the_clock_stands_where_time_is(loop: Any, speed: float) -> None:
    n, begin = 6, Transport(loop=loop, speed=speed, fps=10.0, index=2, direction=1 if speed > 0 else -1, between=True)
    transport, before = playback.play(begin, n, 0.0), None
    whole = playback.play(replace(begin, between=False), n, 0.0)
    for now in np.arange(0.0, 30.0, 0.037).tolist():
        moved, steps = playback.tick(transport, n, now), playback.tick(whole, n, now)
        place = moved.index + moved.onward
        assert 0.0 <= place <= n - 1
        unfolded = 2.0 + now * 10.0 * speed
        if 0.0 <= unfolded <= n - 1:
            assert place == pytest.approx(unfolded, abs=1 / 16 + 1e-6)
        if moved.playing and steps.playing and moved.direction * speed > 0 and speed > 0:
            assert moved.index == steps.index  # the frame is the one that plays without
        if before is not None and loop == "ping-pong":
            assert abs(place - before) <= 0.037 * 10.0 * abs(speed) + 1 / 16 + 1e-6  # no jumps
        before = place
    assert playback.tick(whole, n, 3.21).onward == 0.0


def test_pausing_keeps_the_moment_and_steps_go_to_frames() -> None:
    transport = playback.tick(playback.play(Transport(fps=10.0, between=True), 6, 0.0), 6, 0.25)
    assert (transport.index, transport.onward) == (2, 0.5)
    paused = playback.pause(transport)
    assert (paused.index, paused.onward) == (2, 0.5)
    again = playback.tick(playback.play(paused, 6, 9.0), 6, 9.05)
    assert again.index + again.onward == pytest.approx(3.0)
    back, on = (playback.step(paused, 6, by, 9.0) for by in (-1, 1))
    assert (back.index, back.onward, on.index, on.onward) == (2, 0.0, 3, 0.0)
    off = playback.set_between(paused, 6, 9.0, False)
    assert (off.index, off.onward) == (2, 0.0)


def test_the_request_says_where_between_and_only_when_asked() -> None:
    state = after(opened(), e.SetFrame(index=3, onward=0.5))
    request = render_request(state, 80, 60)
    assert request is not None and request.onward == 0.0, "off by default"
    state = after(state, e.SetBetween(on=True), e.SetFrame(index=3, onward=0.5))
    between = render_request(state, 80, 60)
    assert between is not None and (between.frame, between.onward) == (13, 0.5)
    assert between != request and between.view_key != request.view_key
    assert scene_timing(state).between
    assert export_command(state).endswith(" --between")
    assert "--between" not in export_command(opened())
    captured = replace(state, comparison=replace(state.comparison, layout="wipe", pair="fast | captured"), dataset_camera=0)
    compared = render_request(captured, 80, 60)
    assert compared is not None and (compared.against, compared.onward) == ("captured", 0.0), "nothing was captured between frames"


def test_a_film_shows_as_many_moments_as_it_has_pictures(tmp_path: Path) -> None:
    renderer, seen = StandIn(), []
    here = np.linalg.inv(renderer.scene.cameras[0].T_camera_world)
    path = CameraPath(keys=tuple(keyframe(i + 1, float(i), here, 45.0, 10.0 + 2 * i) for i in range(2)))
    for between in (False, True):
        settings = ExportSettings(width=40, height=30, fps=8.0, format="png", file=str(tmp_path / str(between)))
        list(film(renderer, path, SceneTiming(frames=renderer.scene.frames, fps=10.0, between=between), settings))
        files = sorted((tmp_path / str(between)).rglob("*.png"))
        assert len(files) == 9
        seen.append(len({imageio.imread(file).tobytes() for file in files}))
    assert seen == [3, 9]


def test_slow_motion_in_the_window_says_that_it_is_interpolated(drive) -> None:
    def script(d: Driver) -> None:
        d.click("½##between")
        assert d.state.transport.between
        d.session.send(e.SetSpeed(speed=0.1))
        d.session.send(e.SetFps(fps=3.0))
        d.session.send(e.SetScale(scale=0.25))  # pictures that come soon also on a busy machine
        d.click("###play")
        seen: set[tuple[int, float]] = set()

        def enough() -> bool:
            request = d.shown.request
            seen.add((request.frame, request.onward))
            return len(seen) > 4

        d.until(enough)
        assert len({frame for frame, _ in seen}) < len(seen), "more pictures than frames went by"
        d.click("###play")
        d.until(lambda: d.shown.request.onward == d.state.transport.onward and d.shown.final)
        if d.state.transport.onward > 0.0:
            assert "interpolated" in badge(d.state, d.session._stats)
        d.click("½##between")
        d.until(lambda: d.shown.request.onward == 0.0)
        assert "interpolated" not in badge(d.state, d.session._stats)

    drive().run(script)
