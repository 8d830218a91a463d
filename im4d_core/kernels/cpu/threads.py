"""A range of work shared by as many threads as PyTorch uses. The compiled loops hold no Python lock, so the threads run side by side."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import count
from typing import TypeVar

import torch

Result = TypeVar("Result")


def shared(work: Callable[[int, int], Result], total: int, at_once: int) -> list[Result]:
    """Calls work(begin, end) for pieces of [0, total), of which there is at least one; returns the results in the order of the pieces.

    A thread that is done takes the next piece, so a core that another program keeps busy holds nothing up but its own last piece.
    """
    pieces = [(begin, min(begin + at_once, total)) for begin in range(0, max(total, 1), at_once)]
    workers = min(torch.get_num_threads(), len(pieces))
    if workers == 1:
        return [work(*piece) for piece in pieces]
    results: list[Result | None] = [None] * len(pieces)
    following = count()

    def take() -> None:
        while (i := next(following)) < len(pieces):
            results[i] = work(*pieces[i])

    others = [_pool(workers - 1).submit(take) for _ in range(workers - 1)]
    take()
    for other in others:
        other.result()
    return results  # pyright: ignore[reportReturnType] - every place was filled, or result() has raised


@cache
def _pool(workers: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(workers, thread_name_prefix="cpu-kernels")
