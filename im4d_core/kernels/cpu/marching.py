"""The march through a frame's bricks, compiled for this machine."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from im4d_core.kernels.cpu.compiler import compiled

_ZERO, _HALF, _ONE = np.float32(0.0), np.float32(0.5), np.float32(1.0)  # a plain 1.0 would make the arithmetic float64


class Lattice(NamedTuple):
    """Where and how rays are marched."""

    distance: np.ndarray
    low: np.ndarray
    scale: np.ndarray
    """Cells per world unit."""
    values: np.ndarray
    table: np.ndarray
    refine: np.ndarray
    step: np.float32
    min_weight: np.float32
    min_transmittance: np.float32


@compiled
def march(origins, directions, near, far, begin, end, lattice, transmittance, evaluated):
    """See `reference.march_bricks`, for the rays in [begin, end). Returns ray, depth and weight of the kept samples."""
    distance, low, scale, table, refine, step = lattice.distance, lattice.low, lattice.scale, lattice.table, lattice.refine, lattice.step
    values = lattice.values.reshape(-1)
    nx, ny, nz = distance.shape
    end_x, end_y, end_z = np.float32(nx), np.float32(ny), np.float32(nz)
    ray, depth, weight = np.empty(4 * (end - begin), np.int64), np.empty(4 * (end - begin), np.float32), np.empty(4 * (end - begin), np.float32)
    kept = 0
    for r in range(begin, end):
        ox, oy, oz = origins[r, 0], origins[r, 1], origins[r, 2]
        dx, dy, dz = directions[r, 0], directions[r, 1], directions[r, 2]
        length = step * math.sqrt(dx * dx + dy * dy + dz * dz)
        steps_per_cell = _ONE / (step * max(abs(dx) * scale[0], abs(dy) * scale[1], abs(dz) * scale[2]))
        through, count = _ONE, 0
        k = max(0, int(near[r] / step - _HALF))
        last = int(far[r] / step) + 1 if far[r] > near[r] else -1
        while k <= last and through > lattice.min_transmittance:
            at = (np.float32(k) + _HALF) * step
            x, y, z = ((ox + at * dx) - low[0]) * scale[0], ((oy + at * dy) - low[1]) * scale[1], ((oz + at * dz) - low[2]) * scale[2]
            k += 1
            if not (_ZERO <= x < end_x and _ZERO <= y < end_y and _ZERO <= z < end_z):
                continue
            away = distance[int(x), int(y), int(z)]
            if away:
                k += int(max(np.float32(away - 1) * steps_per_cell - np.float32(1e-3), _ZERO))  # 1e-3: rounding must not jump over a cell
                continue
            x, y, z = x * refine[0], y * refine[1], z * refine[2]
            i, j, m = int(x), int(y), int(z)
            fx, fy, fz = x - np.float32(i), y - np.float32(j), z - np.float32(m)
            at_corner = table[i >> 3, j >> 3, m >> 3] * 729 + (i & 7) * 81 + (j & 7) * 9 + (m & 7)
            a = _lerp(values[at_corner], values[at_corner + 1], fz)
            b = _lerp(values[at_corner + 9], values[at_corner + 10], fz)
            c = _lerp(values[at_corner + 81], values[at_corner + 82], fz)
            d = _lerp(values[at_corner + 90], values[at_corner + 91], fz)
            raw = _lerp(_lerp(a, b, fy), _lerp(c, d, fy), fx)
            passed = math.exp(-math.exp(raw - _ONE) * length)
            light = through * (_ONE - passed)
            through *= passed
            count += 1
            if light >= lattice.min_weight:
                if kept == len(ray):
                    ray, depth, weight = _longer(ray), _longer(depth), _longer(weight)
                ray[kept], depth[kept], weight[kept] = r, at, light
                kept += 1
        transmittance[r] = through
        evaluated[r] = count
    return ray[:kept], depth[:kept], weight[:kept]


@compiled
def _lerp(a, b, t):
    return a * (_ONE - t) + b * t


@compiled
def _longer(values):
    longer = np.empty(2 * len(values) + 16, values.dtype)
    longer[: len(values)] = values
    return longer
