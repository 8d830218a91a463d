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
_ZERO, _ONE, _TINY, _LOWEST = np.float32(0.0), np.float32(1.0), np.float32(1e-6), np.float32(-1e30)


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
    least_score: np.float32


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
    """Colours of the samples in [begin, end).

    Each scratch array is a list of rows of a packet, one after another: with a fixed distance between rows the compiler knows that they do not overlap.
    """
    views = len(sources.sizes)
    shown = np.zeros((views, _ROWS * PACKET), np.float32)
    barred, number, total = np.zeros((views, PACKET), np.float32), np.empty(PACKET, np.float32), np.empty(PACKET, np.float32)
    place = np.zeros(6 * PACKET, np.float32)
    texel, share = np.empty(PACKET, np.int32), np.empty(2 * PACKET, np.float32)
    moments = np.zeros(24 * PACKET, np.float32)
    common = np.empty(64 * PACKET, np.float32)
    hidden = np.empty((views, 64 * PACKET), np.float32)
    scores = np.empty((views, PACKET), np.float32)
    summary = np.empty(80 * PACKET, np.float32)
    narrow = summary[64 * PACKET :]
    mean = np.empty(32 * PACKET, np.float32)
    rgb = np.empty(3 * PACKET, np.float32)
    for first in range(begin, end, PACKET):
        count = min(PACKET, end - first)
        _settle_in(points, directions, first, count, place)
        for v in range(views):
            _project(place, sources, v, shown[v], barred[v], texel, share)
            _fetch(sources.texels[v], texel, share, shown[v])
        _count(barred, number, sources.mask_invisible)
        _moments(shown, barred, number, moments)
        _start(common, blend.statistics_bias, 32)
        _dense(common, moments, blend.moments, 32, 24)
        for v in range(views):
            _copy(hidden[v], common, 32)
            _dense(hidden[v], shown[v], blend.seen, 32, 12)
            _score(scores[v], hidden[v], blend.attention, blend.attention_bias, blend.least_score, 32)
        _softmax(scores, barred, total)
        _mix(mean, hidden, scores, 32)
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
            _score(scores[v], hidden[v], blend.score, blend.score_bias, blend.least_score, 64)
        _softmax(scores, barred, total)
        _mix(rgb, shown, scores, 3)
        for p in range(count):
            for c in range(3):
                colors[first + p, c] = rgb[c * PACKET + p]


@vectorised
def _settle_in(points, directions, first, count, place):
    """The points of a packet, and the unit directions from them to the target. Places without a sample keep those of the packet before."""
    for p in range(count):
        for c in range(3):
            place[c * PACKET + p], place[(3 + c) * PACKET + p] = points[first + p, c], directions[first + p, c]
    for p in range(PACKET):
        x, y, z = place[3 * PACKET + p], place[4 * PACKET + p], place[5 * PACKET + p]
        length = -_ONE / max(math.sqrt(x * x + y * y + z * z), np.float32(1e-12))
        place[3 * PACKET + p], place[4 * PACKET + p], place[5 * PACKET + p] = x * length, y * length, z * length


@vectorised
def _project(place, sources, view, shown, barred, texel, share):
    """The texel of each point in a view and its shares across and down, whether the view does not see it, and how the directions differ."""
    m, centre, half = sources.to_image[view], sources.centres[view], np.float32(0.5)
    m00, m01, m02, m03 = m[0, 0], m[0, 1], m[0, 2], m[0, 3]
    m10, m11, m12, m13 = m[1, 0], m[1, 1], m[1, 2], m[1, 3]
    m20, m21, m22, m23 = m[2, 0], m[2, 1], m[2, 2], m[2, 3]
    cx, cy, cz = centre[0], centre[1], centre[2]
    right, below = np.float32(sources.sizes[view, 0]) - _ONE, np.float32(sources.sizes[view, 1]) - _ONE
    offset, canvas_width = sources.pixel_offset, np.int32(sources.texels.shape[2])
    for p in range(PACKET):
        x, y, z = place[p], place[PACKET + p], place[2 * PACKET + p]
        depth = m20 * x + m21 * y + m22 * z + m23
        inverse = _ONE / max(depth, _TINY)  # a point in the camera's plane has no pixel
        u = (m00 * x + m01 * y + m02 * z + m03) * inverse - offset
        v = (m10 * x + m11 * y + m12 * z + m13) * inverse - offset
        seen = (u >= -half) & (v >= -half) & (u <= right + half) & (v <= below + half) & (depth > _TINY)
        barred[p] = _ZERO if seen else _ONE
        u, v = min(max(u, _ZERO), right), min(max(v, _ZERO), below)
        column, row = np.int32(u), np.int32(v)
        share[p], share[PACKET + p] = u - np.float32(column), v - np.float32(row)
        texel[p] = row * canvas_width + column
    for p in range(PACKET):
        x, y, z = cx - place[p], cy - place[PACKET + p], cz - place[2 * PACKET + p]
        to_x, to_y, to_z = place[3 * PACKET + p], place[4 * PACKET + p], place[5 * PACKET + p]
        length = _ONE / (math.sqrt(x * x + y * y + z * z) + _TINY)
        x, y, z = x * length, y * length, z * length
        shown[(SEEN + 3) * PACKET + p] = to_x * x + to_y * y + to_z * z
        x, y, z = to_x - x, to_y - y, to_z - z
        length = _ONE / (math.sqrt(x * x + y * y + z * z) + _TINY)
        shown[SEEN * PACKET + p], shown[(SEEN + 1) * PACKET + p], shown[(SEEN + 2) * PACKET + p] = x * length, y * length, z * length


@vectorised
def _fetch(texels, texel, share, shown):
    """What a view shows: each point's four texels by their shares."""
    height, width, channels = texels.shape
    flat = texels.reshape(-1)
    last = height * width - 1
    for p in range(PACKET):
        u, v = share[p], share[PACKET + p]
        a, b = (_ONE - u) * (_ONE - v), u * (_ONE - v)
        c, d = (_ONE - u) * v, u * v
        # at the right and lower edge the neighbour has no share: any texel will do
        t = texel[p]
        t00, t01, t10, t11 = t * channels, min(t + 1, last) * channels, min(t + width, last) * channels, min(t + width + 1, last) * channels
        for i in range(SEEN):
            shown[i * PACKET + p] = a * flat[t00 + i] + b * flat[t01 + i] + c * flat[t10 + i] + d * flat[t11 + i]


@vectorised
def _count(barred, number, mask_invisible):
    """How many views see each point; those that no view sees use all."""
    views = len(barred)
    for p in range(PACKET):
        number[p] = np.float32(views)
    for v in range(views):
        for p in range(PACKET):
            number[p] -= barred[v, p]
    for v in range(views):
        for p in range(PACKET):
            barred[v, p] = barred[v, p] if mask_invisible and number[p] > _ZERO else _ZERO
    for p in range(PACKET):
        number[p] = number[p] if mask_invisible and number[p] > _ZERO else np.float32(views)


@vectorised
def _moments(shown, barred, number, moments):
    """Unbiased variance, then mean, of what the views that count show."""
    views = len(barred)
    for i in range(SEEN):
        row, variance, mean = i * PACKET, i * PACKET, (SEEN + i) * PACKET
        for p in range(PACKET):
            moments[variance + p], moments[mean + p] = _ZERO, _ZERO
        for v in range(views):
            for p in range(PACKET):
                moments[mean + p] += (_ONE - barred[v, p]) * shown[v, row + p]
        for p in range(PACKET):
            moments[mean + p] /= number[p]
        for v in range(views):
            for p in range(PACKET):
                apart = shown[v, row + p] - moments[mean + p]
                moments[variance + p] += (_ONE - barred[v, p]) * apart * apart
        for p in range(PACKET):
            moments[variance + p] /= max(number[p] - _ONE, _ONE)


@vectorised
def _start(out, bias, rows):
    for o in range(rows):
        for p in range(PACKET):
            out[o * PACKET + p] = bias[o]


@vectorised
def _copy(out, start, rows):
    for i in range(rows * PACKET):
        out[i] = start[i]


@vectorised
def _dense(out, x, weight, outputs, inputs):
    """Adds weight . x to out; sixteen weights at a time stay in registers."""
    for o in range(0, outputs, 4):
        o0 = o * PACKET
        for i in range(0, inputs, 4):
            x0 = i * PACKET
            a0, a1, a2, a3 = weight[o, i], weight[o, i + 1], weight[o, i + 2], weight[o, i + 3]
            b0, b1, b2, b3 = weight[o + 1, i], weight[o + 1, i + 1], weight[o + 1, i + 2], weight[o + 1, i + 3]
            c0, c1, c2, c3 = weight[o + 2, i], weight[o + 2, i + 1], weight[o + 2, i + 2], weight[o + 2, i + 3]
            d0, d1, d2, d3 = weight[o + 3, i], weight[o + 3, i + 1], weight[o + 3, i + 2], weight[o + 3, i + 3]
            for p in range(PACKET):
                y0, y1, y2, y3 = x[x0 + p], x[x0 + PACKET + p], x[x0 + 2 * PACKET + p], x[x0 + 3 * PACKET + p]
                out[o0 + p] += a0 * y0 + a1 * y1 + a2 * y2 + a3 * y3
                out[o0 + PACKET + p] += b0 * y0 + b1 * y1 + b2 * y2 + b3 * y3
                out[o0 + 2 * PACKET + p] += c0 * y0 + c1 * y1 + c2 * y2 + c3 * y3
                out[o0 + 3 * PACKET + p] += d0 * y0 + d1 * y1 + d2 * y2 + d3 * y3


@vectorised
def _rectify(x, rows):
    for i in range(rows * PACKET):
        x[i] = max(x[i], _ZERO)


@vectorised
def _score(score, hidden, weight, bias, least, rows):
    """Rectifies hidden, and max(weight . hidden + bias, least)."""
    _rectify(hidden, rows)
    for p in range(PACKET):
        score[p] = bias
    for o in range(0, rows, 4):
        h0, w0, w1, w2, w3 = o * PACKET, weight[o], weight[o + 1], weight[o + 2], weight[o + 3]
        for p in range(PACKET):
            score[p] += w0 * hidden[h0 + p] + w1 * hidden[h0 + PACKET + p] + w2 * hidden[h0 + 2 * PACKET + p] + w3 * hidden[h0 + 3 * PACKET + p]
    for p in range(PACKET):
        score[p] = max(score[p], least)


@vectorised
def _softmax(scores, barred, total):
    """Over the views that are not barred; in place."""
    views = len(scores)
    for p in range(PACKET):
        total[p] = _LOWEST  # the highest score
    for v in range(views):
        for p in range(PACKET):
            total[p] = max(total[p], scores[v, p] if barred[v, p] == _ZERO else _LOWEST)
    for v in range(views):
        for p in range(PACKET):
            scores[v, p] = (_ONE - barred[v, p]) * _exponential(scores[v, p] - total[p])
    for p in range(PACKET):
        total[p] = _ZERO
    for v in range(views):
        for p in range(PACKET):
            total[p] += scores[v, p]
    for v in range(views):
        for p in range(PACKET):
            scores[v, p] /= total[p]


@vectorised
def _exponential(x):
    """e^x within 5e-6 for x <= 0, from operations that vectors have: a series for x / 64, squared six times."""
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
        row = i * PACKET
        for p in range(PACKET):
            out[row + p] = shares[0, p] * values[0, row + p]
        for v in range(1, len(shares)):
            for p in range(PACKET):
                out[row + p] += shares[v, p] * values[v, row + p]
