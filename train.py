"""Trains a scene from a multi-camera capture.

    python train.py DATA --output RUN

The same command continues a run that was stopped or killed. Under torchrun it trains data-parallel:

    torchrun --nproc-per-node 8 train.py DATA --output RUN
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from im4d_core import console
from im4d_core.config import DataConfig, FastConfig, LossConfig, MethodConfig, OccupancyConfig, RunConfig, SamplingConfig, TrainConfig, ViewsConfig, as_released
from im4d_core.limits import too_small
from im4d_core.presets import PresetName, preset
from im4d_core.types import TimeRange

if TYPE_CHECKING:
    import torch

    from im4d_core.parallel import Processes
    from im4d_core.training import Status

_LINE_EVERY_S = 10.0  # between progress lines where there is no terminal
_PATIENCE = timedelta(hours=4)
"""How long processes wait for one another while the first makes the hulls of a large capture. Should one die, torchrun ends all at once."""


@dataclass(frozen=True, kw_only=True)
class CaptureOptions(DataConfig):
    """What is read of the capture."""

    path: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="CAPTURE")]  # pyright: ignore[reportGeneralTypeIssues]  # the one setting that a command line must have
    """Folder of the capture: images/CAMERA/FRAME.jpg, cameras by EasyMocap, COLMAP, nerfstudio, instant-ngp or LLFF, and masks/ where there are any."""


@dataclass(frozen=True, kw_only=True)
class OptimisationOptions(TrainConfig):
    """Optimisation."""

    losses: tyro.conf.Suppress[LossConfig] = TrainConfig.losses


@dataclass(frozen=True, kw_only=True)
class ModelOptions(MethodConfig):
    """The Im4D model."""

    bounds: tyro.conf.Suppress[tuple[float, ...]] = MethodConfig.bounds
    times: tyro.conf.Suppress[TimeRange] = MethodConfig.times
    window: tyro.conf.Suppress[tuple[int, int]] = MethodConfig.window


@dataclass(frozen=True, kw_only=True)
class Options:
    """Trains a scene from a multi-camera capture; the same command continues a run that was stopped or killed."""

    data: Annotated[CaptureOptions, tyro.conf.OmitArgPrefixes]
    output: Annotated[Path, tyro.conf.arg(metavar="RUN")]
    """Folder of the run."""
    preset: PresetName = "default"
    """tiny trains on two CPU cores in minutes, published is the released Im4D's configuration. All other settings change it."""
    compatibility: bool = False
    """Follow the released code in everything, its defects included."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    verbose: bool = False
    """Log everything, with tracebacks."""
    train: Annotated[OptimisationOptions, tyro.conf.OmitArgPrefixes]
    losses: LossConfig
    method: ModelOptions
    views: ViewsConfig
    sampling: SamplingConfig
    occupancy: OccupancyConfig
    fast: FastConfig


def main() -> int:
    options = _options(sys.argv[1:])
    console.log_to_console(options.verbose)
    return console.run(lambda: _train(options), verbose=options.verbose)


def _train(options: Options) -> int:
    for name, wrong in too_small(options):
        raise ValueError(f"--{name.removeprefix('data.').removeprefix('train.').replace('_', '-')} {wrong}")
    from im4d_core.data import open_scene
    from im4d_core.training import Trainer, resolved, stored_boxes

    with _processes(options.device) as (processes, device, leave):
        config = stored_boxes(_config(options), options.output)
        scene = open_scene(config.data)
        with console.bar("visual hulls") as update:
            trainer = Trainer(scene, resolved(config, scene), options.output, device=device, processes=processes, progress=update)
        if trainer.step:
            console.console.print(f"continuing at step {trainer.step} of {options.train.steps}")
        with _stop_request() as stop, _progress_line() as show:

            def report(status: Status) -> bool:
                if processes.is_first:
                    show(status)
                return not stop

            finished = trainer.train(report)
        if not finished:
            console.console.print(f"stopped at step {trainer.step}, saved; the same command continues")
            return console.INTERRUPTED
        leave()  # what is left takes minutes for the first process; the others would wait for it until their time is over
        if processes.is_first:
            with console.bar("occupancy") as update:
                trainer.finish(update)
            print(f"{options.output}: trained {trainer.step} steps; view it with: python app.py {options.output}")
    return 0


def _options(arguments: list[str]) -> Options:
    """Reads the command line on top of the preset that it names."""
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("--preset", choices=("tiny", "default", "published"), default="default")
    first.add_argument("--compatibility", action="store_true")
    chosen, _ = first.parse_known_args(arguments)
    base = preset(chosen.preset)
    if chosen.compatibility:
        base = as_released(base)
    default = Options(
        data=CaptureOptions(**_values(DataConfig, base.data) | {"path": tyro.MISSING}),
        output=tyro.MISSING,
        preset=chosen.preset,
        compatibility=chosen.compatibility,
        train=OptimisationOptions(**_values(TrainConfig, base.train)),
        losses=base.train.losses,
        method=ModelOptions(**_values(MethodConfig, base.method)),
        views=base.views,
        sampling=base.sampling,
        occupancy=base.occupancy,
        fast=base.fast,
    )
    return tyro.cli(Options, args=arguments, default=default, prog="train.py")


def _config(options: Options) -> RunConfig:
    """The options without what only the command line has."""
    return RunConfig(
        data=DataConfig(**_values(DataConfig, options.data)),
        method=MethodConfig(**_values(MethodConfig, options.method)),
        views=options.views,
        sampling=options.sampling,
        occupancy=options.occupancy,
        fast=options.fast,
        train=replace(TrainConfig(**_values(TrainConfig, options.train)), losses=options.losses),
    )


def _values(kind: type[DataConfig | MethodConfig | TrainConfig], config: object) -> dict[str, Any]:
    """The fields of a part, which its options share."""
    return {field.name: getattr(config, field.name) for field in fields(kind)}


@contextmanager
def _processes(device_name: str) -> Iterator[tuple[Processes, torch.device, Callable[[], None]]]:
    """The processes that torchrun started, or this one alone; the device that it trains on; and what parts it from the others, who must all do so."""
    import torch
    import torch.distributed as dist

    from im4d_core.devices import chosen_device
    from im4d_core.parallel import Processes

    device = chosen_device(device_name)
    if "WORLD_SIZE" not in os.environ:
        yield Processes(), device, lambda: None
        return
    on_cuda = device.type == "cuda"
    device = torch.device(f"cuda:{os.environ['LOCAL_RANK']}" if on_cuda else "cpu")
    if on_cuda:
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if on_cuda else "gloo", timeout=_PATIENCE)
    processes = Processes(rank=dist.get_rank(), count=dist.get_world_size())

    def leave() -> None:
        processes.barrier()
        dist.destroy_process_group()

    try:
        yield processes, device, leave
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


@contextmanager
def _stop_request() -> Iterator[list[int]]:
    """A list that the first Ctrl+C or SIGTERM makes true, so that the step ends and is saved; the second Ctrl+C interrupts at once."""
    stop: list[int] = []

    def note(number: int, _frame: object) -> None:
        if stop and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Line:
    """The live progress line; where there is no terminal, a printed line now and then."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("training", total=None, text="")
        self._printed_at = 0.0

    def __call__(self, status: Status) -> None:
        text = (
            f"step {status.step}/{status.steps}  loss {status.loss:.5f}  PSNR {status.psnr:5.2f} dB  "
            f"{status.rays_per_s / 1e3:.1f}k rays/s  {_duration(status.seconds_left)} left"
        )
        self._progress.update(self._task, completed=status.step, total=status.steps, text=text)
        if not console.console.is_terminal and (time.monotonic() - self._printed_at > _LINE_EVERY_S or status.step == status.steps):
            self._printed_at = time.monotonic()
            print(text, flush=True)


@contextmanager
def _progress_line() -> Iterator[_Line]:
    columns = (BarColumn(bar_width=24), TextColumn("{task.fields[text]}"), TimeElapsedColumn())
    with Progress(*columns, console=console.console, disable=not console.console.is_terminal) as progress:
        yield _Line(progress)


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


if __name__ == "__main__":
    sys.exit(main())
