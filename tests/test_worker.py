"""The render thread: the newest request wins, failures are told and survived, the device is chosen."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch
from desk import WAIT_S, Desk
from stand_in import StandIn, as_renderer

from im4d_core import devices
from im4d_core.scene_renderer import SceneRenderer
from viewer.messages import Facts, Failed, Opened
from viewer.worker import RenderWorker


def test_a_picture_carries_what_it_shows(desk: Desk) -> None:
    asked = desk.request(index=3)
    desk.worker.submit(asked, coming=(14, 15))
    desk.wait(lambda: desk.pictures() and desk.renderer.prefetched)
    shown = desk.pictures()[-1]
    assert shown.request == asked
    assert shown.final
    assert shown.host_pixels().shape == (24, 32, 4)
    assert shown.host_pixels()[..., 3].min() == 255
    assert shown.source_views == (1, 2)
    assert shown.render_ms > 0
    assert desk.renderer.prefetched == (14, 15)
    assert desk.renderer.expected == (asked.frame, 14, 15)
    desk.wait(lambda: desk.renderer.made_ready == [14, 15])  # and what their pictures need is made while nothing else is wanted
    facts = desk.of(Facts)[0]
    assert facts.occupied == (True,) * 8
    assert facts.decoded == (False,) * 8
    assert facts.device.startswith("cpu")


def test_what_is_told_of_the_caches_is_true_at_rest(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures may follow each other sooner than facts are told, and decoders go on when the last one is there."""
    asked: list[int] = []

    def decoded() -> frozenset[int]:
        asked.append(10 + len(asked))
        return frozenset(asked[:2])

    monkeypatch.setattr(desk.renderer, "decoded_frames", decoded)
    for index in (0, 1):
        desk.worker.submit(desk.request(index=index))
        desk.wait(lambda count=index: len(desk.pictures()) > count)
    desk.wait(lambda: desk.of(Facts)[-1].cached == ((True,) * 8, (True, True, *(False,) * 6), (True, True, *(False,) * 6)))
    desk.wait(lambda: desk.of(Facts)[-2].cached == desk.of(Facts)[-1].cached)
    told = len(desk.of(Facts))
    time.sleep(2.5)  # twice as long as facts are apart, and more
    desk.wait(lambda: True)
    assert len(desk.of(Facts)) == told, "at rest nothing is told again and again"


@pytest.mark.parametrize("desk", [{"delay_s": 20.0}], indirect=True)
def test_the_first_draft_is_told_of_while_the_picture_is_made(desk: Desk) -> None:
    """Else the window tells for half a minute that nothing is cached of the frame it shows."""
    desk.worker.submit(desk.request(mode="full", width=240))
    desk.wait(lambda: desk.of(Facts) and desk.of(Facts)[-1].ready[0])
    assert desk.worker.busy and not any(picture.final for picture in desk.pictures())


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


def test_what_cannot_be_opened_leaves_the_open_scene(desk: Desk) -> None:
    desk.worker.open(Path("broken"))
    desk.wait(lambda: desk.of(Failed))
    assert (desk.of(Failed)[0].during, desk.of(Failed)[0].source) == ("opening", Path("broken"))
    assert "unknown key 'speed'" in desk.of(Failed)[0].text
    desk.worker.submit(desk.request())
    desk.wait(lambda: desk.pictures())


def test_the_log_tells_what_cannot_be_opened_in_a_line(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """The traceback is in the window's details, and in the log of who asked for everything."""
    with caplog.at_level("DEBUG", logger="viewer.worker"):
        desk.worker.open(Path("broken"))
        desk.wait(lambda: desk.of(Failed))
    told = [record for record in caplog.records if record.levelname == "WARNING"]
    assert [record.exc_info for record in told] == [None] and "unknown key 'speed'" in told[0].message
    assert any(record.exc_info for record in caplog.records if record.levelname == "DEBUG")


def test_importing_the_worker_imports_no_torch() -> None:
    import subprocess
    import sys

    code = "import sys, viewer.worker, viewer.jobs, viewer.settings; sys.exit(any(name in sys.modules for name in ('torch', 'imgui_bundle', 'OpenGL')))"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent.parent)


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
