"""A picture as the window has it, of which only request and depth matter."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from viewer.messages import DisplayBuffer
from viewer.request import RenderRequest


def displayed(request: RenderRequest, depth: Float32[np.ndarray, "h w"]) -> DisplayBuffer:
    """In host memory, final, black."""
    return DisplayBuffer(
        request=request,
        pixels=np.zeros((*depth.shape, 4), np.uint8),
        depth=depth,
        source_views=(),
        renderer="test",
        stages_ms=(),
        render_ms=1.0,
        asked_s=0.0,
        latency_ms=1.0,
        final=True,
        steady=True,
    )
