"""The render thread: newest request wins, drafts before full pictures, cancelling, failures and lack of memory survived."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from stand_in import StandIn, as_renderer

from im4d_core import devices
from im4d_core.camera_path import SceneTiming
from im4d_core.export_settings import ExportSettings
from im4d_core.geometry import resized
from im4d_core.path_generators import orbit
from im4d_core.quality import Quality
from im4d_core.scene_renderer import SceneRenderer
from viewer import events as e
from viewer.jobs import JOB_SHARE, ExportOrder, FairShare, OccupancyOrder, Orders, PictureOrder
from viewer.look import Look
from viewer.messages import DisplayBuffer, Estimated, Facts, Failed, JobOver, JobStep, Message, Opened
from viewer.reduce import reduce
from viewer.request import RenderRequest, render_request
from viewer.state import ViewerState
from viewer.worker import RenderWorker

WAIT_S = 20.0  # a busy machine must not fail a test; every wait ends as soon as what it waits for is there


class Desk:
    """A worker on a stand-in renderer, and everything it has said."""

    def __init__(self, renderer: StandIn) -> None:
        self.renderer = renderer
        self.said: list[Message] = []
        self._bell = threading.Event()
        self.worker = RenderWorker(opener=self._open, device="cpu", display="", display_device="", shares_memory=False, wake=self._bell.set)
        self.worker.start()
        self.worker.open(Path("somewhere"))
        self.wait(lambda: self.of(Opened))

    def _open(self, source: Path, device: str) -> SceneRenderer:
        if source.name == "broken":
            raise ValueError("config.json: unknown key 'speed'")
        return as_renderer(self.renderer)

    def of(self, kind: type) -> list:
        return [message for message in self.said if isinstance(message, kind)]

    def wait(self, reached: Callable[[], object]) -> None:
        deadline = time.monotonic() + WAIT_S
        while True:
            self.said += self.worker.take()
            if reached():
                return
            assert time.monotonic() < deadline, f"waited in vain; the worker said {self.said}"
            self._bell.wait(0.02)
            self._bell.clear()

    def request(self, *, index: int = 0, mode: Literal["fast", "full"] = "fast", moving: bool = False, width: int = 32) -> RenderRequest:
        scene = self.renderer.scene
        camera = resized(scene.cameras[0], width, width * 3 // 4)
        return RenderRequest(camera=camera, frame=scene.frames[index], mode=mode, output="colour", background=(0.0, 0.0, 0.0), moving=moving, scale=1.0)

    def pictures(self) -> list[DisplayBuffer]:
        return self.of(DisplayBuffer)


@pytest.fixture
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    options = getattr(request, "param", {})
    desk = Desk(StandIn(**options))
    yield desk
    assert desk.worker.stop()
    assert desk.renderer.closed


def test_a_picture_carries_what_it_shows(desk: Desk) -> None:
    asked = desk.request(index=3)
    desk.worker.submit(asked, prefetch=(14, 15))
    desk.wait(lambda: desk.pictures() and desk.renderer.prefetched)
    shown = desk.pictures()[-1]
    assert shown.request == asked
    assert shown.final
    assert shown.host_pixels().shape == (24, 32, 4)
    assert shown.host_pixels()[..., 3].min() == 255
    assert shown.source_views == (1, 2)
    assert shown.render_ms > 0
    assert desk.renderer.prefetched == (14, 15)
    desk.wait(lambda: desk.renderer.made_ready == [14, 15])  # and what their pictures need is made while nothing else is wanted
    facts = desk.of(Facts)[0]
    assert facts.occupied == (True,) * 8
    assert facts.decoded == (False,) * 8
    assert facts.device.startswith("cpu")


def test_what_is_compiled_waits_for_the_first_picture(desk: Desk) -> None:
    assert not desk.renderer.prepared
    desk.worker.submit(desk.request(index=1))
    desk.wait(lambda: desk.pictures() and desk.renderer.prepared)


@pytest.mark.parametrize("desk", [{"delay_s": 0.5}], indirect=True)
def test_the_newest_request_wins(desk: Desk) -> None:
    for index in (0, 1, 2, 3, 4, 5):
        desk.worker.submit(desk.request(index=index, moving=True))
        time.sleep(0.005)
    desk.wait(lambda: any(picture.request.frame == 15 for picture in desk.pictures()))
    frames = [frame for frame, *_ in desk.renderer.rendered]
    assert frames[-1] == 15
    assert len(frames) <= 3, "requests that were replaced before they began must not be rendered"


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


def test_a_failure_is_told_and_the_worker_goes_on(desk: Desk) -> None:
    desk.renderer.failure = ValueError("frame 10: picture 07 is truncated")
    desk.worker.submit(desk.request())
    desk.wait(lambda: desk.of(Failed))
    failed = desk.of(Failed)[0]
    assert "picture 07 is truncated" in failed.text
    assert "Traceback" in failed.details
    desk.renderer.failure = None
    desk.worker.submit(desk.request(index=1))
    desk.wait(lambda: desk.pictures())


def test_lack_of_memory_makes_pictures_smaller(desk: Desk) -> None:
    desk.renderer.most_pixels = 400
    desk.worker.submit(desk.request(width=64))  # 64 x 48 = 3072 pixels
    desk.wait(lambda: desk.pictures())
    assert desk.pictures()[-1].host_pixels().shape == (12, 16, 4)
    told = [failed.text for failed in desk.of(Failed)]
    assert "less is kept" in told[0], "caches give way before pictures do"
    assert "50%" in told[1] and "25%" in told[2] and len(told) == 3


def test_what_cannot_be_opened_leaves_the_open_scene(desk: Desk) -> None:
    desk.worker.open(Path("broken"))
    desk.wait(lambda: desk.of(Failed))
    assert (desk.of(Failed)[0].during, desk.of(Failed)[0].source) == ("opening", Path("broken"))
    assert "unknown key 'speed'" in desk.of(Failed)[0].text
    desk.worker.submit(desk.request())
    desk.wait(lambda: desk.pictures())


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


def test_importing_the_worker_imports_no_torch() -> None:
    import subprocess
    import sys

    code = "import sys, viewer.worker, viewer.jobs, viewer.settings; sys.exit(any(name in sys.modules for name in ('torch', 'imgui_bundle', 'OpenGL')))"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent.parent)


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


def export_order(file: Path, *, mode: Literal["fast", "full"] = "fast", pictures: int = 8) -> ExportOrder:
    path = orbit(centre=(0.0, 0.0, 0.0), radius=3.0, up=(0.0, 0.0, 1.0), duration_s=1.0)
    timing = SceneTiming(frames=StandIn().scene.frames, fps=10.0)
    made_as = "h264" if file.suffix else "png"
    return ExportOrder(path=path, timing=timing, settings=ExportSettings(width=32, height=24, fps=float(pictures), mode=mode, format=made_as, file=str(file)))


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
    desk.worker.cancel("export")
    desk.wait(lambda: desk.of(JobOver))
    assert desk.of(JobOver)[0].cancelled


@pytest.mark.parametrize("desk", [{"delay_s": 20.0}], indirect=True)
def test_a_job_does_not_wait_for_a_slow_still_picture(desk: Desk, tmp_path: Path) -> None:
    """A full picture of 20 s is under way: the export begins all the same, the draft stays, and the picture follows when the export is over."""
    desk.worker.submit(desk.request(mode="full"))
    desk.wait(desk.pictures)
    desk.wait(lambda: desk.worker.progress == 0.1)  # of the picture after the draft
    desk.renderer.delay_s = 0.5  # of pictures from now on
    desk.worker.begin(export_order(tmp_path / "pictures"))
    desk.wait(lambda: any(picture.final for picture in desk.pictures()))
    over = next(i for i, message in enumerate(desk.said) if isinstance(message, JobOver))
    assert not any(isinstance(message, DisplayBuffer) and message.final for message in desk.said[:over])
    assert desk.pictures()[-1].request.mode == "full"
    assert not desk.worker.postponed


@pytest.mark.parametrize("desk", [{"delay_s": 6.0}], indirect=True)
def test_a_newer_request_takes_the_place_of_a_postponed_one(desk: Desk, tmp_path: Path) -> None:
    desk.worker.submit(desk.request(mode="full"))
    desk.wait(desk.pictures)
    desk.wait(lambda: desk.worker.progress == 0.1)  # of the picture after the draft
    desk.worker.begin(export_order(tmp_path / "pictures"))
    desk.wait(lambda: desk.worker.postponed)
    desk.worker.submit(desk.request(index=3))
    desk.wait(lambda: desk.of(JobOver))
    desk.wait(lambda: desk.pictures()[-1].final and desk.pictures()[-1].request.frame == 13)
    assert not desk.worker.postponed


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
    first, second = export_order(Path("a.mp4")), export_order(Path("b.mp4"))
    orders.put(first)
    orders.put(OccupancyOrder())
    orders.put(second)
    assert orders.take() == OccupancyOrder()
    assert orders.cancel("export")
    assert not orders
    assert orders.is_cancelled("export")
    orders.put(first)
    assert not orders.is_cancelled("export")
    assert orders.take() == first
    assert orders.take() is None


def _said_on(
    device: str, display: str, display_device: str, monkeypatch: pytest.MonkeyPatch, *, cuda: bool, driver: bool = False
) -> tuple[list[Failed], list[str]]:
    """What a worker warns of where PyTorch has CUDA or not, and the devices it opens scenes on."""
    monkeypatch.setattr(devices, "why_no_cuda", lambda: None if cuda else "PyTorch sees no CUDA device")
    monkeypatch.setattr(devices, "has_driver", lambda: driver)
    opened: list[str] = []

    def opener(source: Path, device: str) -> SceneRenderer:
        opened.append(device)
        return as_renderer(StandIn())

    worker = RenderWorker(opener=opener, device=device, display=display, display_device=display_device, shares_memory=False, wake=lambda: None)
    worker.start()
    worker.open(Path("somewhere"))
    deadline, said = time.monotonic() + WAIT_S, []
    while not any(isinstance(message, Opened) for message in said) and time.monotonic() < deadline:
        said += worker.take()
        time.sleep(0.01)
    assert worker.stop()
    return [message for message in said if isinstance(message, Failed)], opened


def test_a_gpu_that_torch_cannot_use_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    nvidia = "NVIDIA Corporation | NVIDIA RTX 4090/PCIe/SSE2 | 3.3.0"
    told, opened = _said_on("auto", nvidia, "cuda:0", monkeypatch, cuda=False)
    assert opened == ["cpu"]
    assert [failed.level for failed in told] == ["warning"]
    assert "The NVIDIA GPU is not used" in told[0].text
    assert "\n" not in told[0].text
    assert _said_on("cpu", nvidia, "cuda:0", monkeypatch, cuda=False) == ([], ["cpu"])  # as asked for
    assert _said_on("auto", "Mesa | llvmpipe | 4.5", "", monkeypatch, cuda=False) == ([], ["cpu"])  # nothing lies idle
    told, _ = _said_on("auto", "Mesa | llvmpipe | 4.5", "", monkeypatch, cuda=False, driver=True)
    assert len(told) == 1, "a GPU that does not draw the window lies idle as well"
    assert _said_on("auto", nvidia, "cuda:1", monkeypatch, cuda=True) == ([], ["cuda:1"])  # the one that draws the window


# ---- still pictures -----------------------------------------------------------------------------------------------------------------------------


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
    desk.worker.submit(replace(desk.request(index=1, moving=True), camera=resized(scene.cameras[3], 32, 24), steady=True, hidden=4), prefetch=(12, 13))
    desk.wait(lambda: desk.renderer.prefetched == (12, 13))
    assert desk.renderer.asked is not None
    assert desk.renderer.prefetched_views == desk.renderer.asked[1]
    assert 4 not in desk.renderer.prefetched_views


def test_haze_has_no_depth(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line is not hidden, and nothing is picked, by what can hardly be seen."""
    render = desk.renderer.render

    def hazy(*args, **named):
        made = render(*args, **named)
        return None if made is None else replace(made, opacity=made.opacity * 0.3)

    monkeypatch.setattr(desk.renderer, "render", hazy)
    desk.worker.submit(desk.request())
    desk.wait(lambda: desk.pictures() and desk.pictures()[-1].final)
    assert not desk.pictures()[-1].depth.any()


def test_kernels_that_cannot_be_used_are_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("viewer.facts._device_name", lambda device: device)  # torch has no such device here
    renderer = StandIn()
    renderer.device = torch.device("cuda")
    renderer.kernel_problem = "the driver is older than the compiler"
    desk = Desk(renderer)
    try:
        told = [message.text for message in desk.of(Failed)]
        assert len(told) == 1 and "PyTorch renders" in told[0] and "the driver is older" in told[0]
        renderer.device = torch.device("cpu")
        desk.worker.submit(desk.request())
        desk.wait(lambda: desk.pictures())  # and the window goes on
        assert len(desk.of(Failed)) == 1
    finally:
        desk.worker.stop()


def test_sharing_memory_is_switched_while_it_runs(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands in for a GPU: what is asked for is noted, and the bytes go through host memory in any case."""
    from viewer import pictures
    from viewer.handover import handed_over

    asked: list[bool] = []

    def noted(rgba, shares_memory: bool):
        asked.append(shares_memory)
        return handed_over(rgba, False)

    monkeypatch.setattr(pictures, "handed_over", noted)
    for index, on in enumerate((False, True, False)):
        desk.worker.share_memory(on)
        desk.worker.submit(desk.request(index=index))
        desk.wait(lambda index=index: desk.pictures() and desk.pictures()[-1].request.frame == 10 + index)
        assert set(asked) == {on}
        asked.clear()
    desk.worker.share_memory(True)
    desk.worker.open(Path("another"))
    desk.wait(lambda: len(desk.of(Opened)) == 2)
    desk.worker.submit(desk.request(index=5))
    desk.wait(lambda: desk.pictures()[-1].request.frame == 15)
    assert set(asked) == {True}, "the next scene keeps to it"
