"""Source views: which ones colour a target, how they are cropped, and what a point's pixel in them shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from im4d_core.config import ViewsConfig
from im4d_core.geometry import cropped, nearest_views
from im4d_core.tensors import Context, Features, SourceView
from im4d_core.types import Camera, Scene

_CROP_MULTIPLE = 64
"""Crops are grown to multiples of this, so that few different sizes occur and equal ones are encoded together."""
_CLEARLY = 1.15
"""A view is replaced by one that is nearer by this factor. Wide enough that a hand on the mouse does not cross it back and forth, narrow enough that
colour never comes from a view that is much worse than the best."""


def candidates(scene: Scene, centre: Float[np.ndarray, "3"], config: ViewsConfig, target: int | None = None) -> tuple[int, ...]:
    """Source views by distance, nearest first, without the target itself.

    Raises:
        ValueError: the scene has fewer than two source views to choose from.
    """
    ranked = nearest_views(scene.cameras, np.asarray(centre, np.float64), scene.source_views)
    # the release drops rank 0 always, which is right only where the target is in the pool
    ranked = ranked[1:] if config.skip_nearest else tuple(view for view in ranked if view != target)
    if not ranked:
        raise ValueError(f"{scene.name}: no source view is left to colour from; the scene has {len(scene.source_views)} source views, at least 2 are needed")
    return ranked


def choose_views(scene: Scene, camera: Camera, config: ViewsConfig, target: int | None = None, previous: Sequence[int] = ()) -> tuple[int, ...]:
    """The views that colour a picture at test time: the nearest ones.

    Args:
        target: the camera's own view where it has one that must not be used.
        previous: views that coloured the picture before, for a camera that moves: each keeps its place until another view is clearly nearer, so
            that a camera on a border between two does not flicker. Empty where a picture must depend on nothing but its camera.
    """
    ranked = candidates(scene, camera.centre, config, target)
    if not previous:
        return ranked[: config.count]
    distance = {view: float(np.linalg.norm(scene.cameras[view].centre - camera.centre)) for view in ranked}
    chosen = [view for view in dict.fromkeys(previous) if view in distance][: config.count]
    others = [view for view in ranked if view not in chosen]
    missing = min(config.count - len(chosen), len(others))
    chosen, others = chosen + others[:missing], others[missing:]
    for newcomer in others:  # nearest first: once one is not clearly nearer than all that are in use, none behind it is
        farthest = max(chosen, key=distance.__getitem__)
        if distance[newcomer] * _CLEARLY >= distance[farthest]:
            break
        chosen[chosen.index(farthest)] = newcomer
    return tuple(chosen)


def draw_views(scene: Scene, view: int, count: int, config: ViewsConfig, random: np.random.Generator) -> tuple[int, ...]:
    """The views that colour one training picture: `count` drawn from its nearest, now and then with the picture itself among them.

    Every picture of a scene gets equally many, fewer than `count` where the scene has no more.

    Source: Im4D's training script; the pool is the nearest (count + extra) views.
    """
    count = min(count, len(scene.source_views) - 1)  # what every target of a small rig has
    pool = list(candidates(scene, scene.cameras[view].centre, config, view)[: count + config.train_pool_extra])
    if view in scene.source_views and random.random() < config.self_probability:
        pool.insert(0, view)
    chosen = random.choice(len(pool), size=count, replace=False)
    return tuple(pool[i] for i in chosen)


def cropped_to_mask(source: SourceView, window: tuple[int, int] = (0, 0)) -> SourceView:
    """The part of a source view that its mask covers, grown where the picture allows.

    Args:
        window: width and height to grow to; (0, 0) for the next multiples of 64.
    """
    if source.cropped:
        return source
    if source.covered is None and window == (0, 0):
        return replace(source, cropped=True)
    rows, columns = source.covered or (_middle(source.camera.height), _middle(source.camera.width))  # any part will do
    x, width = _grown(columns, source.camera.width, window[0])
    y, height = _grown(rows, source.camera.height, window[1])
    return _cut(source, x, y, width, height)


def cropped_to_full_cover(source: SourceView) -> SourceView:
    """The release's crop: the part around the pixels that the mask covers fully."""
    if source.cropped:
        return source
    if source.fully_covered is None:
        return replace(source, cropped=True)
    rows, columns = source.fully_covered
    return _cut(source, columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start)


def _middle(length: int) -> slice:
    return slice(length // 2, length // 2 + 1)


def _grown(part: slice, limit: int, wanted: int) -> tuple[int, int]:
    """An interval inside [0, limit): as long as wanted, or, where that is 0 or too little, one pixel wider on both sides and then to a multiple of 64."""
    start, stop = part.start, part.stop
    least = stop - start + 2
    length = min(wanted if wanted >= least else -(-least // _CROP_MULTIPLE) * _CROP_MULTIPLE, limit)
    return max(0, min(start - (length - (stop - start)) // 2, limit - length)), length


def _cut(source: SourceView, x: int, y: int, width: int, height: int) -> SourceView:
    return replace(
        source,
        camera=cropped(source.camera, x, y, width, height),
        image=source.image[y : y + height, x : x + width],
        mask=source.mask[y : y + height, x : x + width],
        cropped=True,
    )


def on_common_canvas(sources: Sequence[SourceView], background: int = 0) -> list[SourceView]:
    """The release's canvas: each picture cut to the pixels its mask covers fully, centred on one canvas for all."""
    cut = [cropped_to_full_cover(source) for source in sources]
    width, height = (max(size) // 8 * 8 + 8 for size in zip(*((s.camera.width, s.camera.height) for s in cut), strict=True))
    placed = []
    for source in cut:
        left, top = (width - source.camera.width) // 2, (height - source.camera.height) // 2
        part = slice(top, top + source.camera.height), slice(left, left + source.camera.width)
        image, mask = source.image.new_full((height, width, 3), background), source.mask.new_zeros(height, width)
        image[part], mask[part] = source.image, source.mask
        placed.append(replace(source, camera=cropped(source.camera, -left, -top, width, height), image=image, mask=mask))
    return placed


def stack_context(targets: Sequence[Sequence[Features]]) -> Context:
    """Features of each target's source views on one canvas. Every target must have the same number of views."""
    flat = [features for target in targets for features in target]
    height, width = max(f.texels.shape[1] for f in flat), max(f.texels.shape[2] for f in flat)
    shape = (len(targets), len(targets[0]))
    texels = torch.stack([F.pad(f.texels, (0, width - f.texels.shape[2], 0, height - f.texels.shape[1])) for f in flat])
    if not texels.requires_grad:  # a lookup then reads the channels of a texel together; the layout has no place in the shape
        texels = texels.contiguous(memory_format=torch.channels_last)
    sizes = torch.tensor([[f.texels.shape[2], f.texels.shape[1]] for f in flat]).to(texels.device, non_blocking=True)  # a plain copy would wait for the GPU
    return Context(
        texels=texels.reshape(*shape, *texels.shape[1:]),
        sizes=sizes.reshape(*shape, 2),
        K=torch.stack([f.K for f in flat]).reshape(*shape, 3, 3),
        T_camera_world=torch.stack([f.T_camera_world for f in flat]).reshape(*shape, 4, 4),
    )


def fetch(
    points: Float[Tensor, "target n 3"], directions: Float[Tensor, "target n 3"], context: Context, pixel_offset: float
) -> tuple[Float[Tensor, "target source n channels"], Float[Tensor, "target source n 4"], Bool[Tensor, "target source n"]]:
    """What the source views show at world points, how the directions differ, and whether each view sees the point.

    Source: Im4D section 3.2, after IBRNet: the last value of a direction is the cosine, the first three the normalised difference.
    """
    R, t = context.T_camera_world[..., :3, :3], context.T_camera_world[..., :3, 3]
    with torch.autocast(points.device.type, enabled=False):  # half a pixel is lost where float16 counts pixels
        in_camera = torch.einsum("bsij,bnj->bsni", R, points) + t.unsqueeze(2)
        in_image = torch.einsum("bsij,bsnj->bsni", context.K, in_camera)
        centre = -torch.einsum("bsji,bsj->bsi", R, t)
    depth = in_image[..., 2]
    size = context.sizes.unsqueeze(2)
    texel = in_image[..., :2] / depth.clamp(min=1e-6).unsqueeze(-1) - pixel_offset  # 1e-6: a point in the camera's plane has no pixel
    visible = ((texel >= -0.5) & (texel <= size - 0.5)).all(dim=-1) & (depth > 1e-6)
    texel = torch.minimum(texel.clamp(min=0.0), (size - 1).to(texel.dtype))
    height, width = context.texels.shape[-2:]
    # plain numbers, not a tensor of them: a training step must be free of copies from the host to be captured
    grid = torch.stack([texel[..., 0] * (2.0 / max(width - 1, 1)) - 1.0, texel[..., 1] * (2.0 / max(height - 1, 1)) - 1.0], dim=-1).flatten(0, 1).unsqueeze(1)
    flat = context.texels.flatten(0, 1)
    seen = F.grid_sample(flat, grid.to(flat.dtype), mode="bilinear", padding_mode="border", align_corners=True)
    seen = seen.squeeze(2).permute(0, 2, 1).unflatten(0, context.texels.shape[:2])

    to_target = -F.normalize(directions, dim=-1).unsqueeze(1)
    to_source = centre.unsqueeze(2) - points.unsqueeze(1)
    to_source = to_source / (to_source.norm(dim=-1, keepdim=True) + 1e-6)  # 1e-6, here and below: as in the release, where the two coincide
    difference = to_target - to_source
    difference = difference / (difference.norm(dim=-1, keepdim=True) + 1e-6)
    cosine = (to_target * to_source).sum(dim=-1, keepdim=True)
    return seen, torch.cat([difference, cosine], dim=-1), visible
