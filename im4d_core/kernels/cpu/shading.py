"""Colours of samples, compiled for this machine: projection into the source views, their texels, the blending network.

A packet of samples goes through each layer at once. Values lie with the samples innermost, so the compiler makes vectors of samples, and a weight is the
same for the whole vector.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from im4d_core.kernels.cpu.compiler import vectorised

PACKET = 64
"""Samples in a packet; what a layer reads and writes stays in the first cache."""
SEEN, DIRECTION = 11, 4
"""Colour and features of a texel; how the directions differ."""
_ROWS = 16
"""Rows of a view in a packet: what it shows, the direction, zero. Layers take their inputs by fours."""
_ZERO, _ONE, _TINY = np.float32(0.0), np.float32(1.0), np.float32(1e-6)


class Blend(NamedTuple):
    """The blending network, split into what each view and what all views share; columns filled up with zeros to multiples of four."""

    seen: np.ndarray  # 32, 12
    moments: np.ndarray  # 32, 24: variance, mean
    statistics_bias: np.ndarray
    attention: np.ndarray
    attention_bias: np.float32
    pooled: np.ndarray  # 16, 32
    pooled_bias: np.ndarray
    spread: np.ndarray  # 64, 16
    spread_bias: np.ndarray
    shared: np.ndarray  # 64, 80
    compare: np.ndarray  # 64, 16
    compare_bias: np.ndarray
    score: np.ndarray
    score_bias: np.float32


class Sources(NamedTuple):
    """Source views on one canvas."""

    texels: np.ndarray  # view, height, width, 11
    sizes: np.ndarray  # view, 2: width and height inside the canvas
    to_image: np.ndarray  # view, 3, 4
    centres: np.ndarray  # view, 3
    pixel_offset: np.float32
    mask_invisible: bool


@vectorised
def shade(points, directions, begin, end, sources, blend, colors):
    """Colours of the samples in [begin, end)."""
    views = len(sources.sizes)
    shown = np.zeros((views, _ROWS, PACKET), np.float32)
    barred = np.zeros((views, PACKET), np.float32)
    moments = np.zeros((24, PACKET), np.float32)
    common = np.empty((64, PACKET), np.float32)
    hidden = np.empty((views, 64, PACKET), np.float32)
    scores = np.empty((views, PACKET), np.float32)
    summary = np.empty((80, PACKET), np.float32)
    mean = np.empty((32, PACKET), np.float32)
    rgb = np.empty((3, PACKET), np.float32)
    for first in range(begin, end, PACKET):
        count = min(PACKET, end - first)
        for v in range(views):
            _fetch(points, directions, first, count, sources, v, shown[v], barred[v])
        _settle(barred, sources.mask_invisible)
        _moments(shown, barred, moments)
        _start(common, blend.statistics_bias, 32)
        _dense(common, moments, blend.moments, 32, 24)
        for v in range(views):
            _copy(hidden[v], common, 32)
            _dense(hidden[v], shown[v], blend.seen, 32, 12)
            _scored(scores[v], hidden[v], blend.attention, blend.attention_bias, 32)
        _softmax(scores, barred)
        _mix(mean, hidden, scores, 32)
        narrow = summary[64:]
        _start(narrow, blend.pooled_bias, 16)
        _dense(narrow, mean, blend.pooled, 16, 32)
        _rectify(narrow, 16)
        _start(summary, blend.spread_bias, 64)
        _dense(summary, narrow, blend.spread, 64, 16)
        _rectify(summary, 64)
        _start(common, blend.compare_bias, 64)
        _dense(common, summary, blend.shared, 64, 80)
        for v in range(views):
            _copy(hidden[v], common, 64)
            _dense(hidden[v], shown[v], blend.compare, 64, 16)
            _scored(scores[v], hidden[v], blend.score, blend.score_bias, 64)
        _softmax(scores, barred)
        _mix(rgb, shown, scores, 3)
        for p in range(count):
            for c in range(3):
                colors[first + p, c] = rgb[c, p]


@vectorised
def _fetch(points, directions, first, count, sources, view, shown, barred):
    """What a view shows at each point of a packet, how its direction differs from the ray's, and whether it does not see the point."""
    m, centre, texels = sources.to_image[view], sources.centres[view], sources.texels[view]
    m00, m01, m02, m03 = m[0, 0], m[0, 1], m[0, 2], m[0, 3]
    m10, m11, m12, m13 = m[1, 0], m[1, 1], m[1, 2], m[1, 3]
    m20, m21, m22, m23 = m[2, 0], m[2, 1], m[2, 2], m[2, 3]
    width, height = np.float32(sources.sizes[view, 0]), np.float32(sources.sizes[view, 1])
    canvas_height, canvas_width = texels.shape[:2]
    offset, half = sources.pixel_offset, np.float32(0.5)
    cx, cy, cz = centre[0], centre[1], centre[2]
    for p in range(count):
        x, y, z = points[first + p, 0], points[first + p, 1], points[first + p, 2]
        depth = m20 * x + m21 * y + m22 * z + m23
        inverse = _ONE / max(depth, _TINY)  # a point in the camera's plane has no pixel
        u = (m00 * x + m01 * y + m02 * z + m03) * inverse - offset
        v = (m10 * x + m11 * y + m12 * z + m13) * inverse - offset
        seen = u >= -half and v >= -half and u <= width - half and v <= height - half and depth > _TINY
        barred[p] = _ZERO if seen else _ONE
        u, v = min(max(u, _ZERO), width - _ONE), min(max(v, _ZERO), height - _ONE)
        column, row = int(u), int(v)
        fu, fv = u - np.float32(column), v - np.float32(row)
        right, below = min(column + 1, canvas_width - 1), min(row + 1, canvas_height - 1)
        a, b = (_ONE - fu) * (_ONE - fv), fu * (_ONE - fv)
        c, d = (_ONE - fu) * fv, fu * fv
        t00, t01, t10, t11 = texels[row, column], texels[row, right], texels[below, column], texels[below, right]
        for i in range(SEEN):
            shown[i, p] = a * t00[i] + b * t01[i] + c * t10[i] + d * t11[i]
    for p in range(count):
        x, y, z = directions[first + p, 0], directions[first + p, 1], directions[first + p, 2]
        length = -_ONE / max(math.sqrt(x * x + y * y + z * z), np.float32(1e-12))
        x, y, z = x * length, y * length, z * length
        sx, sy, sz = cx - points[first + p, 0], cy - points[first + p, 1], cz - points[first + p, 2]
        length = _ONE / (math.sqrt(sx * sx + sy * sy + sz * sz) + _TINY)
        sx, sy, sz = sx * length, sy * length, sz * length
        ex, ey, ez = x - sx, y - sy, z - sz
        length = _ONE / (math.sqrt(ex * ex + ey * ey + ez * ez) + _TINY)
        shown[SEEN, p] = ex * length
        shown[SEEN + 1, p] = ey * length
        shown[SEEN + 2, p] = ez * length
        shown[SEEN + 3, p] = x * sx + y * sy + z * sz


@vectorised
def _settle(barred, mask_invisible):
    """Points that no view sees use all views."""
    for p in range(PACKET):
        all_barred = _ONE
        for v in range(len(barred)):
            all_barred = min(all_barred, barred[v, p])
        if not mask_invisible or all_barred > _ZERO:
            for v in range(len(barred)):
                barred[v, p] = _ZERO


@vectorised
def _moments(shown, barred, moments):
    """Unbiased variance, then mean, of what the views that count show."""
    views = len(barred)
    for i in range(SEEN):
        variance, mean = moments[i], moments[SEEN + i]
        for p in range(PACKET):
            total, number = _ZERO, _ZERO
            for v in range(views):
                share = _ONE - barred[v, p]
                total += share * shown[v, i, p]
                number += share
            middle, squares = total / number, _ZERO
            for v in range(views):
                apart = shown[v, i, p] - middle
                squares += (_ONE - barred[v, p]) * apart * apart
            mean[p] = middle
            variance[p] = squares / max(number - _ONE, _ONE)


@vectorised
def _start(out, bias, rows):
    for o in range(rows):
        out[o, :] = bias[o]


@vectorised
def _copy(out, start, rows):
    for o in range(rows):
        for p in range(PACKET):
            out[o, p] = start[o, p]


@vectorised
def _dense(out, x, weight, outputs, inputs):
    """Adds weight . x to out; sixteen weights at a time stay in registers."""
    for o in range(0, outputs, 4):
        o0, o1, o2, o3 = out[o], out[o + 1], out[o + 2], out[o + 3]
        for i in range(0, inputs, 4):
            x0, x1, x2, x3 = x[i], x[i + 1], x[i + 2], x[i + 3]
            a0, a1, a2, a3 = weight[o, i], weight[o, i + 1], weight[o, i + 2], weight[o, i + 3]
            b0, b1, b2, b3 = weight[o + 1, i], weight[o + 1, i + 1], weight[o + 1, i + 2], weight[o + 1, i + 3]
            c0, c1, c2, c3 = weight[o + 2, i], weight[o + 2, i + 1], weight[o + 2, i + 2], weight[o + 2, i + 3]
            d0, d1, d2, d3 = weight[o + 3, i], weight[o + 3, i + 1], weight[o + 3, i + 2], weight[o + 3, i + 3]
            for p in range(PACKET):
                y0, y1, y2, y3 = x0[p], x1[p], x2[p], x3[p]
                o0[p] += a0 * y0 + a1 * y1 + a2 * y2 + a3 * y3
                o1[p] += b0 * y0 + b1 * y1 + b2 * y2 + b3 * y3
                o2[p] += c0 * y0 + c1 * y1 + c2 * y2 + c3 * y3
                o3[p] += d0 * y0 + d1 * y1 + d2 * y2 + d3 * y3


@vectorised
def _rectify(x, rows):
    for i in range(rows):
        for p in range(PACKET):
            x[i, p] = max(x[i, p], _ZERO)


@vectorised
def _scored(score, hidden, weight, bias, rows):
    """Rectifies hidden, and relu(weight . hidden + bias)."""
    score[:] = bias
    for o in range(0, rows, 4):
        h0, h1, h2, h3 = hidden[o], hidden[o + 1], hidden[o + 2], hidden[o + 3]
        w0, w1, w2, w3 = weight[o], weight[o + 1], weight[o + 2], weight[o + 3]
        for p in range(PACKET):
            h0[p], h1[p] = max(h0[p], _ZERO), max(h1[p], _ZERO)
            h2[p], h3[p] = max(h2[p], _ZERO), max(h3[p], _ZERO)
            score[p] += w0 * h0[p] + w1 * h1[p] + w2 * h2[p] + w3 * h3[p]
    for p in range(PACKET):
        score[p] = max(score[p], _ZERO)


@vectorised
def _softmax(scores, barred):
    """Over the views; in place. Scores are not negative, so a barred view's is below any."""
    views = len(scores)
    for p in range(PACKET):
        top = _ZERO
        for v in range(views):
            top = max(top, scores[v, p] * (_ONE - barred[v, p]))
        total = _ZERO
        for v in range(views):
            scores[v, p] = (_ONE - barred[v, p]) * _exp(scores[v, p] - top)
            total += scores[v, p]
        for v in range(views):
            scores[v, p] /= total


@vectorised
def _exp(x):
    """e^x for x <= 0 within 5e-6, from operations that vectors have: a series for x / 64, squared six times."""
    y = max(x, np.float32(-60.0)) * np.float32(1.0 / 64.0)
    e = _ONE + y * (_ONE + y * (np.float32(1 / 2) + y * (np.float32(1 / 6) + y * (np.float32(1 / 24) + y * (np.float32(1 / 120) + y * np.float32(1 / 720))))))
    e *= e
    e *= e
    e *= e
    e *= e
    e *= e
    return e * e


@vectorised
def _mix(out, values, shares, rows):
    """Sums over the views by their shares."""
    for i in range(rows):
        row = out[i]
        row[:] = _ZERO
        for v in range(len(shares)):
            value, share = values[v, i], shares[v]
            for p in range(PACKET):
                row[p] += share[p] * value[p]
