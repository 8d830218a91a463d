"""How close the pictures of each way come to those of the full renderer, to exact ones by PyTorch under the same rules, and to what was captured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from rich.progress import track
from torch import Tensor

from benchmarks.table import Cell
from benchmarks.variants import Variant
from im4d_core.geometry import projected_box, resized
from im4d_core.metrics import psnr
from im4d_core.scene_renderer import SceneRenderer
from im4d_core.types import Camera

EMPTY: dict[str, Cell] = dict.fromkeys(("dB to full", "dB to exact", "dB to capture"))


def agreement(variants: Sequence[Variant], pairs: Sequence[tuple[int, int]], scale: float) -> dict[str, dict[str, Cell]]:
    """Mean PSNR inside the projected box, by variant.

    Args:
        variants: the full one first; of each set of rules the one by PyTorch before the others.
        pairs: frames and views. A view is not coloured from its own picture.
        scale: of the pictures over the captured ones.
    """
    found: dict[str, dict[str, list[float]]] = {variant.name: {key: [] for key in EMPTY} for variant in variants}
    first = variants[0].renderer
    for frame, view in track(pairs, description="compare"):
        whole = first.scene.cameras[view]
        camera = resized(whole, max(round(scale * whole.width), 1), max(round(scale * whole.height), 1))
        mask = torch.from_numpy(projected_box(camera, first.scene.box(frame), first.config.method.pixel_offset))
        captured, full = _captured(first, camera, frame, view), None
        exact: dict[str, Tensor] = {}
        for variant in variants:
            if variant.problem:
                continue
            picture = variant.picture(camera, frame, variant.rules.views(camera, view))
            values = found[variant.name]
            if full is None:
                full = picture
            else:
                values["dB to full"].append(psnr(picture, full, mask))
            if variant.mode != "full" and variant.rules.prefix in exact:
                values["dB to exact"].append(psnr(picture, exact[variant.rules.prefix], mask))
            elif variant.mode == "exact":
                exact[variant.rules.prefix] = picture
            if captured is not None:
                values["dB to capture"].append(psnr(picture, captured, mask))
    return {name: {key: float(np.mean(values)) if values else None for key, values in of.items()} for name, of in found.items()}


def _captured(renderer: SceneRenderer, camera: Camera, frame: int, view: int) -> Tensor | None:
    """The picture that was taken, at the size of a camera; None where the scene has none."""
    try:
        image = renderer.loader.get(frame, [view])[0].image.float() / 255.0
    except FileNotFoundError:
        return None
    if image.shape[:2] == (camera.height, camera.width):
        return image
    return F.interpolate(image.permute(2, 0, 1)[None], size=(camera.height, camera.width), mode="area")[0].permute(1, 2, 0)
