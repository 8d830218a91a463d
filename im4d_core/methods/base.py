"""What a renderer may ask of a method. A renderer knows nothing else of it; a method knows nothing of renderers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from im4d_core.config import MethodConfig
from im4d_core.kernels.packing import BlendTensors, FieldTensors
from im4d_core.tensors import Context, Features, SourceView


@runtime_checkable
class Method(Protocol):
    """A dynamic scene: density from a field, colour from source views of the same time step."""

    config: MethodConfig

    def density(self, points: Float[Tensor, "target *sample 3"], time: Float[Tensor, "target"]) -> Float[Tensor, "target *sample"]:
        """Density per world unit at world points."""
        ...

    def logit(self, points: Float[Tensor, "target *sample 3"], time: Float[Tensor, "target"]) -> Float[Tensor, "target *sample"]:
        """The field's raw output; `activate` makes it a density."""
        ...

    def activate(self, logit: Float[Tensor, "*sample"]) -> Float[Tensor, "*sample"]:
        """Raw output → density; increasing."""
        ...

    def proposal_density(self, points: Float[Tensor, "target *sample 3"], time: Float[Tensor, "target"]) -> Float[Tensor, "target *sample"]:
        """A cheaper density that bounds where `density` is worth evaluating."""
        ...

    def encode(self, views: Sequence[SourceView]) -> list[Features]:
        """Features of source views. With ``config.joint_canvas`` they depend on the whole sequence, otherwise each on its own view only."""
        ...

    def capture(self) -> None:
        """From now on passes of `encode` over pictures of one size may be replayed as CUDA graphs; earlier ones go. The weights must stay where they are."""
        ...

    def color(self, points: Float[Tensor, "target n 3"], directions: Float[Tensor, "target n 3"], context: Context) -> Float[Tensor, "target n 3"]:
        """Colour at world points seen along (not necessarily unit) directions."""
        ...

    def tensors(self) -> tuple[FieldTensors, BlendTensors] | None:
        """What the fused kernels need; None for a method that is not a plane field with a blending network."""
        ...
