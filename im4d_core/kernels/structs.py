"""The values that kernels take, as C structures; field by field those of the `.cuh` files."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable

import numpy as np
from torch import Tensor

_Float3 = ctypes.c_float * 3
_Int3 = ctypes.c_int * 3


class View(ctypes.Structure):
    """`view.cuh`: View."""

    _fields_ = [
        ("to_world", ctypes.c_float * 9),
        ("centre", _Float3),
        ("low", _Float3),
        ("high", _Float3),
        ("scale", _Float3),
        ("cells", _Int3),
        ("width", ctypes.c_int),
        ("height", ctypes.c_int),
        ("pixel_offset", ctypes.c_float),
        ("near", ctypes.c_float),
        ("far", ctypes.c_float),
        ("step", ctypes.c_float),
        ("min_weight", ctypes.c_float),
        ("stop", ctypes.c_float),
        ("distance", ctypes.c_void_p),
    ]


class Samples(ctypes.Structure):
    """`view.cuh`: Samples."""

    _fields_ = [
        ("counters", ctypes.c_void_p),
        ("records", ctypes.c_void_p),
        ("capacity", ctypes.c_int),
        ("last", ctypes.c_void_p),
        ("transmittance", ctypes.c_void_p),
        ("evaluated", ctypes.c_void_p),
    ]


class Bricks(ctypes.Structure):
    """`baked.cu`: Bricks."""

    _fields_ = [("values", ctypes.c_void_p), ("table", ctypes.c_void_p), ("bricks", _Int3), ("refine", _Float3)]


class Corners(ctypes.Structure):
    """`bake.cu`: Corners."""

    _fields_ = [
        ("cells", _Int3),
        ("shift", _Int3),
        ("bricks", _Int3),
        ("low", _Float3),
        ("size", _Float3),
        ("distance", ctypes.c_void_p),
        ("places", ctypes.c_void_p),
        ("values", ctypes.c_void_p),
    ]


class Sources(ctypes.Structure):
    """`shade.cu`: Sources."""

    _fields_ = [
        ("views", ctypes.c_void_p),
        ("texels", ctypes.c_void_p),
        ("width", ctypes.c_int),
        ("height", ctypes.c_int),
        ("pixel_offset", ctypes.c_float),
        ("mask_invisible", ctypes.c_int),
    ]


class Blend(ctypes.Structure):
    """`shade.cu`: Blend."""

    _fields_ = [("weights", ctypes.c_void_p), ("biases", ctypes.c_void_p), ("least_score", ctypes.c_float)]


class Picture(ctypes.Structure):
    """`composite.cu`: Picture."""

    _fields_ = [
        ("rgb", ctypes.c_void_p),
        ("opacity", ctypes.c_void_p),
        ("depth", ctypes.c_void_p),
        ("samples", ctypes.c_void_p),
        ("display", ctypes.c_void_p),
        ("background", _Float3),
        ("renormalise", ctypes.c_int),
    ]


def field(planes: Iterable[Tensor], lines: Iterable[Tensor], weights: Tensor, biases: Tensor, low: np.ndarray, high: np.ndarray) -> ctypes.Structure:
    """`density.cuh`: Field, whose size depends on its levels."""
    spatial, temporal = list(planes), list(lines)
    pointers = ctypes.c_void_p * len(spatial)

    class Field(ctypes.Structure):
        _fields_ = [
            ("planes", pointers),
            ("lines", pointers),
            ("weights", ctypes.c_void_p),
            ("biases", ctypes.c_void_p),
            ("low", _Float3),
            ("scale", _Float3),
        ]

    return Field(
        planes=pointers(*(plane.data_ptr() for plane in spatial)),
        lines=pointers(*(line.data_ptr() for line in temporal)),
        weights=weights.data_ptr(),
        biases=biases.data_ptr(),
        low=_Float3(*low),
        scale=_Float3(*(1.0 / (high - low))),
    )


def float3(values: Iterable[float | int] | np.ndarray) -> ctypes.Array:
    return _Float3(*(float(value) for value in values))


def int3(values: Iterable[int]) -> ctypes.Array:
    return _Int3(*(int(value) for value in values))
