"""Comparing a run with pictures it has not seen: PSNR, SSIM and LPIPS inside the projected box, and a sheet of pictures to look at.

Protocol (the release's): only pixels whose ray hits the frame's box count; the truth is the picture times its mask on the background; SSIM and
LPIPS see the bounding rectangle of those pixels. SSIM is reported with a data range of 1, and of 2 as the release does.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from im4d_core.checkpoint import write_atomically
from im4d_core.geometry import projected_box
from im4d_core.metrics import Lpips, psnr, ssim
from im4d_core.scene_renderer import Mode, SceneRenderer

_SHEET_ROWS = 8
_SHEET_HEIGHT = 320
_ERROR_COLOURS = np.array([[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]], np.float32)
_ERROR_AT_TOP = 0.25  # of the range of colours; larger errors look the same


@dataclass(frozen=True, kw_only=True)
class Score:
    """How well one picture was rendered."""

    camera: str
    frame: int
    psnr: float
    ssim: float
    """Data range 1."""
    ssim_range2: float
    """Data range 2, as the release reports it."""
    lpips: float | None
    milliseconds: float
    """The whole picture, with what had to be read and encoded for it."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The scores of one renderer on a set of pictures."""

    mode: Mode
    device: str
    model: str
    scores: tuple[Score, ...]

    def mean(self) -> dict[str, float | None]:
        """Plain means over the pictures; of the time, the median."""
        lpips = [score.lpips for score in self.scores if score.lpips is not None]
        return {
            "psnr": float(np.mean([score.psnr for score in self.scores])),
            "ssim": float(np.mean([score.ssim for score in self.scores])),
            "ssim_range2": float(np.mean([score.ssim_range2 for score in self.scores])),
            "lpips": float(np.mean(lpips)) if lpips else None,
            "milliseconds_median": float(np.median([score.milliseconds for score in self.scores])),
        }


def evaluate(
    renderer: SceneRenderer,
    mode: Mode,
    *,
    frames: Sequence[int] = (),
    views: Sequence[int] = (),
    lpips: Lpips | None = None,
    sheet: Path | None = None,
    progress: Callable[[int, int], bool] | None = None,
) -> Evaluation | None:
    """Renders pictures of a capture's cameras and compares.

    Args:
        frames: all of the scene's when empty.
        views: the test views when empty. A view is never coloured from itself.
        sheet: a PNG of up to eight rows render | truth | error.
        progress: called with (pictures done, pictures); returns False to cancel.

    Returns:
        The scores, or None where it was cancelled.

    Raises:
        ValueError: the scene has no test views and none were named, or a box is outside a picture.
    """
    scene = renderer.scene
    frames, views = tuple(frames) or scene.frames, tuple(views) or scene.test_views
    if not views:
        raise ValueError(f"{scene.name}: has no test views; name cameras to evaluate on")
    pairs = [(frame, view) for view in views for frame in frames]
    in_sheet = {pairs[i] for i in np.linspace(0, len(pairs) - 1, min(_SHEET_ROWS, len(pairs))).round().astype(int)}
    rows, scores = [], []
    for frame, view in pairs:
        if progress is not None and not progress(len(scores), len(pairs)):
            return None
        score, render, truth = _scored(renderer, mode, frame, view, lpips)
        scores.append(score)
        if (frame, view) in in_sheet:
            rows.append(contact_row(render, truth))
    if progress is not None:
        progress(len(pairs), len(pairs))
    if sheet is not None:
        picture = contact_sheet(rows)
        write_atomically(sheet, lambda temporary: iio.imwrite(temporary, picture, extension=".png"))
    return Evaluation(mode=mode, device=_device_name(renderer.device), model=renderer.model_id, scores=tuple(scores))


def write_metrics(path: Path, evaluation: Evaluation) -> None:
    """Writes an evaluation as JSON under the name of its renderer; that of the other renderer stays.

    Raises:
        OSError: the file cannot be written.
    """
    try:
        content = json.loads(path.read_text()) if path.is_file() else {}
    except ValueError:
        content = {}  # half a file of ours is replaced by a whole one
    if not isinstance(content, dict):
        content = {}
    content[evaluation.mode] = {
        "protocol": "pixels whose ray hits the frame's box; truth = picture x mask on the background; SSIM and LPIPS on their bounding rectangle",
        "device": evaluation.device,
        "model": evaluation.model,
        "pictures": len(evaluation.scores),
        "mean": evaluation.mean(),
        "images": [asdict(score) for score in evaluation.scores],
    }
    text = json.dumps(_finite(content), indent=1, allow_nan=False) + "\n"

    def write(temporary: Path) -> None:
        temporary.write_text(text)

    write_atomically(path, write)


def contact_row(render: Float[Tensor, "h w 3"], truth: Float[Tensor, "h w 3"]) -> UInt8[np.ndarray, "_rows _columns 3"]:
    """Render | truth | error, side by side, shrunk to at most 320 pixels of height."""
    error = ((render - truth).abs().mean(dim=-1) / _ERROR_AT_TOP).clamp(0.0, 1.0).numpy()
    anchors = np.linspace(0.0, 1.0, len(_ERROR_COLOURS))
    heat = np.stack([np.interp(error, anchors, _ERROR_COLOURS[:, channel]) for channel in range(3)], axis=-1)
    row = torch.cat([render, truth, torch.from_numpy(heat).float() / 255.0], dim=1)
    factor = math.ceil(row.shape[0] / _SHEET_HEIGHT)
    if factor > 1:
        row = torch.nn.functional.avg_pool2d(row.permute(2, 0, 1)[None], factor)[0].permute(1, 2, 0)
    return (row * 255.0 + 0.5).byte().numpy()


def contact_sheet(rows: Sequence[UInt8[np.ndarray, "_rows _columns 3"]]) -> UInt8[np.ndarray, "h w 3"]:
    """Rows below each other; narrower ones are padded with black."""
    width = max(row.shape[1] for row in rows)
    return np.concatenate([np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0))) for row in rows])


def _scored(renderer: SceneRenderer, mode: Mode, frame: int, view: int, lpips: Lpips | None) -> tuple[Score, Float[Tensor, "h w 3"], Float[Tensor, "h w 3"]]:
    scene = renderer.scene
    camera = scene.cameras[view]
    inside = torch.from_numpy(projected_box(camera, scene.box(frame), renderer.config.method.pixel_offset))
    if not bool(inside.any()):
        raise ValueError(f"{scene.name}: the box of frame {frame} is outside the picture of camera '{camera.name}'; leave that camera out")
    rendered = renderer.render(camera, frame, mode, hidden=view)
    assert rendered is not None  # nobody cancels
    render = rendered.rgb.float().cpu()
    truth = renderer.loader.get(frame, [view])[0].image.float() / 255.0
    rows, columns = inside.any(dim=1).nonzero(), inside.any(dim=0).nonzero()
    rectangle = (slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1))
    score = Score(
        camera=camera.name,
        frame=frame,
        psnr=psnr(render, truth, inside),
        ssim=ssim(render[rectangle], truth[rectangle]),
        ssim_range2=ssim(render[rectangle], truth[rectangle], data_range=2.0),
        lpips=None if lpips is None else lpips(render[rectangle].to(renderer.device), truth[rectangle].to(renderer.device)),
        milliseconds=sum(rendered.milliseconds.values()),
    )
    return score, render, truth


def _finite(value: object) -> object:
    """JSON has no infinity: the PSNR of equal pictures becomes null."""
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
