"""What the window measures of itself."""

from __future__ import annotations

import pytest

from viewer.meter import Rate


@pytest.mark.parametrize("fps", [8, 30, 60])
def test_a_rate_is_that_of_the_last_second(fps: int) -> None:
    rate = Rate()
    for i in range(10 * fps):
        rate.count(100.0 + i / fps)
    assert rate.per_s(110.0 - 1.0 / fps) == pytest.approx(fps, abs=1.0)  # one more or less at the border of the second


def test_a_rest_does_not_count() -> None:
    """The mean over the last frames, as it was, told 6 fps after a rest of ten seconds although the window drew 60."""
    rate = Rate()
    for i in range(30):
        rate.count(100.0 + i / 60)
    for i in range(40):
        rate.count(110.0 + i / 60)
    assert rate.per_s(110.0 + 39 / 60) == 40.0


def test_at_rest_there_is_no_rate() -> None:
    rate = Rate()
    for i in range(20):
        rate.count(100.0 + 0.5 * i)
    assert rate.per_s(109.5) == 0.0
    assert rate.per_s(200.0) == 0.0
