"""Values kept within a budget of bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class ByteCache(Generic[Key, Value]):
    """Values by key within a byte budget; the least recently used go first, the newest always stays."""

    def __init__(self, budget: int, size: Callable[[Value], int]) -> None:
        self._budget, self._size = budget, size
        self._values: OrderedDict[Key, Value] = OrderedDict()
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
        while self.bytes > self._budget and len(self._values) > 1:
            self.bytes -= self._size(self._values.popitem(last=False)[1])
