"""Cropped pictures and moments between frames by the CUDA kernels: those that PyTorch makes. Without a GPU the kernels' twins stand in for them, which
proves all that lies around the kernels: grids, times, mixing, what is kept."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from captures import write_capture
from twin_kernels import TwinKernels

from im4d_core.config import DataConfig, FastConfig, FieldConfig, MethodConfig, OccupancyConfig, RunConfig, ViewsConfig
from im4d_core.data import open_scene
from im4d_core.data.decoding import Decoder
from im4d_core.data.frames import FrameLoader
from im4d_core.geometry import resized
from im4d_core.kernel_pictures import KernelPictures
from im4d_core.kernels.fused import FrameField
from im4d_core.methods.im4d import Im4D
from im4d_core.pixels import to_rgba8
from im4d_core.scene_renderer import SceneRenderer
from im4d_core.tensors import Rendered, SourceView
from im4d_core.types import RenderMode, TimeRange

_FIELD = FieldConfig(spatial=(16, 48), temporal=(3, 3), channels=8, width=32, depth=2, skip=False)


@dataclass(frozen=True)
class Pair:
    """Two renderers of one scene."""

    kernels: SceneRenderer
    torch: SceneRenderer

    def crop(self) -> np.ndarray:
        """A box that cuts through the matter of all frames."""
        low, high = self.torch.scene.box(0)
        return np.stack([low + [0.2, 0.1, 0.3] * (high - low), high - [0.1, 0.3, 0.2] * (high - low)])


@pytest.fixture(scope="module", params=["twins", pytest.param("cuda", marks=pytest.mark.gpu)])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    device = torch.device("cuda" if request.param == "cuda" else "cpu")
    folder = tmp_path_factory.mktemp(request.param)
    write_capture(folder / "capture")
    data = DataConfig(path=str(folder / "capture"), background=(0.2, 0.3, 0.1))
    scene = open_scene(data)
    x, y, z, *high = scene.bounds.reshape(-1).tolist()
    config = RunConfig(
        data=data,
        method=MethodConfig(field=_FIELD, proposal=_FIELD, bounds=(x, y, z, *high), times=TimeRange(first=0, last=2)),
        views=ViewsConfig(count=3),
        occupancy=OccupancyConfig(resolution=(24,), min_alpha=0.05, dilation=0),
        fast=FastConfig(steps=200, density="baked"),
    )
    method = _clouds(config).to(device)
    by_kernels, by_torch = (SceneRenderer(scene, method, FrameLoader(scene, data), config, device=device, cuda_kernels=kernels) for kernels in (True, False))
    if device.type == "cpu":
        by_kernels._kernels = KernelPictures(TwinKernels(method), config, by_kernels._kept, by_kernels._bake_no_more)
    else:
        assert by_kernels.kernel_problem is None
    for frame in scene.frames:
        grid = by_torch.baked(frame)
        assert 0.02 < float(grid.occupied.float().mean()) < 0.9  # neither empty nor full: both would prove little
        for renderer in (by_kernels, by_torch):
            renderer.use_occupancy(frame, grid)
    yield Pair(kernels=by_kernels, torch=by_torch)
    for renderer in (by_kernels, by_torch):
        renderer.close()


def _clouds(config: RunConfig) -> Im4D:
    """Untrained weights, scaled so that clouds with soft borders stand in the box and change from frame to frame."""
    torch.manual_seed(3)
    method = Im4D(config.method).eval()
    with torch.no_grad():
        for planes in (method.field.spatial[0], method.field.temporal[0]):
            planes.mul_(8.0)  # coarse shapes, fine detail
        raw = method.logit(torch.rand(1, 4096, 3) * 1.2 - 0.6, torch.tensor([0.5]))
        gain = 5.0 / float(raw.std())
        method.field.out.weight.mul_(gain)
        method.field.out.bias.copy_((method.field.out.bias - float(raw.mean())) * gain - 4.0)
    return method


def _picture(renderer: SceneRenderer, mode: RenderMode, *, onward: float = 0.0, crop: np.ndarray | None = None, frame: int = 0) -> Rendered:
    rendered = renderer.render(resized(renderer.scene.cameras[5], 96, 72), frame, mode, onward=onward, crop=crop)
    assert rendered is not None
    return rendered


def _psnr(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(-10 * torch.log10((a.double() - b.double()).square().mean() + 1e-12))


def test_a_frame_that_passes_by_is_not_baked_first(pair: Pair) -> None:
    """Scrubbing shows each frame once; whoever stays at one gets it baked, and a picture that nothing follows always is."""

    def made_by(frame: int, hurried: bool, renderer: SceneRenderer = pair.kernels) -> str:
        rendered = renderer.render(resized(renderer.scene.cameras[5], 96, 72), frame, "fast", hurried=hurried)
        assert rendered is not None
        return rendered.renderer.split(",")[0]

    pair.kernels._kept.clear()
    assert [made_by(0, True), made_by(1, True), made_by(0, True)] == ["exact"] * 3
    assert [made_by(0, True), made_by(1, True), made_by(0, True)] == ["baked", "exact", "baked"], "it was looked at again, and stays baked"
    assert made_by(2, False) == "baked"
    assert made_by(1, True, pair.torch) == "baked", "PyTorch takes longer for exact ones"


@pytest.mark.parametrize(
    ("mode", "cropped", "onward"), [("fast", True, 0.0), ("exact", True, 0.0), ("exact", False, 0.3), ("exact", True, 0.3), ("exact", True, 0.8)]
)
def test_kernels_make_the_pictures_of_pytorch(pair: Pair, mode: RenderMode, cropped: bool, onward: float) -> None:
    crop = pair.crop() if cropped else None
    found, expected = (_picture(renderer, mode, onward=onward, crop=crop) for renderer in (pair.kernels, pair.torch))
    made_by = {"fast": "baked", "exact": "exact"}[mode]
    assert (found.renderer, expected.renderer) == (f"{made_by}, CUDA kernels", f"{made_by}, PyTorch")
    assert _psnr(found.rgb, expected.rgb.clamp(0, 1)) > 50  # what is asked of the exact renderer on identical samples
    assert _psnr(found.opacity, expected.opacity) > 45  # a cloud's rim is steeper than its colour
    whole = _picture(pair.torch, mode)
    for other in (whole, *((_picture(pair.torch, mode, onward=onward),) if cropped else ())):
        assert _psnr(found.rgb, other.rgb) < 35 and _psnr(found.opacity, other.opacity) < 35, "the picture of a whole frame, or moment, would do"
    assert found.display is not None
    apart = (found.display.int() - to_rgba8(found.rgb).int()).abs()
    assert int(apart.max()) <= (1 if onward == 0.0 else 0)  # the kernel rounds once where PyTorch rounds twice; mixed pictures are PyTorch's


def test_between_frames_nothing_is_baked_or_kept(pair: Pair) -> None:
    exact = _picture(pair.kernels, "exact", onward=0.4)
    kept = list(pair.kernels._kept.fields)
    moments = [_picture(pair.kernels, "fast", onward=onward) for onward in (0.2, 0.4, 0.6)]
    assert list(pair.kernels._kept.fields) == kept
    assert torch.equal(moments[1].rgb, exact.rgb) and moments[1].renderer == "exact, CUDA kernels"


@pytest.mark.parametrize("mode", ["fast", "exact"])
def test_what_is_kept_of_a_frame_is_left_as_it_is(pair: Pair, mode: RenderMode) -> None:
    before = _picture(pair.kernels, mode)
    field = pair.kernels._kept.fields.get((0, mode == "fast"))
    part = _picture(pair.kernels, mode, crop=pair.crop())
    _picture(pair.kernels, mode, onward=0.5)
    assert pair.kernels._kept.fields.get((0, mode == "fast")) is field, "a crop box that is dragged must not bake"
    assert torch.equal(_picture(pair.kernels, mode).rgb, before.rgb)
    assert torch.equal(_picture(pair.kernels, mode, crop=pair.crop()).rgb, part.rgb)
    assert 0.0 < float(part.opacity.sum()) < 0.9 * float(before.opacity.sum())


def test_nothing_follows_the_last_frame(pair: Pair) -> None:
    last = pair.kernels.scene.frames[-1]
    assert torch.equal(_picture(pair.kernels, "fast", frame=last, onward=0.5).rgb, _picture(pair.kernels, "fast", frame=last).rgb)


def test_density_is_made_while_source_views_are_decoded(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    renderer, baked = pair.kernels, threading.Event()
    renderer.forget_frames()
    for frame in renderer.scene.frames:
        renderer.use_occupancy(frame, pair.torch.occupancy(frame))
    renderer.loader.close()
    monkeypatch.setattr(renderer, "loader", FrameLoader(renderer.scene, renderer.config.data))
    assert renderer._kernels is not None
    field, decode = renderer._kernels.field, Decoder.decode

    def noted(*arguments: Any, **named: Any) -> FrameField:
        made = field(*arguments, **named)
        baked.set()
        return made

    def waiting(decoder: Decoder, frame: int, view: int) -> SourceView:
        assert baked.wait(20.0), "decoding is waited for before density is made"
        return decode(decoder, frame, view)

    monkeypatch.setattr(renderer._kernels, "field", noted)
    monkeypatch.setattr(Decoder, "decode", waiting)
    assert _picture(renderer, "fast", frame=2).renderer == "baked, CUDA kernels"
