"""What every test starts from: checked array shapes, fixed seeds, foreign captures by environment variable, GPU tests that say why they skip."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import jaxtyping
import numpy as np
import pytest

# Before any test module imports the package: shapes and types of every annotated function and dataclass are checked at each call.
jaxtyping.install_import_hook("im4d_core", "beartype.beartype")


def _missing_gpu() -> str | None:
    import torch

    return None if torch.cuda.is_available() else "no CUDA device"


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu") is None:
        return
    reason = _missing_gpu()
    if reason is None:
        return
    if os.environ.get("IM4D_REQUIRE_GPU") == "1":
        pytest.fail(f"IM4D_REQUIRE_GPU=1, but {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(autouse=True)
def fixed_seeds() -> None:
    """The same random numbers for a test, whichever tests ran before it."""
    random.seed(0)
    np.random.seed(0)
    torch = sys.modules.get("torch")  # tests of the torch-free half must not pay for importing it
    if torch is not None:
        torch.manual_seed(0)


@pytest.fixture(scope="session")
def captures() -> Path:
    """The folder of foreign captures named by IM4D_CAPTURES; skips where there is none."""
    named = os.environ.get("IM4D_CAPTURES")
    if not named:
        pytest.skip("IM4D_CAPTURES is not set: no foreign captures to test on")
    folder = Path(named)
    if not folder.is_dir():
        pytest.fail(f"IM4D_CAPTURES={named}: no such folder", pytrace=False)
    return folder
