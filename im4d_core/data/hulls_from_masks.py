"""The visual hulls of a capture's frames, from the masks of its cameras."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from jaxtyping import Bool, UInt8

from im4d_core.data.hull import visual_hull
from im4d_core.data.mask_sampler import MaskSampler
from im4d_core.geometry import box_union
from im4d_core.hulls import Hulls, hulls_of, packed
from im4d_core.types import Scene

_log = logging.getLogger(__name__)

_CELLS = 128
"""Cells along the longest side of a frame's box: an eighth of the occupancy's, enough to leave nine tenths of a body's box out."""
_MOST_CELLS = 384  # along the longest side of all frames' boxes together, where the subject walks far


def hulls_from_masks(scene: Scene, views: Sequence[int], progress: Callable[[int, int], bool] | None = None) -> Hulls:
    """What the masks of each frame allow: masks a pixel wider, then hulls a cell wider on every side.

    An empty mask says nothing while others show something: its camera may have missed the subject. Where the others leave no place for what they show,
    nothing is ruled out, and a warning says so.

    Args:
        scene: with masks.
        views: whose masks count.
        progress: called with (frames done, frames).
    """
    box = box_union(scene.boxes)  # no ray goes farther
    side = float(np.median((scene.boxes[:, 1] - scene.boxes[:, 0]).max(axis=1)))
    resolution = min(round(_CELLS * float((box[1] - box[0]).max()) / side), _MOST_CELLS)
    samplers = [MaskSampler(scene, view) for view in views]

    def cells(frame: int) -> UInt8[np.ndarray, "x y bytes"]:
        masks = [_widened(sampler.read(frame)) for sampler in samplers]  # a pixel whose middle misses the subject may show some of it
        showing = [i for i, mask in enumerate(masks) if mask.any()] or range(len(masks))
        cameras, masks = [samplers[i].camera for i in showing], [masks[i] for i in showing]
        occupied = visual_hull(cameras, masks, box, resolution=resolution, outer=True).occupied
        if not occupied.any() and masks[0].any():
            _log.warning("%s: the masks of frame %d have no common part in its box; all of the box is evaluated", scene.root, frame)
            occupied = np.ones_like(occupied)
        return packed(_widened(occupied))

    found = []
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for bits in pool.map(cells, scene.frames):
            found.append(bits)
            if progress is not None:
                progress(len(found), len(scene.frames))
    return hulls_of(scene.frames, found, box)


def _widened(inside: Bool[np.ndarray, "*axes"]) -> Bool[np.ndarray, "*axes"]:
    """With the neighbours along each axis, corner by corner."""
    for axis in range(inside.ndim):
        padded = np.pad(inside, [(1, 1) if i == axis else (0, 0) for i in range(inside.ndim)])
        before, after = (np.take(padded, np.arange(start, start + inside.shape[axis]), axis=axis) for start in (0, 2))
        inside = inside | before | after
    return inside
