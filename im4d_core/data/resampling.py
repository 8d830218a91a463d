"""Lens distortion and area resizing, as pure NumPy functions."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Float64, Int64, UInt8

from im4d_core.types import Sensor


def distorted(xy: Float64[np.ndarray, "*batch 2"], coefficients: Float64[np.ndarray, "5"]) -> Float64[np.ndarray, "*batch 2"]:
    """Where a lens puts the ray through (x, y, 1).

    Source: OpenCV's model with k1, k2, p1, p2, k3.
    """
    k1, k2, p1, p2, k3 = coefficients
    x, y = xy[..., 0], xy[..., 1]
    r2 = x * x + y * y
    radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    return np.stack([x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x), y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y], axis=-1)


def stored_positions(sensor: Sensor, uv: Float64[np.ndarray, "*batch 2"]) -> Float64[np.ndarray, "*batch 2"]:
    """Positions in the undistorted picture → positions in the stored one, both in the pixel convention of the sensor's intrinsics."""
    if not sensor.distortion.any():
        return uv
    K = sensor.K
    y = (uv[..., 1] - K[1, 2]) / K[1, 1]
    x = (uv[..., 0] - K[0, 2] - K[0, 1] * y) / K[0, 0]
    xy = distorted(np.stack([x, y], axis=-1), sensor.distortion)
    return np.stack([K[0, 0] * xy[..., 0] + K[0, 1] * xy[..., 1] + K[0, 2], K[1, 1] * xy[..., 1] + K[1, 2]], axis=-1)


def area_resized(picture: UInt8[np.ndarray, "h w *channels"], width: int, height: int) -> UInt8[np.ndarray, "height width *channels"]:
    """A smaller picture whose pixels are the exact means of what they cover, parts of pixels included."""
    if picture.shape[:2] == (height, width):
        return picture
    rows, row_weights = _taps(picture.shape[0], height)
    columns, column_weights = _taps(picture.shape[1], width)
    channels = picture[0, 0].size
    low = np.zeros((height, picture[0].size), np.float32)  # flat rows: broadcasting over a short last axis is slow
    for index, weight in zip(rows, row_weights):
        low += picture[index].reshape(height, -1) * weight[:, None]
    low = low.reshape(height, -1, channels)
    small = np.zeros((height, width * channels), np.float32)
    for index, weight in zip(columns, column_weights):
        small += low[:, index].reshape(height, -1) * np.repeat(weight, channels)
    small += 0.5  # means stay within [0, 255] up to rounding far below 0.5
    return small.astype(np.uint8).reshape(height, width, *picture.shape[2:])


def _taps(old: int, new: int) -> tuple[Int64[np.ndarray, "taps new"], Float32[np.ndarray, "taps new"]]:
    """For each new pixel along one axis: the old pixels it touches and the share of each."""
    edges = np.arange(new + 1) * (old / new)
    low, high = edges[:-1], edges[1:]
    first = np.floor(low).astype(np.int64)
    index = first + np.arange(int(np.ceil(old / new)) + 1)[:, None]
    share = np.clip(np.minimum(index + 1, high) - np.maximum(index, low), 0.0, None)
    return np.minimum(index, old - 1), (share / share.sum(axis=0)).astype(np.float32)
