"""The part of a training step between the image network and the optimiser: rays in, losses and gradients out.

It is hundreds of small kernels of fixed shapes. On a GPU they are captured in a CUDA graph, one for each number of source views, and then replayed
with a single launch: a host cannot enqueue them as fast as the GPU runs them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

_WARM_UPS = 3  # runs before a capture, in which libraries allocate and choose
_CANVAS = 64  # canvases grow by multiples of this, so that few captures are thrown away


@dataclass(frozen=True, kw_only=True)
class StepInputs:
    """All that a step's rays depend on, besides the weights."""

    texels: Float[Tensor, "target source channels h w"]
    """Of the image network; gradients flow back into it where it requires them."""
    sizes: Int[Tensor, "target source 2"]
    K: Float[Tensor, "target source 3 3"]
    T_camera_world: Float[Tensor, "target source 4 4"]
    origins: Float[Tensor, "target ray 3"]
    directions: Float[Tensor, "target ray 3"]
    near: Float[Tensor, "target ray"]
    far: Float[Tensor, "target ray"]
    time: Float[Tensor, "target"]
    rgb: Float[Tensor, "target ray 3"]
    mask: Float[Tensor, "target ray"]
    hull: Int[Tensor, "target"]
    """Row of each target's visual hull; of no meaning where there are none."""
    anneal: Float[Tensor, ""]
    """Exponent of the proposal weights."""


Terms = Callable[[StepInputs], Float[Tensor, "term"]]


Targets = list[tuple[nn.Parameter, Tensor]]
"""Parameters, and where their gradients are left."""


class RayStep:
    """Losses and gradients of batches of rays."""

    def __init__(self, terms: Terms, method: nn.Module, *, captured: bool) -> None:
        """Args:
        terms: the losses of a batch; must run the same kernels on the same shapes whatever the values are.
        method: whose parameters get gradients.
        captured: whether to capture CUDA graphs.
        """
        self._terms, self._method, self._captured = terms, method, captured
        self._graphs: dict[tuple[int, bool], _Graph] = {}
        self._canvas = (0, 0)
        self._gradients: Targets = []

    def forget(self) -> None:
        """Captures anew from now on: something that the losses depend on besides their inputs has changed."""
        self._graphs.clear()

    def __call__(self, inputs: StepInputs, scaler: torch.amp.GradScaler) -> Float[Tensor, "term"]:
        """Runs forward and backward; gradients are added to those of the parameters. Returns the losses, detached."""
        if not self._captured:
            terms = self._terms(inputs)
            scaler.scale(terms.sum()).backward()
            return terms.detach()
        return self._replayed(inputs, scaler)

    def _replayed(self, inputs: StepInputs, scaler: torch.amp.GradScaler) -> Float[Tensor, "term"]:
        height, width = (max(old, -(-new // _CANVAS) * _CANVAS) for old, new in zip(self._canvas, inputs.texels.shape[-2:], strict=True))
        if (height, width) != self._canvas:
            self._canvas = (height, width)
            self._graphs.clear()
        key = (inputs.texels.shape[1], inputs.texels.requires_grad)
        graph = self._graphs.get(key)
        if graph is None:
            drawn = torch.cuda.get_rng_state()
            graph = self._graphs[key] = _Graph(self._terms, inputs, self._canvas, self._static_gradients(), scaler)
            torch.cuda.set_rng_state(drawn)  # a step's jitter must not depend on whether it was captured just now
        graph.replay(inputs)
        for parameter, gradient in self._gradients:
            parameter.grad = gradient
        if graph.texel_gradient is not None:
            h, w = inputs.texels.shape[-2:]
            inputs.texels.backward(graph.texel_gradient[..., :h, :w])
        return graph.losses.clone()

    def _static_gradients(self) -> Targets:
        """Where all graphs leave the gradients of the parameters that they use; the image network's are not among them."""
        if not self._gradients:
            kept = [p for name, p in self._method.named_parameters() if not name.startswith("image_net.")]
            self._gradients = [(p, torch.zeros_like(p)) for p in kept]
        return self._gradients


class _Graph:
    """A captured step for one number of source views."""

    def __init__(
        self, terms: Terms, like: StepInputs, canvas: tuple[int, int], gradients: list[tuple[nn.Parameter, Tensor]], scaler: torch.amp.GradScaler
    ) -> None:
        texels = like.texels.detach()
        padding = (0, canvas[1] - texels.shape[-1], 0, canvas[0] - texels.shape[-2])
        static = {field.name: getattr(like, field.name).detach().clone() for field in fields(StepInputs)}
        static["texels"] = torch.nn.functional.pad(texels, padding).requires_grad_(like.texels.requires_grad)
        self._inputs = StepInputs(**static)
        self._targets = gradients
        self.texel_gradient: Tensor | None = torch.zeros_like(static["texels"]) if like.texels.requires_grad else None
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UPS):
                self._run(terms, scaler)
        torch.cuda.current_stream().wait_stream(stream)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph, stream=stream, capture_error_mode="thread_local"):  # the thread of the batches goes on meanwhile
            self.losses = self._run(terms, scaler)

    def replay(self, inputs: StepInputs) -> None:
        with torch.no_grad():
            for field in fields(StepInputs):
                value, static = getattr(inputs, field.name), getattr(self._inputs, field.name)
                if field.name == "texels":
                    static = static[..., : value.shape[-2], : value.shape[-1]]  # what lies outside a view's own size is never looked at
                static.copy_(value)
        self._graph.replay()

    def _run(self, terms: Terms, scaler: torch.amp.GradScaler) -> Tensor:
        losses = terms(self._inputs)
        wanted = [parameter for parameter, _ in self._targets]
        texels = [] if self.texel_gradient is None else [self._inputs.texels]
        found = torch.autograd.grad(scaler.scale(losses.sum()), [*wanted, *texels], allow_unused=True)
        with torch.no_grad():
            for (_, target), gradient in zip(self._targets, found, strict=False):
                if gradient is not None:
                    target.copy_(gradient)
            if self.texel_gradient is not None:
                self.texel_gradient.copy_(found[-1])
        return losses.detach()
