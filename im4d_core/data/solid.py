"""The figure as a signed distance field on a device: distances, surface attributes, and a coarse copy for soft light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from im4d_core.data.figure import BONES, GROUPS, PARTS, Part, pose
from im4d_core.geometry import box_union

_CPU_CHUNK = 4096
"""Points evaluated at once on a CPU: the intermediate values of all parts stay in the cache."""
_GPU_CHUNK = 1 << 19
_EXPONENT_FLOOR = -80.0
"""exp(-80) is the last decade before float32 denormals, which are slow."""


@dataclass(frozen=True, kw_only=True)
class Surface:
    """What shading needs to know of points on the figure."""

    group: Int[Tensor, "n"]
    normal: Float[Tensor, "3 n"]
    rest: Float[Tensor, "3 n"]
    """The points carried back to the rest pose: where textures live."""
    turn: Float[Tensor, "3 3 n"]
    """World → rest rotation (blended) at each point."""


def _part_axes(part: Part) -> Float64[np.ndarray, "3 3"]:
    """Rows: the part's side, front and axis at rest."""
    axis = np.subtract(part.end, part.start)
    length = float(np.linalg.norm(axis))
    if length < 1e-9:
        return np.eye(3)
    axis = axis / length
    if abs(axis[0]) < 0.9:
        side = np.array([1.0, 0.0, 0.0]) - axis[0] * axis
        side /= np.linalg.norm(side)
        return np.stack([side, np.cross(axis, side), axis])
    front = np.array([0.0, 1.0, 0.0]) - axis[1] * axis
    front /= np.linalg.norm(front)
    return np.stack([np.cross(front, axis), front, axis])


def _ordered(parts: tuple[Part, ...]) -> list[Part]:
    """Stretched, stretched and cut, cut, plain: both properties become contiguous ranges."""

    def rank(part: Part) -> int:
        stretched, cut = part.stretch != (1.0, 1.0, 1.0), part.cut is not None
        return (1 if cut else 0) if stretched else (2 if cut else 3)

    return sorted(parts, key=rank)


_ORDERED = _ordered(PARTS)
_N_STRETCHED = sum(part.stretch != (1.0, 1.0, 1.0) for part in _ORDERED)
_CUT = [i for i, part in enumerate(_ORDERED) if part.cut is not None]
_CUTS = slice(_CUT[0], _CUT[-1] + 1)


class Solid:
    """The figure at one time."""

    def __init__(self, time: float, *, device: torch.device) -> None:
        self.device = device
        motions = pose(time)[[BONES.index(part.bone) for part in _ORDERED]]
        axes = np.stack([_part_axes(part) for part in _ORDERED])
        stretch = np.array([part.stretch for part in _ORDERED])
        starts = np.array([part.start for part in _ORDERED])
        lengths = np.array([float(np.linalg.norm(np.subtract(part.end, part.start))) for part in _ORDERED]) / stretch[:, 2]
        radii = np.array([part.radii for part in _ORDERED])
        group_names = list(GROUPS)
        self.part_boxes = _part_boxes(motions, axes, stretch, starts, lengths, radii)
        """A box around each part."""
        self.bounds = box_union(self.part_boxes)

        to_rest = motions[:, :3, :3].transpose(0, 2, 1)
        to_part = axes / stretch[:, :, None] @ to_rest
        centres = np.einsum("pij,pj->pi", motions[:, :3, :3], starts) + motions[:, :3, 3]
        offset = -np.einsum("pij,pj->pi", to_part, centres)
        sine = np.divide(radii[:, 0] - radii[:, 1], lengths, out=np.zeros_like(lengths), where=lengths > 1e-9)
        if np.abs(sine).max() >= 1.0:
            raise AssertionError(f"a part's small end lies inside its large one: {_ORDERED[int(np.abs(sine).argmax())]}")
        blend = np.array([GROUPS[part.group].blend for part in _ORDERED])

        def column(values: np.ndarray) -> Tensor:
            return torch.as_tensor(values, dtype=torch.float32, device=device)[:, None]

        self._to_part = torch.as_tensor(to_part.transpose(1, 0, 2).reshape(-1, 3), dtype=torch.float32, device=device)
        self._offset = column(offset.T.reshape(-1))
        self._tangent = column(sine / np.sqrt(1 - sine**2))
        self._length, self._radius, self._slope = column(lengths), column(radii[:, 0]), column(-sine)
        self._inverse_stretch = torch.as_tensor(1 / stretch.T[:, :, None], dtype=torch.float32, device=device)
        self._inverse_blend = column(1 / blend)
        cuts = np.array([part.cut for part in _ORDERED[_CUTS]])
        self._cut_middle, self._cut_half = column(cuts.mean(axis=1)), column((cuts[:, 1] - cuts[:, 0]) / 2)
        part_groups = [group_names.index(part.group) for part in _ORDERED]
        self._part_group = torch.tensor(part_groups, device=device)
        self._membership = torch.nn.functional.one_hot(self._part_group, len(group_names)).T.float().contiguous()
        self._group_blend = column(np.array([group.blend for group in GROUPS.values()]))
        rest = np.concatenate([to_rest, (-np.einsum("pij,pj->pi", to_rest, motions[:, :3, 3]))[:, :, None]], axis=2)
        self._rest = torch.as_tensor(rest.reshape(-1, 12).T, dtype=torch.float32, device=device).contiguous()
        self._chunk = _CPU_CHUNK if device.type == "cpu" else _GPU_CHUNK

    def distance(self, points: Float[Tensor, "3 n"]) -> Float[Tensor, "n"]:
        """Approximate signed distance in metres; never much more than the true one outside."""
        if points.shape[1] <= self._chunk:
            return self._distance(points)
        return torch.cat([self._distance(chunk) for chunk in points.split(self._chunk, dim=1)])

    def surface(self, points: Float[Tensor, "3 n"]) -> Surface:
        """Attributes of points on (or near) the surface."""
        pieces = [self._surface(chunk) for chunk in points.split(self._chunk, dim=1)]
        return Surface(
            group=torch.cat([piece.group for piece in pieces]),
            normal=torch.cat([piece.normal for piece in pieces], dim=-1),
            rest=torch.cat([piece.rest for piece in pieces], dim=-1),
            turn=torch.cat([piece.turn for piece in pieces], dim=-1),
        )

    def _parts(self, points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Distance to each part uncut; in part space the vector from the axis to the point; and the distance to the cuts of those that have them."""
        local = torch.addmm(self._offset, self._to_part, points).view(3, -1, points.shape[1])
        x, y, z = local
        square = x * x
        square.addcmul_(y, y)
        centre = torch.sqrt(square).mul_(self._tangent).neg_().add_(z)
        centre = torch.minimum(centre.clamp_(min=0.0), self._length)
        cut = (z[_CUTS] - self._cut_middle).abs_().sub_(self._cut_half)
        z.sub_(centre)
        length = square.addcmul_(z, z).sqrt_()
        distance = length - self._radius
        distance.addcmul_(self._slope, centre, value=-1.0)
        n = _N_STRETCHED
        bent = (local[:, :n] * self._inverse_stretch[:, :n]).square_().sum(dim=0).sqrt_()
        distance[:n].mul_(length[:n]).div_(bent.clamp_(min=1e-6))  # first-order distance under the stretch; 1e-6: the axis itself, where 0/0 would follow
        return distance, local, cut

    def _groups(self, distance: Tensor) -> tuple[Tensor, Tensor]:
        """Distance to each group (a smooth minimum over its parts) and the weight of each part in it."""
        least = distance.amin(dim=0)
        weight = (least - distance).mul_(self._inverse_blend).clamp_(min=_EXPONENT_FLOOR).exp_()
        total = self._membership @ weight
        return least - self._group_blend * total.log(), weight

    def _distance(self, points: Tensor) -> Tensor:
        distance, _, cut = self._parts(points)
        distance[_CUTS] = torch.maximum(distance[_CUTS], cut)
        return self._groups(distance)[0].amin(dim=0)

    def _surface(self, points: Tensor) -> Surface:
        distance, local, cut = self._parts(points)
        flat = cut > distance[_CUTS]
        distance[_CUTS] = torch.maximum(distance[_CUTS], cut)
        sides = torch.addmm(self._offset, self._to_part, points).view(3, -1, points.shape[1])[2, _CUTS] - self._cut_middle
        local[0, _CUTS].masked_fill_(flat, 0.0)
        local[1, _CUTS].masked_fill_(flat, 0.0)
        local[2, _CUTS] = torch.where(flat, sides.sign(), local[2, _CUTS])
        by_group, weight = self._groups(distance)
        group = by_group.argmin(dim=0)
        weight = weight * (self._part_group[:, None] == group)
        bent = (local * self._inverse_stretch).square_().sum(dim=0).sqrt_().clamp_(min=1e-6)  # 1e-6: as in _parts
        normal = self._to_part.T @ (local * (weight / bent)).view(-1, points.shape[1])
        softer = weight.sqrt()  # twice the width: textures bend more gently than the solid
        softer /= softer.sum(dim=0)
        back = (self._rest @ softer).view(3, 4, -1)
        rest = back[:, 3] + (back[:, :3] * points).sum(dim=1)
        return Surface(group=group, normal=torch.nn.functional.normalize(normal, dim=0), rest=rest, turn=back[:, :3])


def _part_boxes(
    motions: np.ndarray, axes: np.ndarray, stretch: np.ndarray, starts: np.ndarray, lengths: np.ndarray, radii: np.ndarray
) -> Float64[np.ndarray, "n_parts 2 3"]:
    """Each part is bounded by the ellipsoids at its two ends, an upright slab by the ellipses of its two faces."""
    boxes = []
    for i, part in enumerate(_ORDERED):
        to_world = motions[i, :3, :3] @ axes[i].T
        full = lengths[i] * stretch[i, 2]
        low, high = (0.0, full) if part.cut is None else part.cut
        flat = np.array([1.0, 1.0, 0.0]) if part.cut is not None and part.radii == (1.0, 1.0) else np.ones(3)
        ends = []
        for along, radius in zip((max(low, 0.0), min(high, full)), radii[i], strict=True):
            centre = motions[i, :3, :3] @ (starts[i] + along * axes[i, 2]) + motions[i, :3, 3]
            extent = np.linalg.norm(to_world * (radius * stretch[i] * flat), axis=1)
            ends.append(np.stack([centre - extent, centre + extent]))
        boxes.append(box_union(np.stack(ends)))
    return np.stack(boxes)


class CoarseField:
    """Distances on a grid, for shadows and ambient occlusion: everything soft reads these instead of the exact solid."""

    _COARSE = 0.06
    _RATIO = 3
    _PADDING = 0.24

    def __init__(self, solid: Solid) -> None:
        low = solid.bounds[0] - self._PADDING
        size = np.ceil((solid.bounds[1] + self._PADDING - low) / self._COARSE).astype(int) + 1
        coarse = solid.distance(self._nodes(low, size, self._COARSE, solid.device)).view(1, 1, *size[::-1].tolist())
        fine_size = (size - 1) * self._RATIO + 1
        fine_step = self._COARSE / self._RATIO
        fine = torch.nn.functional.interpolate(coarse, size=tuple(fine_size[::-1].tolist()), mode="trilinear", align_corners=True).view(-1)
        near = torch.nonzero(fine.abs() < 0.07)[:, 0]  # cells beyond one coarse step from the surface keep the interpolated value
        fine[near] = solid.distance(self._nodes(low, fine_size, fine_step, solid.device)[:, near])
        self._grid = fine.view(1, 1, *fine_size[::-1].tolist())
        extent = (fine_size - 1) * fine_step
        self._low = torch.as_tensor(low, dtype=torch.float32, device=solid.device)[:, None]
        self._scale = torch.as_tensor(2.0 / extent, dtype=torch.float32, device=solid.device)[:, None]

    @staticmethod
    def _nodes(low: np.ndarray, size: np.ndarray, step: float, device: torch.device) -> Float[Tensor, "3 n"]:
        x, y, z = (torch.arange(int(n), device=device, dtype=torch.float32) * step + float(start) for n, start in zip(size, low, strict=True))
        z, y, x = torch.meshgrid(z, y, x, indexing="ij")
        return torch.stack([x.reshape(-1), y.reshape(-1), z.reshape(-1)])

    def distance(self, points: Float[Tensor, "3 n"]) -> Float[Tensor, "n"]:
        """Interpolated distance; outside the grid that of its border."""
        where = ((points - self._low) * self._scale - 1.0).T.view(1, 1, 1, -1, 3)
        return torch.nn.functional.grid_sample(self._grid, where, mode="bilinear", padding_mode="border", align_corners=True).view(-1)
