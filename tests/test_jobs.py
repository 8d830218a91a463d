"""Long tasks in the render thread: exports, single pictures and the occupancy, done beside a window that plays, and cancelled."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from desk import Desk, export_order

from im4d_core.quality import Quality
from viewer import events as e
from viewer.jobs import JOB_SHARE, FairShare, OccupancyOrder, Orders, PictureOrder
from viewer.messages import Failed, JobOver, JobStep, Opened
from viewer.reduce import reduce
from viewer.request import render_request
from viewer.state import ViewerState


@pytest.mark.parametrize("desk", [{"occupied": False, "delay_s": 0.1}], indirect=True)
def test_a_job_goes_on_where_opening_fails_and_ends_where_it_succeeds(desk: Desk, tmp_path: Path) -> None:
    desk.worker.begin(OccupancyOrder())
    desk.worker.begin(PictureOrder(request=desk.request(), file=tmp_path / "a.png"))  # waits behind it
    desk.wait(lambda: desk.of(JobStep))
    desk.worker.open(Path("broken"))
    desk.wait(lambda: desk.of(Failed))
    done = desk.of(JobStep)[-1].done
    desk.wait(lambda: desk.of(JobStep)[-1].done > done)
    assert not desk.of(JobOver)
    desk.worker.open(Path("elsewhere"))
    desk.wait(lambda: len(desk.of(Opened)) == 2)
    assert {(over.job, over.cancelled) for over in desk.of(JobOver)} == {("occupancy", True), ("picture", True)}
    assert desk.of(Opened)[-1].source == Path("elsewhere")
    desk.worker.submit(desk.request())
    desk.wait(desk.pictures)
    assert not (tmp_path / "a.png").exists(), "what was meant for the scene before is not done to the next one"


@pytest.mark.parametrize("desk", [{"occupied": False}], indirect=True)
def test_without_occupancy_the_full_renderer_serves_until_it_is_built(desk: Desk) -> None:
    desk.worker.submit(desk.request())
    desk.wait(lambda: desk.pictures())
    assert desk.pictures()[-1].request.mode == "full"
    assert any("occupancy" in failed.text for failed in desk.of(Failed))
    desk.worker.begin(OccupancyOrder())
    desk.wait(lambda: desk.of(JobOver))
    assert [(step.done, step.total) for step in desk.of(JobStep)] == [(i, 8) for i in range(1, 9)]
    assert not desk.of(JobOver)[0].cancelled
    desk.worker.submit(desk.request(index=1))
    desk.wait(lambda: desk.pictures()[-1].request.frame == 11)
    assert desk.pictures()[-1].request.mode == "fast"


@pytest.mark.parametrize("desk", [{"occupied": False, "delay_s": 0.2}], indirect=True)
def test_building_the_occupancy_is_cancelled_and_pictures_are_made_meanwhile(desk: Desk) -> None:
    desk.worker.begin(OccupancyOrder())
    desk.wait(lambda: desk.of(JobStep))
    desk.worker.submit(desk.request())
    desk.wait(lambda: desk.pictures())
    assert not desk.of(JobOver)
    desk.worker.cancel("occupancy")
    desk.wait(lambda: desk.of(JobOver))
    assert desk.of(JobOver)[0].cancelled


def test_an_export_without_an_encoder_ends_with_the_reason(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "av", None)  # as if it were not installed
    for name in ("im4d_core.video", "im4d_core.filming"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    desk.worker.begin(export_order(tmp_path / "none.mp4"))
    desk.wait(lambda: desk.of(JobOver))
    over = desk.of(JobOver)[0]
    assert over.job == "export"
    assert "PyAV" in over.error
    assert "pip install av" in over.error
    desk.worker.submit(desk.request())
    desk.wait(desk.pictures)


class Player:
    """Wants another picture whenever one is shown, as a window does in which the scene plays."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._index, self._shown = desk, 0, -1

    def __call__(self) -> None:
        if len(self._desk.pictures()) != self._shown:
            self._shown = len(self._desk.pictures())
            self._index += 1
            self._desk.worker.submit(self._desk.request(index=self._index % 8, moving=True))


def _plays_until(desk: Desk, job: str) -> int:
    """Pictures shown while a job ran to its end beside a scene that plays."""
    player, before = Player(desk), len(desk.pictures())

    def ended() -> bool:
        player()
        return any(over.job == job for over in desk.of(JobOver))

    desk.wait(ended)
    return len(desk.pictures()) - before


@pytest.mark.parametrize("desk", [{"delay_s": 0.2}], indirect=True)
def test_an_export_gets_on_while_the_scene_plays(desk: Desk, tmp_path: Path) -> None:
    player = Player(desk)
    player()
    desk.wait(desk.pictures)  # it plays already
    desk.worker.begin(export_order(tmp_path / "pictures"))
    shown = _plays_until(desk, "export")
    assert len(list((tmp_path / "pictures").glob("*.png"))) == 8
    assert not desk.of(JobOver)[0].error
    # Eight pictures of the export beside twice as many of the window, both taking the same time; a quarter of that on a machine that stutters.
    assert 4 <= shown <= 64


@pytest.mark.parametrize("desk", [{"delay_s": 0.03, "occupied": False}], indirect=True)
def test_building_the_occupancy_begins_and_ends_while_the_scene_plays(desk: Desk) -> None:
    player = Player(desk)
    player()
    desk.wait(desk.pictures)
    desk.worker.begin(OccupancyOrder())
    assert _plays_until(desk, "occupancy") >= 1
    assert desk.renderer.occupied


@pytest.mark.parametrize("desk", [{"delay_s": 4.0}], indirect=True)
def test_a_slow_picture_of_an_export_does_not_hold_the_window_up(desk: Desk, tmp_path: Path) -> None:
    desk.worker.begin(export_order(tmp_path / "pictures", mode="full", pictures=1))
    desk.wait(lambda: desk.of(JobStep))
    began = time.monotonic()
    desk.worker.submit(desk.request(index=2, moving=True))
    desk.wait(desk.pictures)
    assert time.monotonic() - began < 3.0  # a tile of 0.4 s and the picture's own 0.4 s; the export's picture takes 4 s
    assert not desk.of(JobOver)
    desk.worker.cancel("export", 1)
    desk.wait(lambda: desk.of(JobOver))
    assert desk.of(JobOver)[0].cancelled


@pytest.mark.parametrize("desk", [{"delay_s": 20.0}], indirect=True)
def test_a_job_does_not_wait_for_a_slow_still_picture(desk: Desk, tmp_path: Path) -> None:
    """A full picture of 20 s is under way, of which a tile takes 2 s: the export begins all the same."""
    desk.worker.submit(desk.request(mode="full"))
    desk.wait(desk.pictures)
    desk.wait(lambda: desk.worker.progress == 0.1)  # of the picture after the draft
    desk.renderer.delay_s = 0.5  # of pictures from now on
    desk.worker.begin(export_order(tmp_path / "pictures"))
    desk.wait(lambda: desk.of(JobOver))
    desk.wait(lambda: any(picture.final for picture in desk.pictures()))
    assert desk.pictures()[-1].request.mode == "full"


@pytest.mark.parametrize("desk", [{"delay_s": 2.0}], indirect=True)
def test_a_slow_still_picture_takes_turns_with_a_job_and_is_finished_before_it(desk: Desk, tmp_path: Path) -> None:
    """A picture of 2 s that is stopped several times goes on where it was each time."""
    desk.worker.begin(export_order(tmp_path / "pictures", mode="full", pictures=8))
    desk.wait(lambda: desk.of(JobStep))
    before = desk.renderer.tiles
    desk.worker.submit(desk.request(index=2, mode="full"))
    desk.wait(lambda: any(picture.final for picture in desk.pictures()))
    assert not desk.of(JobOver)
    assert not desk.worker.busy and desk.worker.progress == 1.0
    shown = desk.pictures()[-1]
    assert (shown.request.mode, shown.request.frame) == ("full", 12)
    parts = [picture for picture in desk.pictures() if picture.request.mode == "full" and not picture.final]
    assert len(parts) >= 2, "tile by tile"
    # Ten tiles are the picture's, ten a draft's at most. The export has half as long as the picture: five tiles more, and those of its steps at both ends.
    assert 12 <= desk.renderer.tiles - before <= 34
    desk.worker.cancel("export", 1)
    desk.wait(lambda: desk.of(JobOver))


@pytest.mark.parametrize("desk", [{"delay_s": 0.2}], indirect=True)
def test_passes_wait_for_the_end_of_a_job(desk: Desk, tmp_path: Path) -> None:
    """The picture itself is shown beside the job; the mean of four, which would begin anew each time, afterwards."""
    desk.worker.begin(export_order(tmp_path / "pictures", mode="full"))
    desk.wait(lambda: desk.of(JobStep))
    asked = replace(desk.request(index=2, mode="full"), quality=Quality(passes=4))
    desk.worker.submit(asked)
    desk.wait(lambda: desk.worker.postponed)
    assert desk.pictures()[-1].request.quality.passes == 1
    desk.wait(lambda: desk.pictures()[-1].final and desk.pictures()[-1].request == asked)
    assert desk.of(JobOver) and not desk.worker.postponed


@pytest.mark.parametrize("desk", [{"delay_s": 6.0}], indirect=True)
def test_a_newer_request_takes_the_place_of_one_that_was_begun(desk: Desk, tmp_path: Path) -> None:
    desk.worker.submit(desk.request(mode="full"))
    desk.wait(desk.pictures)
    desk.wait(lambda: desk.worker.progress == 0.1)  # of the picture after the draft
    desk.worker.begin(export_order(tmp_path / "pictures"))
    desk.wait(lambda: desk.of(JobStep))
    desk.worker.submit(desk.request(index=3))
    desk.wait(lambda: desk.of(JobOver))
    desk.wait(lambda: desk.pictures()[-1].final and desk.pictures()[-1].request.frame == 13)
    desk.wait(lambda: not desk.worker.busy)
    assert not any(picture.final and picture.request.frame == 10 for picture in desk.pictures())


def test_a_picture_of_another_size_is_saved(desk: Desk, tmp_path: Path) -> None:
    import imageio.v3 as iio

    desk.worker.begin(PictureOrder(request=desk.request(width=120), file=tmp_path / "big.png"))
    desk.wait(lambda: desk.of(JobOver))
    assert desk.of(JobOver)[0].file == tmp_path / "big.png"
    assert iio.imread(tmp_path / "big.png").shape == (90, 120, 3)


@pytest.mark.parametrize("mode", ["fast", "full"])
def test_the_preview_on_the_screen_is_the_exported_picture(desk: Desk, tmp_path: Path, mode: Literal["fast", "full"]) -> None:
    """Byte by byte, through all that the worker does to make pictures of a window."""
    import imageio.v3 as iio

    order = export_order(tmp_path / "pictures", mode=mode)
    desk.worker.begin(order)
    desk.wait(lambda: desk.of(JobOver))
    state = reduce(ViewerState(), e.SceneOpened(scene=desk.renderer.scene, source=Path("run")))
    for event in (e.ReplacePath(path=order.path), e.SetExport(settings=order.settings), e.SetMode(mode=mode), e.SetScale(scale=1.0)):
        state = reduce(state, event)
    for i, shot in enumerate(order.path.shots(order.timing, order.settings.fps)):
        state = reduce(state, e.SetPathTime(time_s=shot.time_s))
        request = render_request(replace(state, now_s=state.now_s + 10.0), 32, 24)
        assert request is not None
        desk.worker.submit(request)
        desk.wait(lambda wanted=request: desk.pictures() and desk.pictures()[-1].final and desk.pictures()[-1].request == wanted)
        np.testing.assert_array_equal(iio.imread(tmp_path / "pictures" / f"{i:06d}.png"), desk.pictures()[-1].host_pixels()[..., :3])


def test_time_is_shared_fairly() -> None:
    """Whether steps of the job or pictures are the long ones; within one long turn of the exact share."""
    for picture_s, step_s in ((0.01, 0.01), (0.3, 0.01), (0.01, 0.3)):
        share, spent = FairShare(), {"picture": 0.0, "job": 0.0}
        for _ in range(5000):
            if share.picture_is_due:
                share.drew(picture_s)
                spent["picture"] += picture_s
            else:
                share.worked(step_s)
                spent["job"] += step_s
        total = sum(spent.values())
        assert spent["job"] / total == pytest.approx(JOB_SHARE, abs=0.5 / total + 0.01)


def test_orders_wait_their_turn_and_are_cancelled() -> None:
    orders = Orders()
    first, second, third = (export_order(Path(f"{number}.mp4"), number=number) for number in (1, 2, 3))
    for order in (first, OccupancyOrder(), second, third, OccupancyOrder()):
        orders.put(order)
    assert orders.cancel("export", 2)
    assert (orders.is_cancelled(second), orders.is_cancelled(third)) == (True, False)
    assert [orders.take() for _ in range(4)] == [first, third, OccupancyOrder(), None], "exports in their order; one occupancy is enough"
    assert not orders.cancel("export", 1), "it has begun"
    assert orders.is_cancelled(first)
    orders.put(second)
    assert not orders.is_cancelled(second)
