"""The ways in which an export that runs comes to its end too early."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from stand_in import StandIn

ENDS = ("asked", "closed", "failure")


def end(how: str, running: Iterator[tuple[int, int]], renderer: StandIn, stopped: list[bool]) -> None:
    """End an export in one of the `ENDS`.

    Args:
        running: what `film` gives.
        stopped: makes its `go_on` say no once there is something in it.
    """
    if how == "asked":
        stopped.append(True)
        assert list(running) == []
    elif how == "closed":
        running.close()  # type: ignore[attr-defined]
    else:
        renderer.failure = RuntimeError("the driver is gone")
        with pytest.raises(RuntimeError, match="the driver is gone"):
            next(running)
