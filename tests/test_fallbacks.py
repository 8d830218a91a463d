"""When something of a GPU does not work, one step is gone down, the reason is said once, and pictures go on. The failures are simulated: no GPU is needed."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from captures import write_capture
from stand_in import StandIn, as_renderer
from untrained import write_untrained_run

from im4d_core.cache import ByteCache
from im4d_core.config import DataConfig
from im4d_core.data import open_scene
from im4d_core.data.frames import FrameLoader
from im4d_core.frame_caches import fitting_share
from im4d_core.geometry import resized
from im4d_core.kernel_pictures import KernelPictures
from im4d_core.kernels import nvrtc
from im4d_core.kernels.fused import FrameField
from im4d_core.opened_run import open_run
from im4d_core.render.fused import FusedRenderer
from im4d_core.scene_renderer import SceneRenderer
from viewer.messages import DisplayBuffer, Failed, Message, Opened
from viewer.request import RenderRequest
from viewer.worker import RenderWorker

WAIT_S = 20.0


# ---- kernels ------------------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def old_gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A GPU of a generation that the compiler has given up."""
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (6, 0))
    monkeypatch.setattr(nvrtc, "_folder", lambda: tmp_path / "kernels")


@pytest.mark.usefixtures("old_gpu")
def test_an_unsupported_architecture_is_a_reason_and_no_error() -> None:
    reason = nvrtc.problem.__wrapped__(0)
    assert reason is not None and "cannot be compiled for sm_60" in reason and "\n" not in reason


@pytest.mark.usefixtures("old_gpu")
@pytest.mark.parametrize("missing", ["cuda.bindings.nvrtc", "cuda.core", "cuda.bindings.driver"])
def test_a_missing_compiler_or_driver_is_a_reason_and_no_error(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    nvrtc._compiler.cache_clear()
    parent, _, name = missing.rpartition(".")
    monkeypatch.setitem(sys.modules, missing, None)
    monkeypatch.delattr(sys.modules[parent], name, raising=False)
    reason = nvrtc.problem.__wrapped__(0)
    assert reason is not None and missing.split(".")[-1] in reason and "\n" not in reason


# ---- memory of the GPU --------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def renderer(tmp_path: Path) -> Iterator[SceneRenderer]:
    made = open_run(write_untrained_run(tmp_path), device="cpu")
    yield made
    made.close()


def test_where_density_cannot_be_baked_it_is_evaluated_and_this_is_said_once(renderer: SceneRenderer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernels are stood in for: they say what they were asked for."""
    asked: list[bool] = []

    def frame(self: FusedRenderer, occupancy: Any, at: float, refine: Any) -> FrameField:
        asked.append(refine is not None)
        if refine is not None:
            raise torch.OutOfMemoryError("no memory for bricks")
        low, high = occupancy.box.numpy()
        return FrameField(low=low, high=high, cells=tuple(occupancy.occupied.shape), distance=occupancy.distance, lines=())

    monkeypatch.setattr(FusedRenderer, "frame", frame)
    renderer.bake_occupancy()
    kernels = KernelPictures(FusedRenderer.__new__(FusedRenderer), renderer.config, renderer._kept, renderer._bake_no_more)
    for number in (0, 1):
        field = kernels.field(number, renderer.occupancy(number), renderer.config.fast, baked=renderer._bakes("fast"))
        assert field.bricks is None
    assert asked == [True, False, False], "it is tried once, not for every frame"
    assert [text.count("bake density") for text in renderer.fallbacks] == [1]


def test_a_cache_that_shrinks_drops_what_is_too_much() -> None:
    cache: ByteCache[int, int] = ByteCache(100, lambda size: size, lambda key: key)
    for key in range(4):
        cache.put(key, 25)
    cache.shrink(2)
    assert list(cache) == [2, 3] and cache.bytes == 50
    cache.put(4, 25)
    assert list(cache) == [3, 4]


def test_caches_of_a_small_gpu_are_small() -> None:
    usual = 2 << 30
    assert fitting_share(80 << 30, usual) == 1.0
    small = fitting_share(4 << 30, usual)
    assert 0.0 < small < 1.0
    assert small == pytest.approx(2 * fitting_share(2 << 30, usual))


def test_less_is_kept_once_and_pictures_stay_the_same(renderer: SceneRenderer) -> None:
    renderer.bake_occupancy()
    camera = resized(renderer.scene.cameras[5], 20, 15)
    before = renderer.render(camera, 1, "fast")
    assert renderer.keep_less() and not renderer.keep_less()
    assert renderer.memory()["features"] == 0
    after = renderer.render(camera, 1, "fast")
    assert before is not None and after is not None and torch.equal(before.rgb, after.rgb)


def test_frames_larger_than_the_memory_for_them_are_shown_and_said(renderer: SceneRenderer, tmp_path: Path) -> None:
    write_capture(tmp_path / "larger")
    scene = open_scene(DataConfig(path=str(tmp_path / "larger")))
    camera = scene.cameras[0]
    with FrameLoader(scene, DataConfig(path=str(tmp_path / "larger")), byte_budget=4 * camera.width * camera.height) as small:
        assert small.holds((0,)) == 1 and small.holds((0, 1)) == 0
        assert [view.view for view in small.get(scene.frames[0], (0, 1))] == [0, 1]
        renderer.loader.close()
        renderer.loader = small
        renderer.prefetch(scene.frames[1:2], (0, 1))
        renderer.prefetch(scene.frames[1:2], (0, 1))
        assert ["not ahead" in text for text in renderer.fallbacks] == [True]


# ---- from the GPU to the CPU, told in the window ------------------------------------------------------------------------------------------------


class Desk:
    """A render thread whose renderers fail as they are told while they are on a GPU."""

    def __init__(self, *, rendering: Exception | None = None, opening: Exception | None = None) -> None:
        self.opened: list[str] = []
        self.said: list[Message] = []
        self.made: list[StandIn] = []
        self._rendering, self._opening = rendering, opening
        self.worker = RenderWorker(opener=self._open, device="cuda", display="", display_device="", shares_memory=False, wake=lambda: None)
        self.worker.start()
        self.worker.open(Path("somewhere"))

    def _open(self, source: Path, device: str) -> SceneRenderer:
        self.opened.append(device)
        if device != "cpu" and self._opening is not None:
            raise self._opening
        self.made.append(StandIn())
        if device != "cpu":
            self.made[-1].failure = self._rendering
        return as_renderer(self.made[-1])

    def wait(self, kind: type, count: int = 1) -> list[Any]:
        deadline = time.monotonic() + WAIT_S
        while len(found := [message for message in self.said if isinstance(message, kind)]) < count:
            assert time.monotonic() < deadline, f"waited in vain; the worker said {self.said}"
            self.said += self.worker.take()
            time.sleep(0.01)
        return found

    def request(self) -> RenderRequest:
        camera = resized(self.made[-1].scene.cameras[0], 32, 24)
        return RenderRequest(camera=camera, frame=10, mode="fast", output="colour", background=(0.0, 0.0, 0.0), moving=False, scale=1.0)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("tried to allocate"), RuntimeError("CUDA error: unspecified launch failure")])
def test_a_gpu_that_can_do_no_more_is_left_for_the_cpu(error: Exception) -> None:
    desk = Desk(rendering=error)
    try:
        desk.wait(Opened)
        desk.worker.submit(desk.request())
        desk.wait(Opened, 2)  # the window asks for its picture again
        desk.worker.submit(desk.request())
        assert desk.wait(DisplayBuffer)
        warned = [failed for failed in desk.wait(Failed) if "the CPU renders from now on" in failed.text]
        assert desk.opened == ["cuda", "cpu"]
        assert len(warned) == 1 and warned[0].level == "warning"
        assert not any(failed.level == "error" for failed in desk.wait(Failed))
        assert desk.made[0].closed
    finally:
        assert desk.worker.stop()


def test_a_model_that_does_not_fit_on_the_gpu_opens_on_the_cpu() -> None:
    desk = Desk(opening=torch.OutOfMemoryError("tried to allocate"))
    try:
        desk.wait(Opened)
        assert desk.opened == ["cuda", "cpu"]
        assert ["the CPU renders" in failed.text for failed in desk.wait(Failed)] == [True]
    finally:
        assert desk.worker.stop()


def test_what_is_slower_is_told_once_for_a_scene() -> None:
    desk = Desk()
    try:
        desk.wait(Opened)
        desk.made[0].fallbacks.append("not enough memory to bake density")
        for mode in ("fast", "full", "fast"):
            desk.worker.submit(replace(desk.request(), mode=mode))
            deadline = time.monotonic() + WAIT_S
            while desk.worker.busy and time.monotonic() < deadline:
                time.sleep(0.01)
        assert [failed.text for failed in desk.wait(Failed)] == ["not enough memory to bake density"]
    finally:
        assert desk.worker.stop()


# ---- from sharing to uploading ------------------------------------------------------------------------------------------------------------------


def test_where_sharing_fails_pictures_are_uploaded_and_this_is_said_once(drive, monkeypatch: pytest.MonkeyPatch) -> None:
    """The picture area is made to refuse what lies in CUDA memory, which a tensor of the CPU stands in for."""
    from viewer import pictures
    from viewer.interop import DevicePixels
    from viewer.pixel_texture import PixelTexture

    update, handed_over, refused = PixelTexture.update, pictures.handed_over, threading.Event()

    def refusing(self: PixelTexture, pixels: Any) -> None:
        if not isinstance(pixels, np.ndarray):
            refused.set()
            raise RuntimeError("CUDA error 999 cudaErrorUnknown")
        update(self, pixels)

    def shared(rgba: torch.Tensor, shares_memory: bool) -> Any:
        if refused.is_set():
            return handed_over(rgba, shares_memory)
        return DevicePixels(owner=(rgba, None), address=rgba.data_ptr(), width=rgba.shape[1], height=rgba.shape[0], event=0)

    monkeypatch.setattr(PixelTexture, "update", refusing)
    monkeypatch.setattr(pictures, "handed_over", shared)
    monkeypatch.setattr("viewer.sharing.open_interop", lambda wanted: (None, ""))  # it worked at the start

    def script(d) -> None:
        d.until(lambda: isinstance(d.shown.pixels, np.ndarray) and d.shown.final)
        assert refused.is_set()
        assert "go through host memory" in d.notices() and "cudaErrorUnknown" in d.notices()
        assert d.notices().count("host memory") == 1
        assert d.session._problems._newest is None

    drive().run(script)


def test_the_switch_in_the_window_changes_the_way_of_the_next_pictures(drive, monkeypatch: pytest.MonkeyPatch) -> None:
    """The picture comes in the memory that the switch says; the GPU is stood in for."""
    from driver import tidy

    from viewer import pictures

    handed_over, shared = pictures.handed_over, []

    def watched(values: torch.Tensor, shares_memory: bool) -> Any:
        shared.append(shares_memory)
        return handed_over(values, shares_memory)

    monkeypatch.setattr(pictures, "handed_over", watched)
    monkeypatch.setattr("viewer.sharing.open_interop", lambda wanted: (None, ""))  # it works

    def script(d) -> None:
        d.until(lambda: d.shown.final and not d.session.busy)
        assert set(shared) == {True} and d.session._stats.present == "interop"
        tidy(d, "Display")
        for on, present in ((False, "upload"), (True, "interop")):
            d.click("shows pictures without a copy##interop")
            d.until(lambda present=present: d.session._stats.present == present)
            d.until(lambda: not d.session.busy)
            shared.clear()
            d.drag_picture(40.0, 0.0)
            d.until(lambda: d.shown.final and not d.session.busy)
            assert set(shared) == {on} and d.state.preferences.interop == on

    drive().run(script)


def test_a_gpu_that_does_not_draw_the_window_is_said_once(drive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("viewer.sharing.open_interop", lambda wanted: (None, "OpenGL and CUDA do not share a device"))
    monkeypatch.setattr("viewer.facts._device_name", lambda device: "cuda:0 NVIDIA Something")

    def script(d) -> None:
        d.until(lambda: "do not share a device" in d.notices())
        d.ctx.yield_(20)
        assert d.notices().count("do not share a device") == 1

    drive().run(script)
