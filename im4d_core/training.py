"""Training: batches in, weights out. One loop without host synchronisation but every `log_every` steps."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from im4d_core.checkpoint import RunFolder, load_checkpoint, load_state, save_checkpoint, save_weights, weights_digest
from im4d_core.config import RunConfig, load_config, standing
from im4d_core.data.batches import Batch, BatchStream, Draw, PictureStore, resident_bytes
from im4d_core.data.frames import FrameLoader
from im4d_core.devices import at_work
from im4d_core.hulls import load_hulls
from im4d_core.losses import color_loss, interlevel_loss, mask_loss, plane_tv, psnr_of_mse, time_smoothness
from im4d_core.methods import build_method
from im4d_core.methods.im4d import Im4D
from im4d_core.methods.source_views import cropped_to_full_cover, cropped_to_mask, draw_views, stack_context
from im4d_core.optimiser import adam, learning_rate_factor
from im4d_core.parallel import Processes
from im4d_core.preview import preview_picture, preview_view, write_preview
from im4d_core.ray_step import RayStep, StepInputs
from im4d_core.render.full import anneal_exponent, trace
from im4d_core.render.inside import Inside, Room
from im4d_core.render.rays import camera_rays
from im4d_core.run_start import claim, windowed, within_hulls
from im4d_core.scene_renderer import SceneRenderer
from im4d_core.tensors import Context, Rays, SourceView
from im4d_core.types import Scene, TimeRange

TERMS = ("color", "mask", "mask_proposal", "interlevel", "plane_tv", "time_smooth")
"""The losses, in the order they are stacked; all but colour carry their weight already."""


@dataclass(frozen=True, kw_only=True)
class Status:
    """How far a training is."""

    step: int
    """Steps done."""
    steps: int
    loss: float
    """Mean since the last report, as is the PSNR."""
    psnr: float
    rays_per_s: float
    seconds_left: float


def resolved(config: RunConfig, scene: Scene) -> RunConfig:
    """The configuration with what only the scene knows: its box, its range of frames, where it lies; and the length of the schedule."""
    return replace(
        standing(config, scene.up),
        data=replace(config.data, path=str(Path(config.data.path).resolve())),
        method=replace(
            config.method,
            bounds=tuple(float(value) for value in scene.bounds.reshape(-1)),
            times=TimeRange(first=scene.frames[0], last=scene.frames[-1]),
        ),
        train=replace(config.train, schedule_steps=config.train.schedule_steps or config.train.steps),
    )


def stored_boxes(config: RunConfig, output: Path) -> RunConfig:
    """The configuration with the boxes that an earlier start of the same run made from masks, so that they are not made again."""
    run = RunFolder(path=output)
    if config.data.boxes or not (run.boxes.is_file() and run.config.is_file()):
        return config
    earlier = load_config(run.config).data
    if replace(earlier, path="", boxes="") != replace(config.data, path="", boxes=""):
        return config
    return replace(config, data=replace(config.data, boxes=str(run.boxes.resolve())))


class Trainer:
    """One run: continues where its folder says it stopped, until it has done its steps."""

    def __init__(
        self,
        scene: Scene,
        config: RunConfig,
        output: Path,
        *,
        device: torch.device,
        processes: Processes | None = None,
        progress: Callable[[int, int], bool] | None = None,
    ) -> None:
        """Makes or opens the run's folder and loads its newest checkpoint.

        Args:
            config: as `resolved` returns it.
            progress: called with (frames done, frames) while visual hulls are made, the first time.

        Raises:
            ValueError: the folder holds a run with other settings, or what is no run.
            RuntimeError: the folder cannot be written.
        """
        self.run = RunFolder(path=output)
        config = replace(config, data=replace(config.data, boxes=str(self.run.boxes.resolve())))
        self.scene, self.device = scene, device
        self.processes = processes or Processes()
        if self.processes.is_first:
            claim(self.run, config, scene, progress)
        self.processes.barrier()
        config = self.config = windowed(config, scene, self.run)
        self._hulls = load_hulls(self.run.hulls).to(device) if within_hulls(config, scene) else None
        most = config.train.rays * config.sampling.proposal_samples, config.train.rays * config.sampling.fine_samples
        self._room = Room.for_all(most, device) if self._hulls is not None and device.type == "cuda" else None
        torch.manual_seed(config.train.seed)
        self.method: Im4D = build_method(config.method).to(device)
        if device.type == "cuda":
            self.method.capture()
        self._optimiser = adam(self.method, config)
        self._rays = RayStep(self._ray_terms, self.method, captured=device.type == "cuda")
        self._amp = config.train.amp and device.type == "cuda"
        self._scaler = torch.amp.GradScaler("cuda", enabled=self._amp)
        self._background = torch.tensor(config.data.background, device=device)
        self._sums = torch.zeros(len(TERMS), device=device)
        self._means: dict[str, float] = {}
        self._failed_at = torch.full((len(TERMS),), -1, device=device)
        self.step = 0
        self._resume()

    def train(self, report: Callable[[Status], bool] | None = None) -> bool:
        """Runs the steps that are left, saving as it goes.

        Args:
            report: called every `log_every` steps; returns False to stop, whereupon the state is saved.

        Returns:
            Whether all steps are done.

        Raises:
            FloatingPointError: a loss is not finite; the message names step and term.
            RuntimeError: a checkpoint cannot be written.
        """
        config = self.config.train
        if self.step >= config.steps:
            return True
        loader = FrameLoader(self.scene, self.config.data, threads=min(8, os.cpu_count() or 2))
        store = PictureStore(loader, self.device, resident_bytes(self.device), self._crop)
        writer = SummaryWriter(str(self.run.logs), purge_step=self.step) if self.processes.is_first else None
        try:
            stream = BatchStream(self.scene, store, self._draw(), self._choose_views, start=self.step, device=self.device)
            with at_work(self.device), stream as batches:
                began, logged_at = time.monotonic(), self.step
                while self.step < config.steps:
                    self.train_step(batches.next())
                    last = self.step == config.steps
                    if self.step % config.log_every == 0 or last:
                        status = self._status(self.step - logged_at, time.monotonic() - began)
                        began, logged_at = time.monotonic(), self.step
                        if writer is not None:
                            self._write_scalars(writer, status)
                        wanted = report is None or report(status)
                        if not self.processes.agreed(int(wanted)):
                            self._save()
                            return False
                    if writer is not None and (self.step % config.preview_every == 0 or last):
                        self.preview(loader, writer)
                    if self.step % config.checkpoint_every == 0 or last:
                        self._check_finite()
                        self._save()
            return True
        finally:
            if writer is not None:
                writer.close()
            loader.close()

    def train_step(self, batch: Batch) -> None:
        """One optimisation step. Enqueues work only; nothing waits for the device."""
        config = self.config.train
        factor = learning_rate_factor(self.step, config.warmup, config.schedule_steps)
        for group in self._optimiser.param_groups:
            group["lr"] = group["initial_lr"] * factor
        # seeded by the step, so that a resumed run draws the same jitter; ranks must differ
        torch.manual_seed((config.seed * 1_000_003 + self.step) * 1024 + self.processes.rank)
        frozen = self.step >= config.joint_steps and self.step % config.image_network_every != 0
        self._optimiser.zero_grad(set_to_none=True)
        with torch.set_grad_enabled(not frozen), torch.autocast(self.device.type, dtype=torch.float16, enabled=self._amp, cache_enabled=False):
            features = self.method.encode([source for sources in batch.sources for source in sources])
            per_target = len(batch.sources[0])
            context = stack_context([features[i : i + per_target] for i in range(0, len(features), per_target)])
        terms = self._rays(self._inputs(batch, context), self._scaler)
        if self.step % config.losses.regularise_every == 0:
            of_planes = self._plane_terms()
            self._scaler.scale(of_planes.sum()).backward()
        else:
            of_planes = terms.new_zeros(2)
        self.processes.average(p.grad for p in self.method.parameters() if p.grad is not None)
        self._scaler.step(self._optimiser)
        self._scaler.update()
        values = torch.cat([terms, of_planes.detach()])
        self._sums += values
        self._failed_at = torch.where(~torch.isfinite(values) & (self._failed_at < 0), self.step, self._failed_at)
        self.step += 1

    def finish(self, progress: Callable[[int, int], bool] | None = None) -> None:
        """Writes the weights, the preview picture and the occupancy of the trained model.

        Args:
            progress: called with (frames baked, frames).
        """
        if not self.processes.is_first:
            return
        save_weights(self.method, self.run.weights)
        renderer = self._renderer(FrameLoader(self.scene, self.config.data))
        try:
            write_preview(preview_picture(renderer, "full"), self.run.preview)
            if renderer.occupancy_problem is not None:
                renderer.bake_occupancy(progress)
        finally:
            renderer.close()

    def preview(self, loader: FrameLoader, writer: SummaryWriter) -> None:
        """Renders a held-out picture beside its truth into the log, and as the run's preview."""
        render, truth = self._preview_pictures(self._renderer(loader))
        writer.add_image("render, truth", np.concatenate([render, truth], axis=1), self.step, dataformats="HWC")
        write_preview(render, self.run.preview)

    def _inputs(self, batch: Batch, context: Context) -> StepInputs:
        """What the rays of a batch need, as tensors."""
        config, hulls = self.config, self._hulls
        times = [config.method.times.time(frame) for frame in batch.frames]
        rows = torch.tensor([0 if hulls is None else hulls.row(frame) for frame in batch.frames])
        rays = camera_rays(batch.cameras, batch.pixels, batch.boxes, times, pixel_offset=config.method.pixel_offset, slab=config.sampling.slab)
        anneal = torch.full((), anneal_exponent(self.step, config.sampling)).to(self.device, non_blocking=True)
        return StepInputs(
            texels=context.texels,
            sizes=context.sizes,
            K=context.K,
            T_camera_world=context.T_camera_world,
            origins=rays.origins,
            directions=rays.directions,
            near=rays.near,
            far=rays.far,
            time=rays.time,
            rgb=batch.rgb,
            mask=batch.mask,
            hull=rows.to(self.device, non_blocking=True),
            anneal=anneal,
        )

    def _ray_terms(self, inputs: StepInputs) -> Tensor:
        """The losses that rays give, as in `TERMS`. A function of tensors alone, so that it can be captured."""
        weights, sampling = self.config.train.losses, self.config.sampling
        context = Context(texels=inputs.texels, sizes=inputs.sizes, K=inputs.K, T_camera_world=inputs.T_camera_world)
        rays = Rays(origins=inputs.origins, directions=inputs.directions, near=inputs.near, far=inputs.far, time=inputs.time)
        with torch.autocast(self.device.type, dtype=torch.float16, enabled=self._amp, cache_enabled=False):  # a cast kept by one capture must not serve another
            inside = None if self._hulls is None else Inside(hulls=self._hulls, row=inputs.hull, room=self._room)
            traced = trace(self.method, rays, context, sampling, background=self._background, jitter=True, anneal=inputs.anneal, inside=inside)
        fine, proposal = traced.fine, traced.proposal
        return torch.stack(
            [
                color_loss(traced.traced.rgb, inputs.rgb),
                weights.mask * mask_loss(fine.opacity, inputs.mask),
                weights.mask * mask_loss(proposal.opacity, inputs.mask),
                weights.interlevel * interlevel_loss(fine.weights, fine.edges, proposal.weights, proposal.edges, into_fine=weights.interlevel_into_field),
            ]
        )

    def _plane_terms(self) -> Tensor:
        """The losses that the planes give by themselves: roughness, changes over time."""
        weights = self.config.train.losses
        fine, proposal = self.method.field, self.method.proposal
        zero = self._sums.new_zeros(())
        rough = weights.plane_tv * sum((plane_tv(list(planes)) for f in (fine, proposal) for planes in (f.spatial, f.temporal)), zero)
        smooth = weights.time_smooth * time_smoothness(list(fine.temporal)) + weights.time_smooth_proposal * time_smoothness(list(proposal.temporal))
        return torch.stack([rough, smooth])

    def _fit_room(self) -> None:
        """Gives captured steps as much room as their batches want."""
        if self._room is not None and (room := self._room.refitted()) is not self._room:
            self._room = room
            self._rays.forget()

    def _crop(self, source: SourceView) -> SourceView:
        """The part of a source picture that colour is fetched from."""
        return cropped_to_full_cover(source) if self.config.method.joint_canvas else cropped_to_mask(source, self.config.method.window)

    def _draw(self) -> Draw:
        config = self.config
        return Draw(
            images=config.train.images,
            rays=config.train.rays,
            counts=config.views.train_counts,
            probabilities=config.views.train_probabilities,
            pixel_offset=config.method.pixel_offset,
            rounded_faces=config.sampling.slab,
            seed=config.train.seed,
            rank=self.processes.rank,
        )

    def _choose_views(self, view: int, count: int, random: np.random.Generator) -> tuple[int, ...]:
        return draw_views(self.scene, view, count, self.config.views, random)

    def _status(self, steps: int, seconds: float) -> Status:
        """Waits for the device: the one synchronisation of the loop."""
        config = self.config.train
        self._check_finite()
        self._fit_room()
        means = (self._sums / max(steps, 1)).tolist()
        self._sums.zero_()
        self._means = dict(zip(TERMS, means, strict=True))
        pace = steps / max(seconds, 1e-9)
        return Status(
            step=self.step,
            steps=config.steps,
            loss=sum(means),
            psnr=float(psnr_of_mse(torch.tensor(means[0]))),
            rays_per_s=pace * config.images * config.rays * self.processes.count,
            seconds_left=(config.steps - self.step) / pace,
        )

    def _check_finite(self) -> None:
        for term, step in zip(TERMS, self._failed_at.tolist(), strict=True):
            if step >= 0:
                raise FloatingPointError(
                    f"{self.run.path}: the loss term '{term}' is not finite at step {step}; no checkpoint was written since; "
                    "look for NaN in the calibration, or lower train.lr and train.lr_planes"
                )

    def _write_scalars(self, writer: SummaryWriter, status: Status) -> None:
        writer.add_scalar("train/loss", status.loss, self.step)
        writer.add_scalar("train/psnr", status.psnr, self.step)
        writer.add_scalar("train/rays_per_s", status.rays_per_s, self.step)
        for group in self._optimiser.param_groups:
            writer.add_scalar(f"lr/{group['name']}", group["lr"], self.step)
        for term, value in self._means.items():
            writer.add_scalar(f"loss/{term}", value, self.step)

    def _save(self) -> None:
        if self.processes.is_first:
            state = {
                "step": self.step,
                "model": self.method.state_dict(),
                "optimiser": self._optimiser.state_dict(),
                "scaler": self._scaler.state_dict(),
            }
            save_checkpoint(self.run.checkpoints, self.step, state)
        self.processes.barrier()

    def _resume(self) -> None:
        loaded = load_checkpoint(self.run.checkpoints)
        step = self.processes.agreed(-1 if loaded is None else loaded[0])
        if loaded is None:
            return
        if loaded[0] != step:
            raise RuntimeError(f"{self.run.checkpoints}: process {self.processes.rank} reads step {loaded[0]}, the first one step {step}; they need one disk")
        state: dict[str, Any] = loaded[1]
        load_state(self.method, state["model"], f"{self.run.checkpoints} (step {step})")
        self._optimiser.load_state_dict(state["optimiser"])
        self._scaler.load_state_dict(state["scaler"])
        self.step = step

    def _renderer(self, loader: FrameLoader) -> SceneRenderer:
        written = self.run.weights.is_file() and self.step >= self.config.train.steps
        return SceneRenderer(
            self.scene,
            self.method,
            loader,
            self.config,
            device=self.device,
            model_id=weights_digest(self.run.weights) if written else "",
            occupancy_path=self.run.occupancy if written else None,
            hulls=self._hulls,
        )

    def _preview_pictures(self, renderer: SceneRenderer) -> tuple[np.ndarray, np.ndarray]:
        view, frame, small = preview_view(self.scene)
        truth = renderer.loader.get(frame, [view])[0].image.permute(2, 0, 1)[None].float()
        truth = torch.nn.functional.interpolate(truth, (small.height, small.width), mode="area")[0].permute(1, 2, 0)
        return preview_picture(renderer, "full"), (truth + 0.5).byte().numpy()
