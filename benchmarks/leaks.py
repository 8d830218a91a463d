"""Whether playing, orbiting and resizing leak anything: memory of host and GPU, registered textures, over thousands of pictures.

python -m benchmarks.leaks SCENE --pictures 10000
python -m benchmarks.leaks SCENE --pictures 10000 --window

The first half fills caches and pools: the largest pictures come at random, and PyTorch's pool keeps what it once had. In the second half what is held
beside the caches may grow by `--bound-mb`, of host and GPU each, and textures not at all; else the program ends with status 1.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Annotated

import im4d_core  # noqa: F401 - before torch, which reads at its import how OpenMP's threads are to wait  # isort: skip
import tyro
from rich.progress import Progress

from benchmarks.orbit import sides
from benchmarks.stress import in_thread, in_window
from benchmarks.table import Cell, report
from viewer.memory_use import memory_use
from viewer.messages import Facts

_MB = 1 << 20
_TENTHS = 10


@dataclass(frozen=True, kw_only=True)
class Held:
    """What is held at a moment. Megabytes, and numbers of textures."""

    host: float
    host_caches: float
    allocated: float
    reserved: float
    device_caches: float
    registered: int
    textures: int


def main(
    run: Annotated[Path, tyro.conf.Positional],
    *,
    pictures: int = 10_000,
    size: str = "1280x720",
    window: bool = False,
    bound_mb: float = 64.0,
    device: str = "auto",
    output: Path = Path("benchmarks/results/leaks.json"),
) -> None:
    """Makes many pictures and watches the memory.

    Args:
        run: run folder or exported scene.
        pictures: how many.
        size: width x height of the largest, or of the window.
        window: in the real window; else in its render thread only.
        bound_mb: what host and GPU memory may grow in the second half, beside what caches hold.
        device: auto, cpu, cuda or cuda:N.
        output: where the figures are written.
    """
    if pictures < _TENTHS:
        raise SystemExit(f"--pictures {pictures}: at least {_TENTHS} are needed")
    tenths: list[list[Held]] = [[] for _ in range(_TENTHS)]
    ended_s = [0.0] * _TENTHS
    width, height = sides(size)
    with Progress() as progress:
        task = progress.add_task("pictures", total=pictures)

        def seen(number: int, facts: Facts | None, registered: int, textures: int) -> None:
            tenth = number * _TENTHS // pictures
            tenths[tenth].append(_held(facts, registered, textures))
            ended_s[tenth] = time.monotonic()
            progress.advance(task)

        began = time.monotonic()
        stress = in_window if window else in_thread
        made = stress(run, device, (width, height), pictures, seen)
    most = [Held(**dict(zip(Held.__dataclass_fields__, map(max, zip(*map(astuple, tenth), strict=True)), strict=True))) for tenth in tenths]
    rows: list[dict[str, Cell]] = [
        {
            "tenth": i + 1,
            "pictures/s": len(tenths[i]) / (ended_s[i] - ([began, *ended_s][i])),
            "host MB": held.host,
            "of it caches": held.host_caches,
            "GPU allocated MB": held.allocated,
            "reserved": held.reserved,
            "of it caches ": held.device_caches,
            "registered": held.registered,
            "textures": held.textures,
        }
        for i, held in enumerate(most)
    ]
    report(f"{run}: {pictures} pictures of up to {size}, {made}; the most of each tenth", rows, output)
    grown = growth(most)
    for name, mb in grown.items():
        print(f"{name}: {mb:+.1f} in the second half")
    limits = {"host MB": bound_mb, "GPU MB": bound_mb, "registered textures": 0.0, "textures": 0.0}
    leaking = [name for name, limit in limits.items() if grown[name] > limit]
    if leaking:
        raise SystemExit(f"grew by more than is allowed: {', '.join(leaking)}")


def growth(most: list[Held]) -> dict[str, float]:
    """How much more the second half of some spans held than the first, what caches hold left out."""
    half = len(most) // 2
    earlier, later = most[:half], most[half:]

    def grown(held: Callable[[Held], float]) -> float:
        return max(map(held, later)) - max(map(held, earlier))

    return {
        "host MB": grown(lambda held: held.host - held.host_caches),
        "GPU MB": grown(lambda held: held.reserved - held.device_caches),
        "registered textures": grown(lambda held: held.registered),
        "textures": grown(lambda held: held.textures),
    }


def _held(facts: Facts | None, registered: int, textures: int) -> Held:
    memory = {} if facts is None else dict(facts.memory)
    on_gpu = "gpu" in memory
    caches = {"sources": memory.get("sources", 0), "others": memory.get("features", 0) + memory.get("occupancy", 0)}
    reserved = allocated = 0
    if on_gpu:
        import torch

        allocated, reserved = torch.cuda.memory_allocated(), torch.cuda.memory_reserved()
    return Held(
        host=memory_use("cpu").host / _MB,
        host_caches=(caches["sources"] + (0 if on_gpu else caches["others"])) / _MB,
        allocated=allocated / _MB,
        reserved=reserved / _MB,
        device_caches=(caches["others"] if on_gpu else 0) / _MB,
        registered=registered,
        textures=textures,
    )


if __name__ == "__main__":
    tyro.cli(main)
