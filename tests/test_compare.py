"""Comparing: what is rendered for it and when, how the captured picture is fitted to the window, and that the figure is the one that evaluation reports."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_capture import small_config, write_small_capture
from stand_in import StandIn, as_renderer, stand_in_scene

from im4d_core.checkpoint import RunFolder, save_weights
from im4d_core.config import save_config
from im4d_core.data import open_scene
from im4d_core.evaluation import evaluate
from im4d_core.geometry import fitted, resized
from im4d_core.methods import build_method
from im4d_core.opened_run import open_run
from im4d_core.scene_renderer import SceneRenderer
from im4d_core.types import TimeRange
from viewer import events as e
from viewer.captured import CapturedPictures
from viewer.compare import LAYOUTS, PAIRS, Comparison, Pair, opponents, place_in_picture
from viewer.controls import HOLD_CAPTURED
from viewer.messages import DisplayBuffer, Failed
from viewer.pictures import PictureMaker
from viewer.reduce import reduce
from viewer.request import RenderRequest, is_moving, render_request
from viewer.state import ViewerState


def after(state: ViewerState, *happened: e.Event) -> ViewerState:
    for event in happened:
        state = reduce(state, event)
    return state


def asked(state: ViewerState) -> RenderRequest:
    request = render_request(state, 320, 200)
    assert request is not None
    return request


def at_camera(state: ViewerState, view: int) -> ViewerState:
    """Looking through a camera of the capture, just arrived there."""
    return after(state, e.JumpToCamera(view=view), e.Tick(now_s=state.now_s + 5.0))


@pytest.fixture
def opened() -> ViewerState:
    return after(ViewerState(), e.SceneOpened(scene=stand_in_scene(), source=Path("run")), e.Tick(now_s=10.0))


# ---- state --------------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pair", [pair for pair in PAIRS if pair != "two outputs"])
def test_a_pair_says_what_is_rendered(opened: ViewerState, pair: Pair) -> None:
    left, right = pair.split(" | ")
    state = after(at_camera(opened, 2), e.SetComparison(comparison=Comparison(layout="wipe", pair=pair)), e.Tick(now_s=20.0))
    request = asked(state)
    assert (request.mode, request.against, request.view) == (left, right, 2)
    assert request.hidden == (2 if right == "captured" else None), "a camera is not coloured from the picture it is compared with"
    assert asked(replace(state, comparison=Comparison())).hidden is None


def test_what_is_chosen_is_what_m_compares(opened: ViewerState) -> None:
    exact = after(opened, e.SetMode(mode="exact"), e.Triggered(action="compare_next"), e.Tick(now_s=20.0))
    assert (asked(exact).mode, asked(exact).against) == ("exact", "full")
    fast = after(opened, e.Triggered(action="compare_next"), e.Tick(now_s=20.0))
    assert (asked(fast).mode, asked(fast).against) == ("fast", "full")


def test_two_outputs_of_one_picture_also_while_moving(opened: ViewerState) -> None:
    state = after(opened, e.SetMode(mode="exact"), e.SetComparison(comparison=Comparison(layout="split", pair="two outputs", output="normals")))
    state = after(state, e.Dragged(action="orbit", dx_px=30, dy_px=0, height_px=400))
    assert is_moving(state)
    request = asked(state)
    assert (request.mode, request.against, request.output, request.other_output) == ("exact", "same", "colour", "normals")
    assert asked(after(state, e.SetComparison(comparison=replace(state.comparison, output="cost")))) != request


def test_while_moving_no_full_picture_is_waited_for(opened: ViewerState) -> None:
    state = after(at_camera(opened, 2), e.SetComparison(comparison=Comparison(layout="wipe", pair="full | captured")))
    assert (asked(state).mode, asked(state).against) == ("fast", "captured")
    state = after(state, e.SetComparison(comparison=Comparison(layout="wipe", pair="fast | full")))
    assert (asked(state).mode, asked(state).against) == ("fast", None)


def test_on_the_way_to_a_camera_its_capture_is_not_shown(opened: ViewerState) -> None:
    state = after(opened, e.SetComparison(comparison=Comparison(layout="wipe", pair="fast | captured")), e.JumpToCamera(view=2), e.Tick(now_s=10.1))
    assert (asked(state).against, asked(state).steady) == (None, True)
    assert (asked(at_camera(state, 2)).against, asked(at_camera(state, 2)).steady) == ("captured", False)


def test_moving_away_from_a_camera_leaves_nothing_to_compare_with(opened: ViewerState) -> None:
    state = after(at_camera(opened, 2), e.SetComparison(comparison=Comparison(layout="split", pair="fast | captured")))
    state = after(state, e.Dragged(action="orbit", dx_px=30, dy_px=0, height_px=400), e.Tick(now_s=20.0))
    assert asked(state).against is None and asked(state).hidden is None


def test_layouts_follow_each_other_and_say_what_they_need(opened: ViewerState) -> None:
    state, seen = opened, []
    for _ in range(5):
        state = after(state, e.Triggered(action="compare_next"))
        seen.append(state.comparison.layout)
    assert seen == ["wipe", "split", "difference", "off", "wipe"]
    assert not state.notices
    state = after(replace(state, comparison=Comparison(pair="fast | captured")), e.Triggered(action="compare_next"))
    assert "camera of the capture" in state.notices[-1].text


def test_the_captured_picture_is_there_while_its_key_is_down(opened: ViewerState) -> None:
    at = after(at_camera(opened, 1), e.SetMode(mode="full"), e.Tick(now_s=20.0))
    held = after(at, e.Tick(now_s=20.1, held=frozenset({HOLD_CAPTURED})))
    assert held.comparison.shown_layout == "other"
    assert asked(held).against == "captured"
    assert asked(held).view_key == asked(at).view_key, "the picture below is the same, so it is not rendered again"
    assert held.dataset_camera == 1 and held.navigation is at.navigation, "the key moves nothing"
    assert asked(after(held, e.Tick(now_s=20.2))) == asked(at)
    away = after(opened, e.Tick(now_s=20.1, held=frozenset({HOLD_CAPTURED})))
    assert asked(away).against is None
    assert "camera of the capture" in away.notices[-1].text
    assert len(after(away, e.Tick(now_s=20.2, held=frozenset({HOLD_CAPTURED}))).notices) == 1


@pytest.mark.parametrize(("wipe", "kept"), [(-3.0, 0.0), (0.25, 0.25), (9.0, 1.0), (float("nan"), 0.5)])
def test_the_border_stays_in_the_picture(opened: ViewerState, wipe: float, kept: float) -> None:
    assert after(opened, e.SetComparison(comparison=Comparison(layout="wipe", wipe=wipe))).comparison.wipe == kept


def test_a_capture_is_compared_in_colour(opened: ViewerState) -> None:
    state = after(at_camera(opened, 2), e.SetOutput(output="cost"), e.SetComparison(comparison=Comparison(layout="wipe", pair="fast | captured")))
    assert asked(state).output == "colour"
    assert asked(after(state, e.SetComparison(comparison=Comparison(layout="wipe")), e.Tick(now_s=20.0))).output == "cost"


def test_a_split_shows_the_middle_half_twice() -> None:
    assert [place_in_picture("split", x) for x in (0.0, 0.25, 0.5, 0.75, 1.0)] == [0.25, 0.5, 0.75, 0.5, 0.75]
    assert place_in_picture("wipe", 0.3) == 0.3
    assert opponents(Comparison(), "full", 3, False).against is None


def test_the_second_output_is_that_of_the_same_picture() -> None:
    stand_in = StandIn()
    buffer, _ = made(maker_of(stand_in), request(against="same", other_output="depth"))
    alone, _ = made(maker_of(stand_in), request(output="depth"))
    np.testing.assert_array_equal(buffer.other, alone.pixels)
    assert not np.array_equal(buffer.other, buffer.pixels)
    assert buffer.psnr_db is None
    assert len(stand_in.rendered) == 2, "one rendering each"
    exact, _ = made(maker_of(stand_in), request(against="exact"))
    assert [mode for _, mode, _, _ in stand_in.rendered[2:]] == ["fast", "exact"]
    assert exact.psnr_db is not None


# ---- pictures -----------------------------------------------------------------------------------------------------------------------------------


def request(view: int = 1, **changes) -> RenderRequest:
    camera = stand_in_scene().cameras[view]
    known = {"camera": camera, "mode": "fast", "frame": 10, "output": "colour", "background": (0.0, 0.0, 0.0), "moving": False, "scale": 1.0, "view": view}
    return RenderRequest(**{**known, **changes})  # pyright: ignore[reportArgumentType]


def made(maker: PictureMaker, wanted: RenderRequest) -> tuple[DisplayBuffer, list[DisplayBuffer]]:
    shown: list[DisplayBuffer] = []
    buffer = maker.make(wanted, 0.0, final=True, go_on=lambda _: True, show=shown.append)
    assert buffer is not None
    return buffer, shown


def maker_of(stand_in: StandIn, told: list[Failed] | None = None) -> PictureMaker:
    told = [] if told is None else told
    return PictureMaker(as_renderer(stand_in), shares_memory=False, tell=told.append)


def test_the_first_picture_is_shown_before_the_second_is_made() -> None:
    stand_in = StandIn()
    buffer, shown = made(maker_of(stand_in), request(against="full"))
    assert [mode for _, mode, *_ in stand_in.rendered] == ["fast", "full"]
    assert shown[0].other is None and not shown[0].final
    assert buffer.final and buffer.other is not None and buffer.request == request(against="full")
    assert buffer.psnr_db == float("inf")  # the stand-in's renderers agree
    np.testing.assert_array_equal(buffer.other, buffer.pixels)


def test_the_captured_picture_equals_its_own_rendering() -> None:
    """The stand-in's captures are its own pictures, rounded to bytes; an offset, flip or stretch would show."""
    stand_in = StandIn()
    buffer, _ = made(maker_of(stand_in), request(against="captured"))
    assert buffer.other is not None
    np.testing.assert_array_equal(buffer.other, buffer.pixels)
    assert buffer.psnr_db is not None and buffer.psnr_db > 50  # rounding to bytes alone: 58.9 dB for evenly spread errors
    larger = resized(fitted(stand_in.scene.cameras[1], 640, 400), 640, 400)
    buffer, _ = made(maker_of(stand_in), request(against="captured", camera=larger))
    assert isinstance(buffer.pixels, np.ndarray) and isinstance(buffer.other, np.ndarray)
    inner = np.abs(buffer.pixels.astype(int) - buffer.other).mean()
    assert inner < 2.0  # enlarged three times: only edges differ
    assert not buffer.other[:, :50, :3].any() and not buffer.other[:, -50:, :3].any(), "beside the capture there is nothing"


def test_a_smaller_captured_picture_is_a_mean_of_all_its_pixels() -> None:
    stand_in = StandIn()
    captured = CapturedPictures(as_renderer(stand_in), [].append)
    small = captured.picture(request(camera=resized(stand_in.scene.cameras[1], 40, 30)))
    assert small is not None
    image = stand_in.loader.get(10, [1])[0].image.float() / 255
    blocks = image.reshape(30, 4, 40, 4, 3).mean(dim=(1, 3))
    assert (small.rgb - blocks).abs().mean() < 0.01  # the filter is a triangle, the oracle a box
    assert float(small.rgb.mean()) == pytest.approx(float(image.mean()), rel=0.01)


def test_a_camera_without_a_picture_is_told_once() -> None:
    stand_in, told = StandIn(), []

    def missing(frame, views):
        raise FileNotFoundError("images/01/000010.jpg: no such file")

    stand_in.loader.get = missing
    maker = maker_of(stand_in, told)
    for frame in (10, 11):
        buffer, _ = made(maker, request(against="captured", frame=frame))
        assert buffer.other is None and buffer.psnr_db is None
    assert len(told) == 1
    assert "camera 01" in told[0].text and told[0].level == "warning"


def test_the_figure_counts_the_box_only() -> None:
    stand_in = StandIn()
    captured = CapturedPictures(as_renderer(stand_in), [].append)
    counted = captured.counted(request(against="captured", camera=fitted(stand_in.scene.cameras[1], 640, 200)))
    columns = counted.any(dim=0).nonzero().squeeze(-1)
    assert columns.min() >= (640 - 200 * 160 / 120) / 2 - 1, "beside the capture nothing counts"
    assert 0 < counted.float().mean() < 0.5
    free = captured.counted(request(against="full", camera=fitted(stand_in.scene.cameras[1], 640, 200)))
    assert free.sum() >= counted.sum()


@pytest.fixture(scope="module")
def renderer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SceneRenderer]:
    """A run of an untrained model on real files."""
    folder = tmp_path_factory.mktemp("run")
    config = small_config(write_small_capture(folder / "capture"))
    scene = open_scene(config.data)
    times, bounds = TimeRange(first=0, last=2), tuple(scene.bounds.reshape(-1).tolist())
    config = replace(config, method=replace(config.method, times=times, bounds=bounds))
    torch.manual_seed(0)
    save_config(config, folder / "config.json")
    save_weights(build_method(config.method), RunFolder(path=folder).weights)
    opened = open_run(folder, device="cpu")
    yield opened
    opened.close()


@pytest.mark.parametrize("view", [0, 3])
def test_the_figure_is_the_one_that_evaluation_reports(renderer: SceneRenderer, view: int) -> None:
    """A camera that is held out, and one that is not: it must be hidden from itself, or it would look better than it is."""
    camera = renderer.scene.cameras[view]
    reported = evaluate(renderer, "full", frames=[1], views=[view])
    assert reported is not None
    wanted = request(view=view, camera=camera, frame=1, mode="full", against="captured", hidden=view)
    maker = PictureMaker(renderer, shares_memory=False, tell=lambda failed: pytest.fail(failed.text))
    buffer, _ = made(maker, wanted)
    assert buffer.psnr_db == pytest.approx(reported.scores[0].psnr, abs=1e-3)  # resampling at the same pixels rounds in float32
    assert view not in buffer.source_views
    if view != 0:
        seen, _ = made(maker, replace(wanted, hidden=None))
        assert view in seen.source_views, "the control: it would be used"


# ---- the shader ---------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS + ("other",))
def test_each_layout_on_the_screen(shoot, layout) -> None:
    from viewer.present import Presenter

    rng = np.random.default_rng(4)
    first, second = (np.concatenate([rng.integers(0, 256, (60, 80, 3)), np.full((60, 80, 1), 255)], -1).astype(np.uint8) for _ in range(2))
    presenter = Presenter(None)
    presenter.update(first, second)
    pixels = shoot(80, 60, lambda: presenter.draw(0, 0, 80, 60, layout, 0.25, 2.0)).astype(int)
    presenter.close()
    a, b = first[..., :3].astype(int), second[..., :3].astype(int)
    expected = {
        "off": a,
        "other": b,
        "wipe": np.concatenate([a[:, :20], b[:, 20:]], axis=1),
        "split": np.concatenate([a[:, 20:60], b[:, 20:60]], axis=1),
        "difference": np.minimum(2 * np.abs(a - b), 255),
    }[layout]
    assert np.abs(pixels - expected).max() <= 1  # one rounding of the difference


def test_without_another_picture_there_is_nothing_to_compare(shoot) -> None:
    from viewer.present import Presenter

    presenter = Presenter(None)
    picture = np.full((10, 10, 4), 200, np.uint8)
    presenter.update(picture)
    pixels = shoot(10, 10, lambda: presenter.draw(0, 0, 10, 10, "wipe", 0.5))
    presenter.close()
    np.testing.assert_array_equal(pixels, picture[..., :3])
