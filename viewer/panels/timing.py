"""Where the time of the last pictures went: a part of the figures at the top left."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import numpy as np
from imgui_bundle import ImVec2, imgui

from viewer.panels.widgets import em, muted
from viewer.stats import Stages, Stats

_COLUMNS = ("", "last", "median", "longest")
_WHOLE = "render"


def draw(stats: Stats) -> None:
    """A line a stage, and how long the pictures took one after the other."""
    if not stats.recent:
        muted("No picture was timed yet")
        return
    if imgui.begin_table("##timing", len(_COLUMNS), imgui.TableFlags_.sizing_fixed_fit | imgui.TableFlags_.no_host_extend_x):
        for i, name in enumerate(_COLUMNS):
            imgui.table_setup_column(name, imgui.TableColumnFlags_.width_fixed, em(6.0 if i == 0 else 4.5))
        for cells in (_COLUMNS, *((stage, *(f"{ms:.1f} ms" for ms in times)) for stage, *times in rows(stats.recent))):
            imgui.table_next_row()
            for cell in cells:
                imgui.table_next_column()
                muted(cell)
        imgui.end_table()
    whole = np.array([_sum(stages) for stages in stats.recent], dtype=np.float32)
    told = f"last {len(whole)} pictures, 0 to {whole.max():.0f} ms"
    imgui.plot_histogram("##times", whole, overlay_text=told, scale_min=0.0, graph_size=ImVec2(em(20.0), em(3.0)))


def rows(recent: Sequence[Stages]) -> list[tuple[str, float, float, float]]:
    """(stage, time in the last picture, median and longest over the pictures that had it) in milliseconds, in the order they ran; the whole first.

    A stage that the last picture did not have took no time in it.
    """
    times: dict[str, list[float]] = {_WHOLE: [_sum(stages) for stages in recent]}
    for stages in reversed(recent):
        for name, ms in stages:
            times.setdefault(name, []).append(ms)
    last = {_WHOLE: times[_WHOLE][-1], **dict(recent[-1])}
    return [(name, last.get(name, 0.0), median(found), max(found)) for name, found in times.items()]


def _sum(stages: Stages) -> float:
    return sum(ms for _, ms in stages)
