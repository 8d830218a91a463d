"""Values of frames kept within a budget of bytes, and which of them go first."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


def by_need(keys: Iterable[Key], frame: Callable[[Key], int], coming: Mapping[int, int]) -> list[Key]:
    """Keys in the order in which their values may go: of frames that are not expected first, then those that are needed last.

    In a loop longer than its cache the least recently used value is the one that is needed next, so that nothing would ever be found.

    Args:
        keys: the least recently used first; among frames that are needed equally late, they go in this order.
        frame: that a key belongs to.
        coming: how soon each of the frames that are expected is needed, 0 being the soonest.
    """
    return sorted(keys, key=lambda key: -coming.get(frame(key), math.inf))


class ByteCache(Generic[Key, Value]):
    """Values by key within a byte budget. Those of frames that are not expected go first, the least recently used before others; the newest always stays.

    Args:
        size: bytes of a value.
        frame: that a key belongs to.
    """

    def __init__(self, budget: int, size: Callable[[Value], int], frame: Callable[[Key], int]) -> None:
        self._budget, self._size, self._frame = budget, size, frame
        self._values: OrderedDict[Key, Value] = OrderedDict()
        self._coming: Mapping[int, int] = {}
        self.bytes = 0

    def __contains__(self, key: Key) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[Key]:
        return iter(self._values)

    def __getitem__(self, key: Key) -> Value:
        self._values.move_to_end(key)
        return self._values[key]

    def get(self, key: Key) -> Value | None:
        return self[key] if key in self._values else None

    def put(self, key: Key, value: Value) -> None:
        self.drop(key)
        self._values[key] = value
        self.bytes += self._size(value)
        self._fit()

    def expect(self, coming: Mapping[int, int]) -> None:
        """From now on these frames are expected, as in `by_need`; none where nothing plays."""
        self._coming = coming

    def shrink(self, factor: int) -> None:
        """Have a budget so many times smaller from now on."""
        self._budget //= factor
        self._fit()

    def drop(self, key: Key) -> None:
        if key in self._values:
            self.bytes -= self._size(self._values.pop(key))

    def clear(self) -> None:
        self._values.clear()
        self.bytes = 0

    def _fit(self) -> None:
        if self.bytes <= self._budget:
            return
        for key in by_need(list(self._values)[:-1], self._frame, self._coming):
            if self.bytes <= self._budget:
                break
            self.drop(key)
