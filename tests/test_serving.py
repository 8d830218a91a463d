"""What the window is shown for a request: drafts, pictures tile by tile, passes, what comes with them and what is read ahead."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from desk import Desk

from im4d_core.geometry import resized
from im4d_core.quality import Quality
from viewer.handover import handed_over, in_host
from viewer.interop import DevicePixels
from viewer.jobs import OccupancyOrder
from viewer.look import Look
from viewer.messages import Estimated, Failed, JobOver


def test_a_full_picture_follows_a_fast_one(desk: Desk) -> None:
    desk.worker.submit(desk.request(mode="full"))
    desk.wait(lambda: desk.pictures() and desk.pictures()[-1].final)
    assert [mode for _, mode, *_ in desk.renderer.rendered] == ["fast", "full"]
    assert desk.pictures()[-1].request.mode == "full"


def test_while_moving_the_fast_picture_is_enough(desk: Desk) -> None:
    desk.worker.submit(desk.request(mode="full", moving=True))
    desk.wait(lambda: desk.pictures() and not desk.worker.busy)
    time.sleep(0.3)  # longer than the moment of stillness
    assert [mode for _, mode, *_ in desk.renderer.rendered] == ["fast"]
    assert desk.pictures()[-1].request.mode == "fast"


@pytest.mark.parametrize("desk", [{"delay_s": 5.0}], indirect=True)
def test_input_cancels_a_full_picture_between_tiles(desk: Desk) -> None:
    desk.worker.submit(desk.request(mode="full"))
    desk.wait(desk.pictures)
    time.sleep(0.3)  # the moment of stillness
    desk.wait(lambda: 0.05 < desk.worker.progress < 1)
    began = time.monotonic()
    desk.worker.submit(desk.request(index=2, moving=True))
    desk.wait(lambda: any(picture.request.frame == 12 for picture in desk.pictures()))
    assert desk.renderer.cancelled == 1
    assert time.monotonic() - began < 3.0  # the full picture would have taken 5 s


@pytest.mark.parametrize("desk", [{"delay_s": 20.0}], indirect=True)
def test_a_slow_draft_is_given_up_and_its_time_estimated(desk: Desk) -> None:
    """Otherwise the automatic scale never learns that pictures are too large."""
    desk.worker.submit(desk.request(moving=True))
    desk.wait(lambda: 0.05 < desk.worker.progress < 1)
    desk.worker.submit(desk.request(index=1, moving=True))
    desk.wait(lambda: desk.of(Estimated))
    assert 1000 < desk.of(Estimated)[0].render_ms < 8000  # 2 s in truth


def test_lack_of_memory_makes_pictures_smaller(desk: Desk) -> None:
    desk.renderer.most_pixels = 400
    desk.worker.submit(desk.request(width=64))  # 64 x 48 = 3072 pixels
    desk.wait(lambda: desk.pictures())
    assert desk.pictures()[-1].host_pixels().shape == (12, 16, 4)
    told = [failed.text for failed in desk.of(Failed)]
    assert "less is kept" in told[0], "caches give way before pictures do"
    assert "50%" in told[1] and "25%" in told[2] and len(told) == 3


def test_depth_is_handed_over_by_the_render_thread_as_colour_is(desk: Desk) -> None:
    """Else the main thread waits for the device, wherever something is drawn over a picture."""
    desk.worker.submit(desk.request())
    desk.wait(lambda: desk.pictures() and not desk.worker.busy)
    shown = desk.pictures()[-1]
    assert isinstance(shown.depth, np.ndarray) and shown.depth.dtype == np.float32 and shown.depth.max() > 1.0
    as_bytes = shown.depth_bytes()
    assert isinstance(as_bytes, np.ndarray) and as_bytes.shape == shown.host_pixels().shape
    np.testing.assert_array_equal(as_bytes.view(np.float32)[..., 0], shown.depth)
    row, column = np.argwhere(shown.depth > 0)[0]
    assert shown.depth_at(row, column) == shown.depth[row, column]


@pytest.mark.gpu
@pytest.mark.parametrize("values", [torch.rand(37, 51), torch.arange(37 * 51 * 4).reshape(37, 51, 4).byte()])
def test_both_ways_to_the_window_keep_colours_and_depths(values: torch.Tensor) -> None:
    on_gpu = values.cuda()
    uploaded, shared = handed_over(on_gpu, False), handed_over(on_gpu, True)
    assert isinstance(uploaded, np.ndarray) and isinstance(shared, DevicePixels)
    assert (shared.width, shared.height, shared.address) == (51, 37, on_gpu.data_ptr())
    np.testing.assert_array_equal(uploaded, values.numpy())
    np.testing.assert_array_equal(in_host(shared), values.numpy())


def test_outputs_are_told_apart_and_grey_is_kept(desk: Desk) -> None:
    shown = {}
    for output in ("colour", "depth", "opacity", "cost", "normals"):
        desk.worker.submit(replace(desk.request(), output=output, background=(0.25, 0.5, 1.0)))
        desk.wait(lambda name=output: desk.pictures() and desk.pictures()[-1].request.output == name)
        shown[output] = desk.pictures()[-1].host_pixels()[..., :3]
    empty = shown["opacity"][0, 0]
    assert empty.tolist() == [0, 0, 0]
    assert set(np.unique(shown["opacity"])) == {0, 255}
    assert shown["colour"][0, 0].tolist() == [64, 128, 255]  # the background, rounded
    assert not np.array_equal(shown["depth"], shown["colour"])
    assert not np.array_equal(shown["cost"], shown["depth"])


@pytest.mark.parametrize("desk", [{"delay_s": 3.0}], indirect=True)
def test_a_slow_still_picture_is_preceded_by_a_small_one(desk: Desk) -> None:
    desk.worker.submit(desk.request(width=240))
    desk.wait(lambda: any(picture.final for picture in desk.pictures()))
    sizes = [width for *_, width, _ in desk.renderer.rendered]
    assert sizes == [60, 240]
    assert desk.pictures()[-1].host_pixels().shape == (180, 240, 4)
    desk.worker.submit(desk.request(width=240, index=1, moving=True))  # the automatic scale serves motion
    desk.wait(lambda: desk.pictures()[-1].request.frame == 11)
    assert [width for *_, width, _ in desk.renderer.rendered][2:] == [240]


@pytest.mark.parametrize("desk", [{"delay_s": 3.0}], indirect=True)
def test_the_first_picture_is_small_even_in_motion(desk: Desk) -> None:
    """Nothing is known of the time yet; the automatic scale learns from an estimate."""
    desk.worker.submit(desk.request(width=240, moving=True))
    desk.wait(lambda: desk.of(Estimated))
    assert [width for *_, width, _ in desk.renderer.rendered] == [60]
    assert not desk.pictures()[-1].final
    assert desk.of(Estimated)[0].request == desk.request(width=240)


@pytest.mark.parametrize("desk", [{"delay_s": 3.0}], indirect=True)
def test_a_full_picture_comes_tile_by_tile_over_its_draft(desk: Desk) -> None:
    desk.worker.submit(desk.request(mode="full", width=80))
    desk.wait(lambda: desk.pictures() and desk.pictures()[-1].final)
    draft, *unfinished, picture = desk.pictures()
    assert draft.request.mode == "fast"
    assert len(unfinished) >= 3
    assert not any(part.final for part in unfinished)
    assert all(part.request == picture.request for part in unfinished)
    for part in unfinished:  # fast and full pictures of the stand-in show the same: what is not done yet is the draft, not black
        np.testing.assert_array_equal(part.host_pixels(), picture.host_pixels())
        np.testing.assert_array_equal(part.depth, picture.depth)


def test_a_still_picture_is_the_mean_of_its_passes(desk: Desk) -> None:
    desk.worker.submit(desk.request(width=64))
    desk.wait(lambda: desk.pictures() and desk.pictures()[-1].final)
    single = desk.pictures()[-1].host_pixels()[..., :3].astype(float)
    desk.worker.submit(replace(desk.request(width=64), quality=Quality(passes=8)))
    desk.wait(lambda: desk.pictures()[-1].request.quality.passes == 8 and desk.pictures()[-1].final)
    mean = desk.pictures()[-1].host_pixels()[..., :3].astype(float)
    large = desk.request(width=512)
    desk.worker.submit(large)
    desk.wait(lambda: desk.pictures()[-1].request == large and desk.pictures()[-1].final)
    truth = desk.pictures()[-1].host_pixels()[..., :3].reshape(48, 8, 64, 8, 3).mean(axis=(1, 3))
    assert np.abs(mean - truth).mean() < 0.5 * np.abs(single - truth).mean()  # eight points in a pixel instead of one: edges err by less than half
    assert len([picture for picture in desk.pictures() if not picture.final]) >= 6, "the means so far are shown"


def test_moving_pictures_have_one_pass(desk: Desk) -> None:
    desk.worker.submit(replace(desk.request(moving=True), quality=Quality(passes=8)))
    desk.wait(lambda: desk.pictures() and not desk.worker.busy)
    assert len(desk.renderer.rendered) == 1


@pytest.mark.parametrize("desk", [{"delay_s": 0.5}], indirect=True)
def test_a_picture_that_is_complete_is_not_rendered_again(desk: Desk) -> None:
    asked = desk.request(mode="full")
    desk.worker.submit(asked)
    desk.wait(lambda: desk.pictures() and desk.pictures()[-1].final)
    count = len(desk.renderer.rendered)
    desk.worker.submit(replace(asked, output="depth"))
    desk.wait(lambda: desk.pictures()[-1].request.output == "depth")
    assert desk.pictures()[-1].final
    assert len(desk.renderer.rendered) == count, "another output shows what is there"
    desk.worker.submit(replace(asked, output="depth", look=Look(colormap="grey", inverted=True)))
    desk.wait(lambda: desk.pictures()[-1].request.look.inverted)
    assert len(desk.renderer.rendered) == count
    desk.worker.submit(replace(asked, quality=Quality(fine_samples=9)))
    desk.wait(lambda: desk.pictures()[-1].request.quality.fine_samples == 9 and desk.pictures()[-1].final)
    assert len(desk.renderer.rendered) > count
    desk.worker.begin(OccupancyOrder())
    desk.wait(lambda: desk.of(JobOver))
    count = len(desk.renderer.rendered)
    desk.worker.submit(asked)
    desk.wait(lambda: len(desk.renderer.rendered) > count)  # what pictures are made from has changed


def test_quality_and_source_views_reach_the_renderer(desk: Desk) -> None:
    run = desk.renderer.config
    near_two = desk.renderer.scene.cameras[2]
    for steady in (False, True):
        asked = replace(desk.request(), camera=resized(near_two, 32, 24), quality=Quality(fine_samples=7, min_weight=0.01), hidden=2, steady=steady)
        desk.worker.submit(asked)
        desk.wait(lambda asked=asked: desk.pictures() and desk.pictures()[-1].request == asked)
        assert desk.renderer.asked is not None
        hidden, views, sampling, fast = desk.renderer.asked
        assert hidden == 2
        assert views is not None and set(views) == {1, 3, 4, 5}
        assert (sampling.fine_samples, sampling.proposal_samples) == (7, run.sampling.proposal_samples)
        assert (fast.min_weight, fast.steps) == (0.01, run.fast.steps)
    assert desk.renderer.config == run, "videos are made as the run says"


def test_cells_and_thumbnails_come_where_they_are_asked_for(desk: Desk) -> None:
    desk.worker.submit(desk.request())
    desk.wait(lambda: desk.pictures() and desk.pictures()[-1].final)
    assert desk.pictures()[-1].cells is None and desk.pictures()[-1].thumbnails == ()
    count = len(desk.renderer.rendered)
    desk.worker.submit(replace(desk.request(), cells=True, thumbnails=True))
    desk.wait(lambda: desk.pictures()[-1].request.cells)
    shown = desk.pictures()[-1]
    assert shown.cells is not None and shown.cells.frame == 10
    assert [(small.view, small.frame) for small in shown.thumbnails] == [(1, 10), (2, 10)]
    assert shown.thumbnails[0].pixels.shape == (120, 160, 4)
    assert len(desk.renderer.rendered) == count, "overlays render nothing"
    desk.worker.submit(replace(desk.request(index=2), cells=True, thumbnails=True))
    desk.wait(lambda: desk.pictures()[-1].request.frame == 12)
    assert desk.pictures()[-1].cells is not None and desk.pictures()[-1].cells.frame == 12
    desk.renderer.occupied = False
    desk.worker.submit(replace(desk.request(index=3), mode="full", cells=True))
    desk.wait(lambda: desk.pictures()[-1].request.frame == 13)
    assert desk.pictures()[-1].cells is None


def test_what_is_read_ahead_is_what_colours_the_picture(desk: Desk) -> None:
    """Steady views differ from the nearest ones near a border; reading the nearest ahead would leave playback waiting for the others."""
    scene = desk.renderer.scene
    desk.worker.submit(replace(desk.request(), camera=resized(scene.cameras[3], 32, 24), steady=True))
    desk.wait(lambda: desk.pictures() and desk.renderer.asked is not None)
    moving = replace(desk.request(index=1, moving=True), camera=resized(scene.cameras[3], 32, 24), steady=True, hidden=4)
    desk.worker.submit(moving, coming=(12, 13, 14, 15, 16))
    desk.wait(lambda: desk.renderer.prefetched == (12, 13, 14, 15))  # the rest is too far ahead
    assert desk.renderer.asked is not None
    assert desk.renderer.prefetched_views == desk.renderer.asked[1]
    assert 4 not in desk.renderer.prefetched_views


def test_decoders_read_ahead_while_a_picture_is_made(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where pictures come slower than they are asked for, a newer request waits after each of them: decoders must not have waited for a pause."""
    read_ahead: list[tuple[int, ...]] = []
    render = desk.renderer.render

    def watched(*arguments: Any, **options: Any) -> Any:
        read_ahead.append(desk.renderer.prefetched)
        return render(*arguments, **options)

    monkeypatch.setattr(desk.renderer, "render", watched)
    desk.worker.submit(desk.request(index=1, moving=True), coming=(12, 13, 14, 15, 16))
    desk.wait(desk.pictures)
    assert read_ahead[0] == (12, 13, 14, 15)


def test_playing_shows_frames_that_take_longer_than_the_clock_leaves_them(desk: Desk) -> None:
    """A new frame of a CPU takes half a second to encode and bake, and the clock asks for another one meanwhile. A pause stops it all the same."""
    desk.renderer.delay_s = 6.0  # a fast picture takes 0.6 s, longer than any other motion would wait
    for index in range(6):
        desk.worker.submit(desk.request(index=index, moving=True), coming=tuple(range(11 + index, 20)))
        time.sleep(0.2)
    desk.wait(lambda: not desk.worker.busy)
    assert len({picture.request.frame for picture in desk.pictures()}) >= 2, "not the last one alone"
    desk.worker.submit(desk.request(index=6, moving=True), coming=(17, 18))
    time.sleep(0.1)
    desk.worker.submit(desk.request(index=0, moving=True))
    desk.wait(lambda: desk.pictures()[-1].request.frame == 10 and not desk.worker.busy)
    assert all(picture.request.frame != 16 for picture in desk.pictures())


def test_haze_has_no_depth(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line is not hidden, and nothing is picked, by what can hardly be seen."""
    render = desk.renderer.render

    def hazy(*args, **named):
        made = render(*args, **named)
        return None if made is None else replace(made, opacity=made.opacity * 0.3)

    monkeypatch.setattr(desk.renderer, "render", hazy)
    desk.worker.submit(desk.request())
    desk.wait(lambda: desk.pictures() and desk.pictures()[-1].final)
    assert not np.asarray(desk.pictures()[-1].depth).any()


@pytest.mark.parametrize("desk", [{"delay_s": 3.0}], indirect=True)
def test_a_slow_still_picture_is_made_over_a_fast_one_of_its_size(desk: Desk) -> None:
    """On a CPU a small draft would stand there for half a minute, though a fast picture of the whole size takes less than a second."""
    for index in (0, 1):  # before anything is known of the times, and after
        asked = desk.request(mode="full", width=240, index=index)
        desk.worker.submit(asked)
        desk.wait(lambda asked=asked: desk.pictures() and desk.pictures()[-1].final and desk.pictures()[-1].request == asked)
        made = [(mode, width) for frame, mode, width, _ in desk.renderer.rendered if frame == asked.frame]
        assert made[1:] == [("fast", 240), ("full", 240)]
        assert made[0][0] == "fast" and made[0][1] < 240
        parts = [picture for picture in desk.pictures() if picture.request == asked and not picture.final]
        assert len(parts) >= 3
        assert all(part.below is not None and (part.below.mode, part.below.camera.width) == ("fast", 240) for part in parts), "the tiles lie over that one"
    assert desk.pictures()[-1].below is None


@pytest.mark.parametrize("desk", [{"delay_s": 20.0}], indirect=True)
def test_a_fast_picture_that_is_slow_does_not_hold_up_the_full_one(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("viewer.serving._QUICK_S", 0.5)  # it takes 2 s
    desk.worker.submit(desk.request(mode="full", width=240))
    desk.wait(lambda: desk.pictures() and desk.pictures()[-1].below is not None)
    assert desk.pictures()[-1].request.mode == "full"
    assert desk.pictures()[-1].below.camera.width == 60
    assert [(mode, width) for _, mode, width, _ in desk.renderer.rendered] == [("fast", 60)]
    desk.worker.submit(desk.request(mode="full", width=244, index=1))  # now it is known
    cancelled = desk.renderer.cancelled
    desk.wait(lambda: desk.pictures()[-1].request.frame == 11 and desk.pictures()[-1].below is not None)
    assert desk.renderer.cancelled == cancelled + 1, "the full picture before; no fast one was begun"


@pytest.mark.parametrize("desk", [{"delay_s": 20.0}], indirect=True)
def test_input_cancels_the_fast_picture_under_a_slow_one(desk: Desk) -> None:
    desk.worker.submit(desk.request(mode="full", width=240))
    desk.wait(desk.pictures)
    time.sleep(0.3)  # the moment of stillness
    desk.wait(lambda: 0.05 < desk.worker.progress < 0.9)
    desk.worker.submit(desk.request(index=2, moving=True))
    desk.wait(lambda: desk.renderer.cancelled == 1)
    desk.wait(lambda: desk.pictures()[-1].request.frame == 12)
    assert [(frame, mode) for frame, mode, *_ in desk.renderer.rendered] == [(10, "fast"), (12, "fast")]


@pytest.mark.parametrize("desk", [{"delay_s": 3.0}], indirect=True)
def test_nothing_is_made_under_a_picture_that_lies_on_one_as_good(desk: Desk) -> None:
    desk.worker.submit(desk.request(mode="fast", width=240))
    desk.wait(lambda: desk.pictures() and desk.pictures()[-1].final)
    desk.worker.submit(desk.request(mode="full", width=240))
    desk.wait(lambda: desk.pictures()[-1].final and desk.pictures()[-1].request.mode == "full")
    assert [(mode, width) for _, mode, width, _ in desk.renderer.rendered] == [("fast", 60), ("fast", 240), ("full", 240)]


@pytest.mark.parametrize("desk", [{"delay_s": 3.0}], indirect=True)
def test_of_a_comparison_it_is_told_which_picture_is_finished(desk: Desk) -> None:
    desk.worker.submit(replace(desk.request(mode="fast", width=240), against="full"))
    desk.wait(lambda: desk.pictures() and desk.pictures()[-1].final)
    compared = [picture for picture in desk.pictures() if picture.other is not None]
    assert len(compared) >= 4
    assert [picture.other_complete for picture in compared] == [False] * (len(compared) - 1) + [True]


@pytest.mark.parametrize("desk", [{"delay_s": 1.0}], indirect=True)
def test_where_fast_pictures_come_at_once_there_is_one_under_a_full_one(desk: Desk) -> None:
    """As on a GPU: the draft has the whole size, and nothing else is made first."""
    for index in (0, 1):
        asked = desk.request(mode="full", width=240, index=index)
        desk.worker.submit(asked)
        desk.wait(lambda asked=asked: desk.pictures() and desk.pictures()[-1].final and desk.pictures()[-1].request == asked)
    assert [(mode, width) for frame, mode, width, _ in desk.renderer.rendered if frame == 11] == [("fast", 240), ("full", 240)]
