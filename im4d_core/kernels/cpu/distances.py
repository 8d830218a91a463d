"""The Chebyshev distance grid, compiled for this machine."""

from __future__ import annotations

import numpy as np

from im4d_core.kernels.cpu.compiler import compiled


@compiled
def distance_grid(occupied, reach):
    """See `reference.distance_grid`: one sweep looks at the neighbours in front of a cell, one at those behind it."""
    nx, ny, nz = occupied.shape
    grid = np.empty((nx, ny, nz), np.uint8)
    for x in range(nx):
        for y in range(ny):
            for z in range(nz):
                grid[x, y, z] = 0 if occupied[x, y, z] else reach
    for sweep in range(2):
        back = 1 if sweep == 0 else -1  # towards the cells that are done
        for i in range(nx):
            x = i if sweep == 0 else nx - 1 - i
            for j in range(ny):
                y = j if sweep == 0 else ny - 1 - j
                row = grid[x, y]
                if 0 <= x - back < nx:
                    for other in range(max(y - 1, 0), min(y + 2, ny)):
                        _lower(row, grid[x - back, other])
                if 0 <= y - back < ny:
                    _lower(row, grid[x, y - back])
                last = reach
                for k in range(nz):
                    z = k if sweep == 0 else nz - 1 - k
                    last = min(row[z], last + 1)
                    row[z] = last
    return grid


@compiled
def _lower(row, neighbours):
    """Cells of a row are at most one further away than their neighbours in a row that is done."""
    n = len(row)
    row[0] = min(row[0], neighbours[0] + 1)
    row[n - 1] = min(row[n - 1], neighbours[n - 1] + 1)
    if n > 1:
        row[0] = min(row[0], neighbours[1] + 1)
        row[n - 1] = min(row[n - 1], neighbours[n - 2] + 1)
    for z in range(1, n - 1):
        row[z] = min(row[z], min(neighbours[z - 1], min(neighbours[z], neighbours[z + 1])) + 1)
