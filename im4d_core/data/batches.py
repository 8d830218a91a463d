"""Training batches: random pictures, random pixels inside the projected box, drawn and gathered ahead of the training loop by one thread.

A batch is a function of (seed, step, rank) alone, so a resumed run continues the same stream whatever the threads did.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from types import TracebackType

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from im4d_core.data.box_pixels import box_pixels
from im4d_core.data.frames import FrameLoader
from im4d_core.geometry import box_corners, project
from im4d_core.tensors import SourceView
from im4d_core.types import Camera, Scene

_AHEAD = 3  # batches prepared before they are asked for
_RESIDENT_SHARE = 0.4  # of the free GPU memory, for pictures; the step itself needs a few GB
_RESIDENT_ON_CPU = 2 << 30

ChooseViews = Callable[[int, int, np.random.Generator], tuple[int, ...]]
"""(target view, number of views, random numbers) → source views."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The targets of a training step on the device, and the pictures they are coloured from."""

    cameras: tuple[Camera, ...]
    frames: tuple[int, ...]
    boxes: Float64[np.ndarray, "target 2 3"]
    pixels: Int[Tensor, "target ray 2"]
    """Column, row."""
    rgb: Float[Tensor, "target ray 3"]
    mask: Float[Tensor, "target ray"]
    sources: tuple[tuple[SourceView, ...], ...]
    """Per target; all targets of a batch have equally many."""


@dataclass(frozen=True, kw_only=True)
class Draw:
    """How batches are drawn."""

    images: int
    rays: int
    counts: tuple[int, ...]
    probabilities: tuple[float, ...]
    pixel_offset: float
    rounded_faces: bool
    """Release: pixels inside the box's faces, drawn between their rounded corners, instead of those whose ray hits the box."""
    seed: int
    rank: int = 0


class PictureStore:
    """Decoded pictures on the training device, kept while they fit: with all of a capture resident no step decodes."""

    def __init__(self, loader: FrameLoader, device: torch.device, byte_budget: int, crop: Callable[[SourceView], SourceView]) -> None:
        """Args: crop cuts a source picture to what colour is fetched from; it sees the mask on the CPU."""
        self._loader, self._device, self._budget, self._crop = loader, device, byte_budget, crop
        self._kept: dict[tuple[int, int], tuple[SourceView, SourceView]] = {}
        self.bytes = 0

    def get(self, frame: int, views: tuple[int, ...]) -> list[tuple[SourceView, SourceView]]:
        """The whole picture, and the part that colour is fetched from, of each view.

        Images and the whole picture's mask are on the device; the part's mask stays on the CPU, where crops are computed.
        """
        missing = [view for view in views if (frame, view) not in self._kept]
        fresh = {source.view: self._moved(source) for source in self._loader.get(frame, missing)} if missing else {}
        for view, pair in fresh.items():
            size = pair[0].image.nbytes + pair[0].mask.nbytes
            if self.bytes + size <= self._budget:
                self._kept[frame, view] = pair
                self.bytes += size
        return [fresh[view] if view in fresh else self._kept[frame, view] for view in views]

    def _moved(self, source: SourceView) -> tuple[SourceView, SourceView]:
        on_device = replace(source, image=source.image.to(self._device))
        return replace(on_device, mask=source.mask.to(self._device)), self._crop(on_device)


def resident_bytes(device: torch.device) -> int:
    """How much of a device's memory may hold pictures while a model is trained on it."""
    if device.type != "cuda":
        return _RESIDENT_ON_CPU
    free, _ = torch.cuda.mem_get_info(device)
    return int(_RESIDENT_SHARE * free)


class BatchStream(AbstractContextManager["BatchStream"]):
    """The batches of steps `start`, `start + 1`, ..., prepared ahead by a thread."""

    def __init__(self, scene: Scene, store: PictureStore, draw: Draw, choose_views: ChooseViews, *, start: int, device: torch.device) -> None:
        """Raises:
        ValueError: no training view sees the box of any frame.
        """
        self._scene, self._store, self._draw, self._choose, self._device = scene, store, draw, choose_views, device
        self._pairs = visible_pairs(scene)
        self._ready: queue.Queue[Batch | BaseException] = queue.Queue(_AHEAD)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._produce, args=(start,), name="training batches", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Batch]:
        while True:
            yield self.next()

    def next(self) -> Batch:
        """The next batch.

        Raises:
            Whatever reading its pictures raised.
        """
        item = self._ready.get()
        if isinstance(item, BaseException):
            raise item
        return item

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stopped.set()
        while self._thread.is_alive():  # it may wait for room in the queue
            try:
                self._ready.get(timeout=0.05)
            except queue.Empty:
                continue

    def _produce(self, step: int) -> None:
        try:
            while not self._stopped.is_set():
                self._ready.put(self._batch(step))
                step += 1
        except BaseException as error:  # noqa: BLE001 - handed to the training loop, which raises it
            self._ready.put(error)

    def _batch(self, step: int) -> Batch:
        draw, scene = self._draw, self._scene
        random = np.random.default_rng([draw.seed, step, draw.rank])
        count = int(random.choice(draw.counts, p=draw.probabilities))
        chosen = random.choice(len(self._pairs), size=draw.images, replace=len(self._pairs) < draw.images)
        targets, sources, pixels = [], [], []
        for frame, view in (self._pairs[i] for i in chosen):
            views = self._choose(view, count, random)
            pairs = self._store.get(frame, (view, *views))
            targets.append(pairs[0][0])
            sources.append(tuple(part for _, part in pairs[1:]))
            shown = box_pixels(scene.cameras[view], scene.box(frame), offset=draw.pixel_offset, rounded=draw.rounded_faces)
            pixels.append(shown.draw(draw.rays, random))
        index = torch.from_numpy(np.stack(pixels))
        if self._device.type == "cuda":
            index = index.pin_memory().to(self._device, non_blocking=True)
        return Batch(
            cameras=tuple(target.camera for target in targets),
            frames=tuple(target.frame for target in targets),
            boxes=np.stack([scene.box(target.frame) for target in targets]),
            pixels=index,
            rgb=torch.stack([target.image[at[:, 1], at[:, 0]] for target, at in zip(targets, index, strict=True)]).float() / 255.0,
            mask=torch.stack([target.mask[at[:, 1], at[:, 0]] for target, at in zip(targets, index, strict=True)]).float() / 255.0,
            sources=tuple(sources),
        )


def visible_pairs(scene: Scene) -> list[tuple[int, int]]:
    """(frame, view) of every training picture that the frame's box projects into.

    Raises:
        ValueError: there is none.
    """
    pairs = [(frame, view) for frame, box in zip(scene.frames, scene.boxes, strict=True) for view in scene.train_views if _rectangle(scene.cameras[view], box)]
    if not pairs:
        raise ValueError(
            f"{scene.name}: no training camera sees the scene's box in any frame (first box {np.round(scene.boxes[0], 3).tolist()}); "
            "check the box, the unit of the calibration and that extrinsics map world to camera"
        )
    return pairs


def _rectangle(camera: Camera, box: Float64[np.ndarray, "2 3"]) -> tuple[int, int, int, int] | None:
    """The part of the picture around a projected box as left, top, right, bottom; None where nothing of it is seen."""
    uv, depth = project(camera, box_corners(box))
    if depth.max() <= 0:
        return None
    if depth.min() <= 0:  # the camera is beside or inside the box: corners behind it have no pixel
        return 0, 0, camera.width, camera.height
    left, top = np.clip(np.floor(uv.min(axis=0)), 0, None).astype(int)
    right, bottom = np.clip(np.ceil(uv.max(axis=0)) + 1, None, (camera.width, camera.height)).astype(int)
    return (int(left), int(top), int(right), int(bottom)) if left < right and top < bottom else None
