"""Methods: what a scene is made of."""

from im4d_core.config import MethodConfig
from im4d_core.methods.im4d import Im4D


def build_method(config: MethodConfig) -> Im4D:
    """An untrained model of a configuration."""
    return Im4D(config)
