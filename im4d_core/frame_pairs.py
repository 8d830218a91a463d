"""Two neighbouring frames on one grid: the occupied cells of everything on the way from one to the other, and the baked density of any moment between."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from im4d_core.cache import ByteCache
from im4d_core.config import FastConfig, MethodConfig
from im4d_core.kernels.bricks import Bricks
from im4d_core.methods.base import Method
from im4d_core.occupancies import Occupancies
from im4d_core.render.between import mixed, union
from im4d_core.render.bricks import Bake, choose_refine
from im4d_core.render.occupancy import Occupancy

_KEPT_BYTES = 256 << 20


@dataclass(frozen=True, kw_only=True)
class _Pair:
    occupancy: Occupancy
    ends: tuple[Bake, Bake] | None = None
    """The density of both frames on that grid."""

    @property
    def bytes(self) -> int:
        return self.occupancy.bytes + sum(end.bytes for end in self.ends or ())


class FramePairs:
    """Makes and keeps pairs; what belongs to frames alone is kept elsewhere and left as it is.

    Args:
        grids: the occupancy of each frame.
    """

    def __init__(self, method: Method, config: MethodConfig, grids: Occupancies) -> None:
        self._method, self._config, self._grids = method, config, grids
        self._pairs: ByteCache[tuple[int, int], _Pair] = ByteCache(_KEPT_BYTES, lambda pair: pair.bytes, lambda frames: frames[0])

    def occupancy(self, frame: int, following: int) -> Occupancy:
        """The occupied cells on the way from a frame to the next one.

        Raises:
            ValueError: a frame's grid was not baked.
        """
        return self._pair(frame, following).occupancy

    def bricks(self, frame: int, following: int, onward: float, config: FastConfig, wanted: Callable[[], bool]) -> Bricks | None:
        """The density on the way from a frame to the next one: both are baked once, whatever moments are wanted. As `Bake.bricks`."""
        pair = self._pair(frame, following)
        if pair.ends is None:
            refine, times = choose_refine(pair.occupancy, self._config, config), self._config.times
            first, second = (Bake(self._method, times.time(end), pair.occupancy, refine, config.chunk) for end in (frame, following))
            pair = _Pair(occupancy=pair.occupancy, ends=(first, second))
            self._pairs.put((frame, following), pair)
        assert pair.ends is not None
        before = pair.ends[0].bricks(wanted)
        after = None if before is None else pair.ends[1].bricks(wanted)
        return None if before is None or after is None else mixed(before, after, onward)

    def expect(self, coming: Mapping[int, int]) -> None:
        """These frames are needed next, as `ByteCache.expect`."""
        self._pairs.expect(coming)

    @property
    def bytes(self) -> int:
        """Held in memory."""
        return self._pairs.bytes

    def drop(self, frame: int) -> None:
        """A frame's grid is another one now."""
        for pair in [pair for pair in self._pairs if frame in pair]:
            self._pairs.drop(pair)

    def clear(self) -> None:
        self._pairs.clear()

    def _pair(self, frame: int, following: int) -> _Pair:
        pair = self._pairs.get((frame, following))
        if pair is None:
            pair = _Pair(occupancy=union(self._grids.get(frame), self._grids.get(following)))
            self._pairs.put((frame, following), pair)
        return pair
