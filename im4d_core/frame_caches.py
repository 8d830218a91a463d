"""What is kept of frames on a device: features, stacked and packed source views, density. Each kind has a budget, which follows the device's memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from im4d_core.cache import ByteCache
from im4d_core.data.frames import FrameLoader
from im4d_core.kernels.fused import FrameField, SourceTexels
from im4d_core.methods.base import Method
from im4d_core.methods.source_views import stack_context
from im4d_core.render.bricks import Bake
from im4d_core.stage_clock import StageClock
from im4d_core.tensors import Context, Features

_FEW, _MANY = 0.25, 0.5  # budgets of the other kinds, over that of features
_ALL = 1.0 + 3 * _FEW + _MANY
_FEWER = 4


class FrameCaches:
    """Values by frame, those that are needed last dropped first.

    Args:
        feature_bytes: budget of the features; those of the other kinds follow from it.
        device: where the values are. A GPU whose free memory is less than twice all budgets gets smaller ones.
    """

    def __init__(self, feature_bytes: int, device: torch.device) -> None:
        share = 1.0
        if device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(device)
            share = fitting_share(free, feature_bytes)
        few, many = (int(share * part * feature_bytes) for part in (_FEW, _MANY))
        self.features: ByteCache[tuple[int, int], Features] = ByteCache(int(share * feature_bytes), lambda f: f.texels.nbytes, _first)
        self.contexts: ByteCache[tuple[int, tuple[int, ...]], Context] = ByteCache(few, lambda c: c.texels.nbytes, _first)
        self.texels: ByteCache[tuple[int, tuple[int, ...]], SourceTexels] = ByteCache(few, lambda t: t.bytes, _first)
        self.bakes: ByteCache[int, Bake] = ByteCache(few, lambda b: b.bytes, lambda frame: frame)
        self.fields: ByteCache[tuple[int, bool], FrameField] = ByteCache(many, lambda f: f.bytes, _first)
        self._all = (self.features, self.contexts, self.texels, self.bakes, self.fields)
        self._encode_at_once = device.type != "cpu"  # a CPU takes as long for one after the other, and can stop between two
        self._fewer = False

    @property
    def feature_bytes(self) -> int:
        """Held for source views."""
        return self.features.bytes + self.contexts.bytes + self.texels.bytes

    @property
    def density_bytes(self) -> int:
        """Held for density."""
        return self.bakes.bytes + self.fields.bytes

    def context(
        self,
        method: Method,
        loader: FrameLoader,
        frame: int,
        views: tuple[int, ...],
        clock: StageClock,
        wanted: Callable[[], bool] = lambda: True,
        meanwhile: Callable[[], object] = lambda: None,
    ) -> Context | None:
        """The source views of a frame, encoded: what is not kept is decoded and encoded, and kept.

        Args:
            wanted: asked while views are decoded, and between those that are encoded one by one; returns False to stop, which keeps what is done.
            meanwhile: done once, while views are decoded where any are.

        Returns:
            None where it was stopped.
        """
        context = self.contexts.get((frame, views))
        if context is not None:
            meanwhile()
            return context
        if method.config.joint_canvas:  # the release's features depend on the whole choice of views: each choice has its own
            sources = loader.get_while(frame, views, wanted, meanwhile)
            clock.mark("sources")
            if sources is None:
                return None
            context = stack_context([method.encode(sources)])
        else:
            known = {view: features for view in views if (features := self.features.get((frame, view))) is not None}
            missing = [view for view in views if view not in known]
            sources = loader.get_while(frame, missing, wanted, meanwhile)
            clock.mark("sources")
            if sources is None:
                return None
            for together in [sources] if self._encode_at_once and sources else [[source] for source in sources]:
                for features in method.encode(together):
                    known[features.view] = features
                    self.features.put((frame, features.view), features)
                if not wanted():
                    return None
            context = stack_context([[known[view] for view in views]])
        self.contexts.put((frame, views), context)
        clock.mark("features")
        return context

    def expect(self, coming: Mapping[int, int]) -> None:
        """These frames are needed next, as `ByteCache.expect`."""
        for cache in self._all:
            cache.expect(coming)

    def drop_density(self, frame: int) -> None:
        self.bakes.drop(frame)
        for baked in (False, True):
            self.fields.drop((frame, baked))

    def clear_density(self) -> None:
        self.bakes.clear()
        self.fields.clear()

    def clear(self) -> None:
        for cache in self._all:
            cache.clear()

    def keep_less(self) -> bool:
        """Keeps a quarter as much from now on; False where that was done before."""
        if self._fewer:
            return False
        self._fewer = True
        for cache in self._all:
            cache.shrink(_FEWER)
        return True


def _first(key: tuple[int, object]) -> int:
    return key[0]


def fitting_share(free_bytes: int, feature_bytes: int) -> float:
    """How much of their usual budgets caches may have, so that half of a GPU's free memory is left to pictures."""
    return min(1.0, free_bytes / (2 * _ALL * feature_bytes))
