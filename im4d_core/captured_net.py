"""Passes of an image network as CUDA graphs: one launch instead of a hundred, where pictures come again and again in one shape."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

_log = logging.getLogger(__name__)
_WARM_UPS = 1  # runs before a capture, in which libraries allocate and choose; the first time a shape is met was one, too
_MOST = 24  # shapes that are captured; each keeps what goes in and comes out, and with gradients its activations


class CapturedNet:
    """A network whose passes are captured the second time a shape is met. The same function as the network itself, gradients of its weights included.

    Images go through a network that is not trained (`eval`) one by one: how many are of one size changes from frame to frame, every number of them would be
    another shape, and a capture takes as long as a frame of playing. The GPU of the weights must be the current one.
    """

    def __init__(self, net: nn.Module) -> None:
        self._net = net
        self._met: set[tuple[object, ...]] = set()
        self._passes: dict[tuple[object, ...], _Pass] = {}
        self._most = _MOST
        self._apart: _Apart | None = None

    def __call__(self, images: Float[Tensor, "n channels h w"]) -> Float[Tensor, "n features h w"]:
        """What the network returns; captured passes give a buffer that the next pass of this shape overwrites."""
        if len(images) > 1 and not self._net.training and not torch.is_grad_enabled():
            first = self(images[:1])
            out = first.new_empty(len(images), *first.shape[1:])
            out[0] = first[0]
            for row, image in zip(out[1:], images[1:].split(1), strict=True):
                row.copy_(self(image)[0])  # the next one of the same shape overwrites it
            return out
        half = torch.is_autocast_enabled("cuda")
        key = (tuple(images.shape), torch.is_grad_enabled(), torch.is_inference_mode_enabled(), half)
        captured = self._passes.get(key)
        if captured is None:
            if key not in self._met or len(self._passes) >= self._most:
                self._met.add(key)
                return self._net(images)
            try:
                captured = self._passes[key] = self._capture(images)
            except torch.OutOfMemoryError:  # a graph keeps what a pass gives back: no more of them
                _log.info("no memory for a captured pass of %s", tuple(images.shape), exc_info=True)
                self._most = len(self._passes)
        if captured is None:
            return self._net(images)
        if not torch.is_grad_enabled():
            return captured.forward(images)
        return _Replayed.apply(captured, images, *captured.weights)  # pyright: ignore[reportReturnType]

    def _capture(self, images: Tensor) -> _Pass:
        if self._apart is None:
            self._apart = _Apart()
        return _Pass(self._net, images, self._apart)


class _Apart:
    """Where passes are captured: a stream that nothing else uses, and memory that all passes without gradients use in turn, since one follows another."""

    def __init__(self) -> None:
        self.stream = torch.cuda.Stream()
        self.pool: Any = torch.cuda.graph_pool_handle()


class _Pass:
    """A captured pass over one shape, and where gradients are wanted the pass back."""

    def __init__(self, net: nn.Module, like: Tensor, apart: _Apart) -> None:
        self.weights = [weight for weight in net.parameters() if weight.requires_grad] if torch.is_grad_enabled() else []
        self._images = like.detach().clone()
        stream, pool = apart.stream, None if self.weights else apart.pool
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UPS):
                out, weights = _run(net, self._images)
                if weights:
                    torch.autograd.grad(out, weights, torch.zeros_like(out))
        torch.cuda.current_stream().wait_stream(stream)
        self._forward, self._backward = torch.cuda.CUDAGraph(), torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._forward, pool=pool, stream=stream, capture_error_mode="thread_local"):  # the thread of the batches goes on meanwhile
            out, weights = _run(net, self._images)
        self._out = out.detach()
        if weights:
            self._gradient = torch.zeros_like(self._out)
            with torch.cuda.graph(self._backward, pool=self._forward.pool(), stream=stream, capture_error_mode="thread_local"):
                self._found = torch.autograd.grad(out, weights, self._gradient)

    def forward(self, images: Tensor) -> Tensor:
        """Runs the pass."""
        self._images.copy_(images)
        self._forward.replay()
        return self._out

    def backward(self, gradient: Tensor) -> Sequence[Tensor]:
        """Runs the pass back of the last forward one. Returns the gradients of the weights."""
        self._gradient.copy_(gradient)
        self._backward.replay()
        return self._found


def _run(net: nn.Module, images: Tensor) -> tuple[Tensor, list[Tensor]]:
    """A pass, and the weights that it was made with: others that share the memory of the network's own, whose place in autograd is bound to the stream
    on which they were used first, and a capture must touch no stream but its own."""
    own = {name: weight.detach().requires_grad_(weight.requires_grad and torch.is_grad_enabled()) for name, weight in net.named_parameters()}
    return torch.func.functional_call(net, own, (images,)), [weight for weight in own.values() if weight.requires_grad]


class _Replayed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, captured: _Pass, images: Tensor, *weights: Tensor) -> Tensor:
        ctx.captured = captured
        return captured.forward(images).clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return (None, None, *(found.clone() for found in ctx.captured.backward(gradient)))
