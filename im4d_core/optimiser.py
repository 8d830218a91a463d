"""How the weights of a model are moved: Adam, with a pace of its own for planes, and how the pace falls."""

from __future__ import annotations

import math

import torch

from im4d_core.config import RunConfig
from im4d_core.methods.im4d import Im4D


def learning_rate_factor(step: int, warmup: int, schedule_steps: int) -> float:
    """Linear warm-up, then half a cosine down to nearly zero, where it stays."""
    if step < warmup:
        return (step + 1) / warmup
    fraction = min((step - warmup) / max(schedule_steps - warmup, 1), 1.0)
    return 0.5 * (1.0 + math.cos(math.pi * 0.999 * fraction))  # 0.999: as published, ends just above zero


def adam(method: Im4D, config: RunConfig) -> torch.optim.Adam:
    """The optimiser of a run, with the groups "planes" and "networks"; each keeps its rate at the start in `initial_lr`."""
    planes = [p for field in (method.field, method.proposal) for p in (*field.spatial, *field.temporal)]
    chosen = {id(p) for p in planes}
    others = [p for p in method.parameters() if id(p) not in chosen]
    groups = [
        {"name": "planes", "params": planes, "lr": config.train.lr_planes, "initial_lr": config.train.lr_planes},
        {"name": "networks", "params": others, "lr": config.train.lr, "initial_lr": config.train.lr},
    ]
    return torch.optim.Adam(groups, eps=1e-8, fused=True)
