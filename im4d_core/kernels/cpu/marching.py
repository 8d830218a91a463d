"""The march through a frame's bricks, compiled for this machine.

A group of rays goes on together. Each round moves every ray to its next midpoint that the distance grid cannot rule out, then looks up the density of those
that have come to an occupied cell. What a round does to all rays alike stands in loops of its own, which the compiler makes vectors of.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from im4d_core.kernels.cpu.compiler import compiled

_ZERO, _HALF, _ONE = np.float32(0.0), np.float32(0.5), np.float32(1.0)  # a plain 1.0 would make the arithmetic float64
_LOG2_E, _LN_2_HIGH, _LN_2_LOW = np.float32(1.442695041), np.float32(0.693359375), np.float32(-2.12194440e-4)
_SERIES = tuple(np.float32(1.0 / math.factorial(n)) for n in range(7))


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
    total, step = end - begin, lattice.step
    distance, table, values = lattice.distance.reshape(-1), lattice.table.reshape(-1), lattice.values.reshape(-1)
    steps_per_cell, length = np.empty(total, np.float32), np.empty(total, np.float32)
    k, last = np.empty(total, np.int32), np.empty(total, np.int32)
    through = transmittance[begin:end]
    through[:] = _ONE
    evaluated[begin:end] = 0
    going, arrived = np.empty(total, np.int32), np.empty(total, np.int32)  # rays by their number in the group
    position = np.empty((3, total), np.float32)
    cell, passed = np.empty(total, np.int32), np.empty(total, np.float32)
    bits = np.empty(total, np.int32)
    ray, depth, weight = np.empty(4 * total, np.int32), np.empty(4 * total, np.float32), np.empty(4 * total, np.float32)
    kept, count = 0, 0
    for r in range(total):
        x, y, z = directions[begin + r, 0], directions[begin + r, 1], directions[begin + r, 2]
        length[r] = step * math.sqrt(x * x + y * y + z * z)
        steps_per_cell[r] = _ONE / (step * max(abs(x) * lattice.scale[0], abs(y) * lattice.scale[1], abs(z) * lattice.scale[2]))
        if far[begin + r] > near[begin + r]:
            k[r], last[r] = max(0, int(near[begin + r] / step - _HALF)), int(far[begin + r] / step + _HALF)
            going[count] = r
            count += 1
    while count:
        _locate(origins, directions, begin, going, count, k, lattice, position, cell)
        here = 0
        for i in range(count):
            r, away = going[i], np.uint8(1) if cell[i] < 0 else distance[cell[i]]
            if away == 0:
                arrived[here] = r
                position[0, here], position[1, here], position[2, here] = position[0, i], position[1, i], position[2, i]
                here += 1
            else:
                k[r] += 1 + int(max(np.float32(away - 1) * steps_per_cell[r] - np.float32(1e-3), _ZERO))  # 1e-3: rounding must not jump over a cell
        _look_up(position, here, lattice, table, values, passed)
        _exponential(passed, here, bits)
        for i in range(here):
            passed[i] = -passed[i] * length[arrived[i]]
        _exponential(passed, here, bits)
        for i in range(here):
            r = arrived[i]
            light = through[r] * (_ONE - passed[i])
            if light >= lattice.min_weight:
                if kept == len(ray):
                    ray, depth, weight = _longer(ray), _longer(depth), _longer(weight)
                ray[kept], depth[kept], weight[kept] = r, (np.float32(k[r]) + _HALF) * step, light
                kept += 1
            through[r] *= passed[i]
            evaluated[begin + r] += 1
            k[r] += 1
            if through[r] <= lattice.min_transmittance:
                k[r] = last[r] + 1
        still = 0
        for i in range(count):
            r = going[i]
            going[still] = r
            still += k[r] <= last[r]
        count = still
    return _sorted(ray[:kept], depth[:kept], weight[:kept], begin, total)


@compiled
def _locate(origins, directions, begin, going, count, k, lattice, position, cell):
    """Where the next midpoints are, in cells, and the number of the cell; -1 outside the box."""
    low, scale, step = lattice.low, lattice.scale, lattice.step
    nx, ny, nz = lattice.distance.shape
    low_x, low_y, low_z, scale_x, scale_y, scale_z = low[0], low[1], low[2], scale[0], scale[1], scale[2]
    end_x, end_y, end_z = np.float32(nx), np.float32(ny), np.float32(nz)
    xs, ys, zs = position[0], position[1], position[2]
    for i in range(count):
        r = begin + going[i]
        at = (np.float32(k[going[i]]) + _HALF) * step
        x = ((origins[r, 0] + at * directions[r, 0]) - low_x) * scale_x
        y = ((origins[r, 1] + at * directions[r, 1]) - low_y) * scale_y
        z = ((origins[r, 2] + at * directions[r, 2]) - low_z) * scale_z
        inside = (x >= _ZERO) & (y >= _ZERO) & (z >= _ZERO) & (x < end_x) & (y < end_y) & (z < end_z)
        xs[i], ys[i], zs[i] = x, y, z
        cell[i] = (int(x) * ny + int(y)) * nz + int(z) if inside else -1


@compiled
def _look_up(position, count, lattice, table, values, raw):
    """Raw outputs, less one, at positions in cells."""
    _, places_y, places_z = lattice.table.shape
    refine_x, refine_y, refine_z = lattice.refine[0], lattice.refine[1], lattice.refine[2]
    for n in range(count):
        x, y, z = position[0, n] * refine_x, position[1, n] * refine_y, position[2, n] * refine_z
        i, j, m = int(x), int(y), int(z)
        fx, fy, fz = x - np.float32(i), y - np.float32(j), z - np.float32(m)
        at = table[((i >> 3) * places_y + (j >> 3)) * places_z + (m >> 3)] * 729 + (i & 7) * 81 + (j & 7) * 9 + (m & 7)
        a, b = _lerp(values[at], values[at + 1], fz), _lerp(values[at + 9], values[at + 10], fz)
        c, d = _lerp(values[at + 81], values[at + 82], fz), _lerp(values[at + 90], values[at + 91], fz)
        raw[n] = _lerp(_lerp(a, b, fy), _lerp(c, d, fy), fx) - _ONE


@compiled
def _exponential(x, count, bits):
    """e^x in place, to the last digits; by operations that vectors have: a power of two, made of its bits, times a series (Cody and Waite 1980)."""
    power = bits.view(np.float32)
    for i in range(count):
        clamped = min(max(x[i], np.float32(-87.0)), np.float32(88.0))
        whole = math.floor(clamped * _LOG2_E + _HALF)
        bits[i] = (int(whole) + 127) << 23
        x[i] = (clamped - whole * _LN_2_HIGH) - whole * _LN_2_LOW
    for i in range(count):
        y, total = x[i], _SERIES[6]
        for n in range(5, -1, -1):
            total = total * y + _SERIES[n]
        x[i] = total * power[i]


@compiled
def _sorted(ray, depth, weight, begin, total):
    """Samples by ray, which each ray's own are in depth order already; rays by their number in the picture."""
    place = np.zeros(total + 1, np.int64)
    for r in ray:
        place[r + 1] += 1
    for r in range(total):
        place[r + 1] += place[r]
    rays, depths, weights = np.empty(len(ray), np.int64), np.empty(len(ray), np.float32), np.empty(len(ray), np.float32)
    for i in range(len(ray)):
        at = place[ray[i]]
        rays[at], depths[at], weights[at] = begin + ray[i], depth[i], weight[i]
        place[ray[i]] += 1
    return rays, depths, weights


@compiled
def _lerp(a, b, t):
    return a * (_ONE - t) + b * t


@compiled
def _longer(values):
    longer = np.empty(2 * len(values) + 16, values.dtype)
    longer[: len(values)] = values
    return longer
