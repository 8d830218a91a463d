"""Every setting of a run, as frozen dataclasses: one per part, presets as values, saved beside the weights and read back into the same types.

The fields whose two values are "ours" and "the release's" carry the release's behaviour by name; `as_released` turns all of them at once and
is the one compatibility switch.
"""

from __future__ import annotations

import json
import types
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from im4d_core.limits import Amount, Count, Weight, too_small
from im4d_core.types import TimeRange
from im4d_core.whole_file import whole_file

CONFIG_FORMAT = "im4d-run"
CONFIG_VERSION = 1

_Config = TypeVar("_Config")


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """What is read of a capture."""

    path: str = ""
    """Folder of the capture."""
    frames: str = ""
    """Frames to use, as START:STOP:STEP (stop excluded); all when empty."""
    test_views: tuple[str, ...] = ()
    """Names of the cameras held out; the capture's own when empty."""
    source_views: tuple[str, ...] = ()
    """Names of the cameras colour may be fetched from; all but the test views when empty."""
    resize: float = 1.0
    """Scale of the pictures."""
    crop: tuple[int, int] = (0, 0)
    """Height and width of a centred crop after resizing; (0, 0) for none."""
    bounds: tuple[float, ...] = ()
    """Scene box as x0 y0 z0 x1 y1 z1; from the capture, or from its masks, when empty."""
    boxes: str = ""
    """A .npy file of per-frame boxes (frames, 2, 3), used as they are; from masks by visual hull when empty and the capture has masks."""
    box_padding: Weight = 0.05
    """World units added on every side of boxes made from masks."""
    global_box: bool = False
    """Use the union of the frames' boxes for every frame."""
    pixel_centre: Literal["auto", "0", "0.5", "as-written"] = "auto"
    """Where the calibration puts the centre of the first pixel: auto asks meta.json, else it is 0 with EasyMocap's files (OpenCV)
    and 0.5 with those of other programs; as-written takes the intrinsics unchanged, whatever the capture says, as the release does."""
    background: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Colour behind the masks."""
    mask_images: bool = True
    """Multiply pictures by their masks."""


@dataclass(frozen=True, kw_only=True)
class FieldConfig:
    """A density field: feature planes and an MLP."""

    spatial: tuple[Count, ...] = (64, 128, 256, 512)
    """Cells of the space planes, per level."""
    temporal: tuple[Count, ...] = (150, 150, 150, 150)
    """Cells along time of the space-time planes, per level."""
    channels: Count = 16
    """Features in each cell of a plane."""
    width: Count = 64
    """Width of the MLP."""
    depth: Amount = 5
    """Hidden layers before the skip."""
    skip: bool = True
    """Concatenate the encoding again before one more hidden layer."""


@dataclass(frozen=True, kw_only=True)
class MethodConfig:
    """The Im4D model."""

    field: FieldConfig = FieldConfig()
    proposal: FieldConfig = FieldConfig(spatial=(128,), temporal=(150,), channels=12)
    bounds: tuple[float, ...] = (-1.0, -1.0, -1.0, 1.0, 1.0, 1.0)
    """The scene box the planes are defined over; set from the scene at training."""
    times: TimeRange = TimeRange(first=0, last=0)
    """The training range of frames; set from the scene at training."""
    window: tuple[Amount, Amount] = (0, 0)
    """Width and height of the part of a source picture, around its mask, that goes through the image network; set from the masks at training, so that
    all are of one size. (0, 0): each has a size of its own."""
    joint_canvas: bool = False
    """Release: the chosen views are cropped to their masks and padded onto one common canvas before the image network, so features depend on the choice."""
    mask_invisible: bool = True
    """Leave out source views that do not see a point. Release: they blend their border colours."""
    pixel_offset: float = 0.5
    """Where a pixel's centre lies, in pixels from its corner. Release: 0."""
    least_score: float = 0.0
    """A source view's score below this counts as this. Release: 0, and a network whose scores all come to lie below it stays blind: it gets no gradient
    there and takes the plain mean of its views for ever. Lower in tiny and default."""


@dataclass(frozen=True, kw_only=True)
class ViewsConfig:
    """Choice of source views."""

    count: Count = 4
    """Source views at test time."""
    train_counts: tuple[Count, ...] = (2, 3, 4, 5)
    """Source views in training, drawn anew at each step."""
    train_probabilities: tuple[Weight, ...] = (0.1, 0.35, 0.45, 0.1)
    """How often each of these counts is drawn."""
    train_pool_extra: Amount = 2
    """Training draws from the nearest (largest count + this) views."""
    self_probability: Weight = 0.05
    """How often the target itself is put into that pool in training."""
    skip_nearest: bool = False
    """Release: the nearest candidate is never used, even for cameras that are not candidates themselves."""


@dataclass(frozen=True, kw_only=True)
class SamplingConfig:
    """Samples of the full renderer."""

    proposal_samples: Count = 64
    """Samples per ray that look where something is."""
    fine_samples: Count = 32
    """Samples per ray that density and colour are taken at."""
    padding: Weight = 0.01
    """Added to every bin of the proposal histogram."""
    anneal_steps: Amount = 1000
    """Steps during which fine samples, at first spread evenly, come to follow the proposal network."""
    anneal_slope: float = 10.0
    """How soon within these steps; larger is sooner."""
    slab: bool = False
    """Release: near and far are the depths of the box's corners, one pair per picture, instead of each ray's own entry and exit."""
    one_sided: bool = False
    """Release: jitter is added on one side only and the inverse cdf is not centred."""
    chunk: Count = 8192
    """Rays rendered at once."""


@dataclass(frozen=True, kw_only=True)
class OccupancyConfig:
    """The occupancy grids baked per frame."""

    resolution: tuple[Count, ...] = (256,)
    """Cells along the longest side (one number; the others follow the box's proportions), or cells along x, y and z."""
    min_alpha: float = 0.005
    """A cell is occupied where one of its samples has at least this opacity over a step of the cell's own size."""
    raw_logit: float | None = None
    """Release: compare the field's raw output with this number instead (5.0 there: density above e^4)."""
    samples: Count = 2
    """Probes per axis in each cell, faces included. Release: 3."""
    dilation: Amount = 1
    """Cells added around occupied ones."""


@dataclass(frozen=True, kw_only=True)
class FastConfig:
    """The fast renderer."""

    steps: Count = 320
    """Marching steps over the diagonal of the frame's box."""
    min_weight: float = 0.003
    """Colour is evaluated where a sample's weight is at least this."""
    min_transmittance: float = 0.003
    """A ray stops below this."""
    renormalise: bool = True
    """Scale the kept weights to the whole opacity. Release: off."""
    density: Literal["auto", "field", "baked"] = "auto"
    """Evaluate the field at every sample, or interpolate a grid of the frame's logits, made when the frame is first seen; auto bakes where compiled
    kernels march what is baked: on CPUs, and on GPUs with CUDA kernels. Between two frames the CUDA kernels always evaluate the field."""
    refine: Literal[0, 1, 2, 4] = 0
    """Cells of the baked grid per cell of the occupancy, along each axis; 0 for as many as the finest plane of the field needs, 2 to 4 (on a CPU: 1)."""
    chunk: Count = 1 << 18
    """Density samples evaluated at once."""


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """Weights of the losses."""

    mask: Weight = 0.1
    """Of opacity against the mask."""
    interlevel: Weight = 1.0
    """Of the proposal network's histogram against the field's."""
    interlevel_into_field: bool = False
    """Release: the interlevel loss also moves the fine weights."""
    plane_tv: Weight = 2e-4
    """Of smoothness in space."""
    time_smooth: Weight = 1e-3
    """Of smoothness in time."""
    time_smooth_proposal: Weight = 1e-5
    """Of smoothness in time, for the proposal network."""
    regularise_every: Count = 5
    """Plane regularisers are evaluated every so many steps, not rescaled."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Optimisation."""

    steps: Count = 20_000
    """Steps to run."""
    schedule_steps: Amount = 0
    """Steps the learning-rate schedule is sized for; 0 for `steps`."""
    images: Count = 2
    """Pictures per step."""
    rays: Count = 2560
    """Rays per picture."""
    lr: Weight = 1e-3
    """Learning rate of the networks."""
    lr_planes: Weight = 1e-2
    """Learning rate of the planes."""
    warmup: Amount = 128
    """Steps in which the learning rates rise to these."""
    amp: bool = True
    """fp16 autocast with loss scaling on CUDA devices."""
    joint_steps: Amount = 5000
    """From this step the image network is trained on every `image_network_every`-th step only."""
    image_network_every: Count = 20
    """See `joint_steps`."""
    checkpoint_every: Count = 1000
    """Steps between checkpoints."""
    preview_every: Count = 1000
    """Steps between preview pictures."""
    log_every: Count = 10
    """Steps between entries of the log."""
    seed: int = 0
    """Begins the random numbers."""
    hulls: bool = False
    """Evaluate nothing outside the visual hulls of the masks, where the capture has masks. On in every preset; release: off, as in runs that do not say."""
    losses: LossConfig = LossConfig()


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """Everything a run depends on; stands as config.json beside its weights."""

    data: DataConfig = DataConfig()
    method: MethodConfig = MethodConfig()
    views: ViewsConfig = ViewsConfig()
    sampling: SamplingConfig = SamplingConfig()
    occupancy: OccupancyConfig = OccupancyConfig()
    fast: FastConfig = FastConfig()
    train: TrainConfig = TrainConfig()


def as_released(config: RunConfig) -> RunConfig:
    """The compatibility switch: the same run with every rule of the released code, its defects included."""
    return replace(
        config,
        data=replace(config.data, pixel_centre="as-written"),
        method=replace(config.method, joint_canvas=True, mask_invisible=False, pixel_offset=0.0, least_score=0.0),
        views=replace(config.views, skip_nearest=True),
        sampling=replace(config.sampling, slab=True, one_sided=True),
        occupancy=replace(config.occupancy, resolution=(128, 256, 128), raw_logit=5.0, samples=3, dilation=0),
        fast=replace(config.fast, steps=128, min_weight=0.01, min_transmittance=0.0, renormalise=False, density="field"),
        train=replace(config.train, hulls=False, losses=replace(config.train.losses, interlevel_into_field=True)),
    )


def standing(config: RunConfig, up: Iterable[float]) -> RunConfig:
    """A run by the released rules with most cells of its occupancy along the body, as its experiments have them: y in one capture, z in another."""
    cells = config.occupancy.resolution
    if config.occupancy.raw_logit is None or len(cells) != 3:
        return config
    body = max(range(3), key=[abs(value) for value in up].__getitem__)
    others = sorted(cells)[:2]
    turned = (*others[:body], max(cells), *others[body:])
    return replace(config, occupancy=replace(config.occupancy, resolution=turned))


def save_config(config: RunConfig, path: Path) -> None:
    """Write a run's settings as JSON; the file appears whole or not at all."""
    text = json.dumps({"format": CONFIG_FORMAT, "version": CONFIG_VERSION, **asdict(config)}, indent=1)
    with whole_file(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def load_config(path: Path) -> RunConfig:
    """Read a run's settings; keys that the file does not have take their defaults.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: not JSON, another format, an unknown key, a value of another type or below its least value.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; a run's folder holds config.json beside its weights")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # of the decoder and of the text encoding
        raise ValueError(f"{path}: not valid JSON ({error}); the file is damaged or not a run's config.json") from error
    if not isinstance(values, dict) or values.get("format") != CONFIG_FORMAT or values.get("version") != CONFIG_VERSION:
        found = [values.get("format"), values.get("version")] if isinstance(values, dict) else type(values).__name__
        raise ValueError(f"{path}: expected format {CONFIG_FORMAT!r} version {CONFIG_VERSION}, found {found}; the file belongs to another program or version")
    config = config_from_json(RunConfig, {key: value for key, value in values.items() if key not in ("format", "version")}, str(path))
    for name, wrong in too_small(config):
        raise ValueError(f"{path}: {name} {wrong}")
    return config


def config_from_json(kind: type[_Config], values: Any, where: str) -> _Config:
    """Values read from JSON → a dataclass of settings, strictly.

    Args:
        kind: the dataclass.
        values: what `json.load` returned.
        where: what errors call the values, such as the file's path.

    Raises:
        ValueError: an unknown key or a value of another type; the message has the dotted key, what was expected and what was found.
    """
    return _rebuilt(kind, values, where, "")


def _rebuilt(kind: Any, value: Any, where: str, key: str) -> Any:
    """A JSON value as the type that a field declares."""
    arguments = get_args(kind)
    if isinstance(kind, type) and is_dataclass(kind) and isinstance(value, dict):
        hints = get_type_hints(kind)
        names = [field.name for field in fields(kind)]
        for name in value:
            if name not in names:
                raise ValueError(f"{where}: unknown key {_dotted(key, name)!r}; expected one of {', '.join(names)}")
        built = {name: _rebuilt(hints[name], value[name], where, _dotted(key, name)) for name in names if name in value}
        try:
            return kind(**built)
        except TypeError as error:  # a field without a default that the file does not have
            raise ValueError(f"{where}: {key or 'the file'} is incomplete: {error}") from error
    if get_origin(kind) is Literal and value in arguments:
        return value
    if get_origin(kind) is types.UnionType:
        if value is None and types.NoneType in arguments:
            return None
        return _rebuilt(next(option for option in arguments if option is not types.NoneType), value, where, key)
    if get_origin(kind) is tuple and isinstance(value, list):
        items = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else arguments
        if len(items) == len(value):
            return tuple(_rebuilt(item, part, where, f"{key}[{i}]") for i, (item, part) in enumerate(zip(items, value)))
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if kind is Path and isinstance(value, str):
        return Path(value)
    if kind in (int, str, bool) and type(value) is kind:  # type(): True is an int to isinstance
        return value
    raise ValueError(f"{where}: {key or 'the file'} must be {_described(kind)}, found {json.dumps(value)}")


def _dotted(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _described(kind: Any) -> str:
    """A type in words for an error message."""
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(map(repr, get_args(kind)))
    return kind.__name__ if isinstance(kind, type) and not get_args(kind) else str(kind)
