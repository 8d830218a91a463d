"""A trained run, or an exported scene, opened for rendering: its settings, weights, hulls and pictures, and how much of them this machine can keep."""

from __future__ import annotations

from pathlib import Path

from im4d_core.budgets import fitting_budgets
from im4d_core.checkpoint import RunFolder, load_weights, weights_digest
from im4d_core.config import load_config
from im4d_core.data import open_scene
from im4d_core.data.frames import FrameLoader
from im4d_core.devices import chosen_device
from im4d_core.hulls import load_hulls
from im4d_core.methods import build_method
from im4d_core.missing_run import missing_run
from im4d_core.run_start import within_hulls
from im4d_core.scene_renderer import SceneRenderer


def open_run(path: Path, *, device: str = "auto", cuda_kernels: bool = True) -> SceneRenderer:
    """Opens a trained run or an exported scene for rendering. Where the hulls it was trained within are missing, the renderer's `fallbacks` say so.

    Args:
        device: a torch device, or "auto" for the first CUDA device and the CPU where there is none.
        cuda_kernels: as `SceneRenderer`'s.

    Raises:
        FileNotFoundError: a file of the run, or the capture it was trained on, is missing; or the folder is a capture.
        ValueError: a file is damaged or of another model.
        RuntimeError: the device does not exist.
    """
    run = RunFolder(path=path)
    if not run.config.is_file():
        raise missing_run(path)
    config = load_config(run.config)
    chosen = chosen_device(device)
    scene = open_scene(run.data(config))
    method = build_method(config.method)
    load_weights(method, run.weights)
    method.to(chosen).eval()
    budgets = fitting_budgets(chosen)
    loader = FrameLoader(scene, config.data, byte_budget=budgets.pictures)
    renderer = SceneRenderer(
        scene,
        method,
        loader,
        config,
        device=chosen,
        model_id=weights_digest(run.weights),
        occupancy_path=run.occupancy,
        feature_bytes=budgets.features,
        cuda_kernels=cuda_kernels,
        hulls=load_hulls(run.hulls) if run.hulls.is_file() else None,
    )
    if renderer.hulls is None and within_hulls(config, scene):
        renderer.fall_back(f"{run.hulls}: no such file, so pictures may show matter where nothing was trained; copy it from where the run was trained")
    return renderer
