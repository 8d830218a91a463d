"""Files of named tensors by whatever program: a state dict of PyTorch or safetensors. No code in them runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file


def read_tensors(path: Path) -> Mapping[str, Any]:
    """What the file names, such as tensors or groups of them.

    Raises:
        ValueError: it cannot be read, or holds something else.
    """
    try:
        content = load_file(path) if path.suffix == ".safetensors" else torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # foreign bytes make the readers raise a dozen types, and some say no more than a number
        reason = str(error).split(". ")[0]
        reason = reason if " " in reason and not isinstance(error, LookupError) else "it was written by no program that stores tensors"
        raise ValueError(f"{path}: cannot be read as weights ({reason}); expected a state dict of tensors") from error
    if not isinstance(content, Mapping):
        raise ValueError(f"{path}: expected a state dict of tensors, found {type(content).__name__}")
    return content
