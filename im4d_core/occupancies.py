"""The occupancy grids of a model's frames: read from its file one at a time, or made in memory; a few are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from im4d_core.cache import ByteCache
from im4d_core.kernels.bricks import Refine
from im4d_core.render.occupancy import Occupancy, OccupancyFile, within, write_occupancy
from im4d_core.side_stream import SideStream

_KEPT_BYTES = 256 << 20


class Occupancies:
    """Grids by frame.

    Args:
        path: the file they are in, or will be written to; None keeps them in memory only.
        model_id: digest of the weights, which the file must carry.
        device: where grids are wanted.
    """

    def __init__(self, path: Path | None, model_id: str, device: torch.device) -> None:
        self._path, self._model_id, self._device = path, model_id, device
        self._side = SideStream(device)
        self._grids: ByteCache[int, Occupancy] = ByteCache(_KEPT_BYTES, lambda grid: grid.bytes, lambda frame: frame)
        self._cropped: tuple[Occupancy, bytes, Occupancy] | None = None
        self._file: OccupancyFile | None = None
        self.problem: str | None = None
        """Why there is no file in use, in words for the user."""
        self._open()

    def __contains__(self, frame: int) -> bool:
        return frame in self._grids or (self._file is not None and frame in self._file.frames)

    def get(self, frame: int) -> Occupancy:
        """The grid of a frame.

        Raises:
            ValueError: it was not baked.
        """
        grid = self._grids.get(frame)
        if grid is None:
            if self._file is None:
                raise ValueError(self.problem or f"frame {frame}: no occupancy was baked; build it in the viewer, or render in full mode")
            with self._side.beside() as hand_over:
                grid = self._file.load(frame, self._device)
                hand_over(grid.occupied)
                hand_over(grid.distance)
            self._grids.put(frame, grid)
        return grid

    def find_bricks(self, frame: int, refine: Refine) -> None:
        """Finds where a frame's grid wants bricks, without waiting for what else the device has to do.

        Raises:
            ValueError: it was not baked.
        """
        grid = self.get(frame)
        with self._side.beside() as hand_over:
            places = grid.bricks(refine)
            hand_over(places.table)
            hand_over(places.flat)

    def expect(self, coming: Mapping[int, int]) -> None:
        """These frames are needed next, as `ByteCache.expect`."""
        self._grids.expect(coming)

    def use(self, frame: int, grid: Occupancy) -> None:
        """Takes a grid that is not in the file, for as long as it is kept."""
        self._side.follow()
        self._grids.put(frame, grid)

    def write(self, grids: Iterable[tuple[int, Occupancy]], count: int, progress: Callable[[int, int], bool] | None) -> bool:
        """Takes the grids of all frames, into the file where there is a place for it.

        Args:
            count: how many will come.
            progress: called with (grids done, count) after each; returns False to cancel.

        Returns:
            False where it was cancelled.
        """
        if self._path is None:
            for done, (frame, grid) in enumerate(grids, start=1):
                self.use(frame, grid)
                if progress is not None and not progress(done, count):
                    return False
            return True
        if not write_occupancy(self._path, self._model_id, grids, count, progress):
            return False
        self._grids.clear()
        self._open()
        return True

    def cropped(self, grid: Occupancy, crop: Float[np.ndarray, "2 3"]) -> Occupancy:
        """A grid inside a box, found once as long as neither changes."""
        known = self._cropped
        if known is None or known[0] is not grid or known[1] != crop.tobytes():
            known = self._cropped = (grid, crop.tobytes(), within(grid, crop))
        return known[2]

    @property
    def bytes(self) -> int:
        """Held in memory."""
        return self._grids.bytes

    def clear(self) -> None:
        """Drops what is in memory."""
        self._grids.clear()
        self._cropped = None

    def _open(self) -> None:
        self._file, self.problem = None, None
        if self._path is None:
            return
        try:
            self._file = OccupancyFile(self._path, self._model_id)
        except (FileNotFoundError, ValueError) as error:
            self.problem = str(error)
