"""The loops of this package at work on tensors: whether they can be used, and what they are given."""

from __future__ import annotations

import logging
import sys
import tempfile
import threading
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import platformdirs
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from im4d_core.kernels.bricks import Bricks
from im4d_core.kernels.cpu.threads import shared
from im4d_core.kernels.packing import BlendTensors, Layer
from im4d_core.kernels.reference import Marched

CHANNELS = 11
"""Of a texel: colour and features."""
_log = logging.getLogger(__name__)
_RAYS, _SAMPLES = 512, 1024
"""How much of a tile a thread takes at a time: few enough that all threads end together, many enough that sharing costs nothing."""
_lock = threading.Lock()
_ready = threading.Event()
_loops: dict[str, ModuleType] = {}


def installed() -> bool:
    """Whether the compiler is there. Does not import it, which takes half a second."""
    return find_spec("numba") is not None


def prepare() -> bool:
    """Compiles the loops, or loads them from the user's cache folder; returns whether they can be used.

    The first time takes some ten seconds, later ones half a second. Until it returns, and where it fails, their PyTorch twins do the work.
    """
    with _lock:
        if not _ready.is_set() and installed():
            interval = sys.getswitchinterval()
            sys.setswitchinterval(0.1 * interval)  # a compiler is all Python: the threads that render and draw must come in between
            try:
                _load()
                _ready.set()
            except Exception:  # noqa: BLE001 - whatever a compiler can raise, the twins go on
                _log.warning("the CPU kernels cannot be compiled; PyTorch does their work", exc_info=True)
            finally:
                sys.setswitchinterval(interval)
    return _ready.is_set()


def ready() -> bool:
    """Whether `prepare` has succeeded."""
    return _ready.is_set()


def serves(*tensors: Tensor) -> bool:
    """Whether the loops can be used on tensors: they are compiled, and the tensors are on the CPU, in single precision, and want no gradient."""
    if not _ready.is_set():
        return False
    return all(
        t.device.type == "cpu" and t.dtype in (torch.float32, torch.bool, torch.uint8) and not (t.requires_grad and torch.is_grad_enabled()) for t in tensors
    )


def distance_grid(occupied: Bool[Tensor, "x y z"], reach: int) -> UInt8[Tensor, "x y z"]:
    """As `reference.distance_grid`."""
    return torch.from_numpy(_loops["distances"].distance_grid(_array(occupied), reach))


def march_bricks(
    origins: Float[Tensor, "ray 3"],
    directions: Float[Tensor, "ray 3"],
    near: Float[Tensor, "ray"],
    far: Float[Tensor, "ray"],
    distance: UInt8[Tensor, "x y z"],
    bricks: Bricks,
    step: float,
    min_weight: float,
    min_transmittance: float,
) -> Marched:
    """As `reference.march_bricks`."""
    loops = _loops["marching"]
    lattice = loops.Lattice(
        distance=_array(distance),
        low=_array(bricks.box[0]),
        scale=_array(torch.tensor(distance.shape) / (bricks.box[1] - bricks.box[0])),
        values=_array(bricks.values),
        table=_array(bricks.table),
        refine=np.array(bricks.refine, np.float32),
        step=np.float32(step),
        min_weight=np.float32(min_weight),
        min_transmittance=np.float32(min_transmittance),
    )
    rays = (_array(origins), _array(directions), _array(near), _array(far))
    transmittance, evaluated = np.empty(len(origins), np.float32), np.empty(len(origins), np.int32)
    kept = shared(lambda begin, end: loops.march(*rays, begin, end, lattice, transmittance, evaluated), len(origins), _RAYS)
    ray, depth, weight = (torch.from_numpy(np.concatenate(parts)) for parts in zip(*kept, strict=True))
    return Marched(ray=ray, depth=depth, weight=weight, transmittance=torch.from_numpy(transmittance), evaluated=torch.from_numpy(evaluated))


def blend(
    points: Float[Tensor, "n 3"],
    directions: Float[Tensor, "n 3"],
    texels: Float[Tensor, "source channels h w"],
    sizes: Int[Tensor, "source 2"],
    K: Float[Tensor, "source 3 3"],
    T_camera_world: Float[Tensor, "source 4 4"],
    network: BlendTensors,
    *,
    pixel_offset: float,
    mask_invisible: bool,
) -> Float[Tensor, "n 3"]:
    """See `kernels.blend`."""
    loops = _loops["shading"]
    R, t = T_camera_world[:, :3, :3].double(), T_camera_world[:, :3, 3:].double()
    sources = loops.Sources(
        texels=_array(texels.permute(0, 2, 3, 1)),
        sizes=_array(sizes),
        to_image=_array((K.double() @ T_camera_world[:, :3].double()).float()),
        centres=_array(-(R.transpose(1, 2) @ t).squeeze(-1).float()),
        pixel_offset=np.float32(pixel_offset),
        mask_invisible=mask_invisible,
    )
    packed, samples = _packed(loops, network), (_array(points), _array(directions))
    colors = np.empty((len(points), 3), np.float32)
    shared(lambda begin, end: loops.shade(*samples, begin, end, sources, packed, colors), len(points), _SAMPLES)
    return torch.from_numpy(colors)


def _packed(loops: ModuleType, network: BlendTensors) -> Any:
    """The weights of a blending network as `shading.Blend`."""
    statistics, compare = _array(network.statistics.weight), _array(network.compare.weight)
    shared_inputs = compare.shape[1] - CHANNELS - loops.DIRECTION

    def filled(weight: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(np.pad(weight, ((0, 0), (0, -weight.shape[1] % 4))))

    return loops.Blend(
        seen=filled(statistics[:, :CHANNELS]),
        moments=filled(statistics[:, CHANNELS:]),
        statistics_bias=_array(network.statistics.bias),
        attention=_array(network.attention.weight)[0],
        attention_bias=_array(network.attention.bias)[0],
        pooled=_array(network.pooled.weight),
        pooled_bias=_array(network.pooled.bias),
        spread=_array(network.spread.weight),
        spread_bias=_array(network.spread.bias),
        shared=np.ascontiguousarray(compare[:, :shared_inputs]),
        compare=filled(compare[:, shared_inputs:]),
        compare_bias=_array(network.compare.bias),
        score=_array(network.score.weight)[0],
        score_bias=_array(network.score.bias)[0],
        least_score=np.float32(network.least_score),
    )


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().contiguous().numpy()


def _load() -> None:
    """Imports the loops and compiles each by running it once on next to nothing; other types than those it then meets are refused from now on."""
    from numba.core import config as settings

    config: Any = settings  # made of the environment, so a type checker sees nothing in it
    before, config.CACHE_DIR = config.CACHE_DIR, config.CACHE_DIR or _cache_folder()
    try:
        _loops.update({name: import_module(f"im4d_core.kernels.cpu.{name}") for name in ("distances", "marching", "shading")})
    finally:
        config.CACHE_DIR = before
    one, box = torch.ones(1, 3), torch.tensor([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    grid = distance_grid(torch.ones(1, 1, 1, dtype=torch.bool), 1)
    bricks = Bricks(values=torch.zeros(1, 9, 9, 9), table=torch.zeros(1, 1, 1, dtype=torch.int32), box=box, refine=(1, 1, 1))
    march_bricks(one, one, one[:, 0], one[:, 0], grid, bricks, 1.0, 0.0, 0.0)
    shapes = {"statistics": (32, 33), "attention": (1, 32), "pooled": (16, 32), "spread": (64, 16), "compare": (64, 95), "score": (1, 64)}
    layers = {name: Layer(weight=torch.zeros(shape), bias=torch.zeros(shape[0])) for name, shape in shapes.items()}
    network = BlendTensors(**layers, least_score=0.0)
    views = torch.zeros(1, CHANNELS, 1, 1), torch.ones(1, 2, dtype=torch.int64), torch.eye(3)[None], torch.eye(4)[None]
    blend(one, one, *views, network, pixel_offset=0.0, mask_invisible=True)
    for loop in (_loops["distances"].distance_grid, _loops["marching"].march, _loops["shading"].shade):
        loop.disable_compile()


def _cache_folder() -> str:
    """Where compiled code is kept between starts; where that cannot be written, a folder for this process."""
    folder = Path(platformdirs.user_cache_dir("im4d-viewer", appauthor=False)) / "numba"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return str(folder)
    except OSError:
        return tempfile.mkdtemp(prefix="im4d-numba-")
