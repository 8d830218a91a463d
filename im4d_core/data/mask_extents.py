"""How large the subject appears at most: the window of a picture that the image network has to see."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from im4d_core.data.mask_sampler import MaskSampler
from im4d_core.types import Scene

_MULTIPLE = 32  # the network halves a picture twice, and tensor cores like round sizes


def subject_window(scene: Scene, views: Sequence[int]) -> tuple[int, int]:
    """Width and height in pixels that hold the mask of every picture of some views, with a pixel around it; (0, 0) where all masks are empty."""

    def extent(view: int) -> tuple[int, int]:
        sampler, camera = MaskSampler(scene, view), scene.cameras[view]
        width = height = 0
        for frame in scene.frames:
            mask = sampler.read(frame)
            columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
            if len(columns):
                width, height = max(width, int(columns[-1] - columns[0]) + 1), max(height, int(rows[-1] - rows[0]) + 1)
        scale = camera.width / sampler.camera.width, camera.height / sampler.camera.height
        return (math.ceil((width + 1) * scale[0]), math.ceil((height + 1) * scale[1])) if width else (0, 0)  # 1: the mask ends before the next sample

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        extents = list(pool.map(extent, views))
    width, height = (max(sizes) for sizes in zip(*extents, strict=True))
    return (_rounded(width), _rounded(height)) if width else (0, 0)


def _rounded(length: int) -> int:
    return -(-(length + 4) // _MULTIPLE) * _MULTIPLE  # 4: a pixel around it, and soft rims that count less than half
