"""Pictures from CUDA memory into OpenGL textures without leaving the GPU: register once, then map, copy and unmap for every picture.

Everything here runs on the thread that owns the OpenGL context. It needs cuda-python but no torch.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from viewer.gl import Texture, device_name

_log = logging.getLogger(__name__)
_TRIAL = 16  # texels along each side of the trial texture


@dataclass(frozen=True, kw_only=True)
class DevicePixels:
    """A packed RGBA8 picture in CUDA memory."""

    owner: object
    """Whatever keeps the memory alive."""
    address: int
    width: int
    height: int
    event: int
    """Handle of the CUDA event after which the picture is complete; 0 where it is already."""


class Interop:
    """The CUDA device that draws the window, with a stream for copies into textures.

    A copy waits on the device for the picture's event and keeps the picture alive until the copy is over.
    """

    def __init__(self, runtime: ModuleType, device: int) -> None:
        self.device = device
        self._runtime: Any = runtime
        _check(runtime.cudaSetDevice(device))
        self._stream = _check(runtime.cudaStreamCreateWithFlags(runtime.cudaStreamNonBlocking))
        self._copied = _check(runtime.cudaEventCreateWithFlags(runtime.cudaEventDisableTiming))
        self._held: DevicePixels | None = None

    def register(self, texture: Texture) -> object:
        """Make a texture a target of `copy`; `release` must be called before the texture is deleted."""
        from OpenGL import GL

        flags = self._runtime.cudaGraphicsRegisterFlags
        return _check(self._runtime.cudaGraphicsGLRegisterImage(texture.handle, int(GL.GL_TEXTURE_2D), flags.cudaGraphicsRegisterFlagsNone))

    def copy(self, resource: object, pixels: DevicePixels) -> None:
        """Copy a picture to the first rows and columns of a registered texture. No OpenGL call may happen inside."""
        runtime = self._runtime
        if self._held is not None:  # the previous copy is long over; this only makes it certain before its memory is given back
            _check(runtime.cudaEventSynchronize(self._copied))
        self._held = pixels
        if pixels.event:
            _check(runtime.cudaStreamWaitEvent(self._stream, pixels.event, 0))
        _check(runtime.cudaGraphicsMapResources(1, resource, self._stream))
        try:
            array = _check(runtime.cudaGraphicsSubResourceGetMappedArray(resource, 0, 0))
            row = 4 * pixels.width
            kind = runtime.cudaMemcpyKind.cudaMemcpyDeviceToDevice
            _check(runtime.cudaMemcpy2DToArrayAsync(array, 0, 0, pixels.address, row, row, pixels.height, kind, self._stream))
        finally:
            _check(runtime.cudaGraphicsUnmapResources(1, resource, self._stream))
        _check(runtime.cudaEventRecord(self._copied, self._stream))

    def release(self, resource: object) -> None:
        """Undo `register`, after every copy is over."""
        _check(self._runtime.cudaStreamSynchronize(self._stream))
        _check(self._runtime.cudaGraphicsUnregisterResource(resource))

    def close(self) -> None:
        """Give the stream back; every resource must have been released, and the OpenGL context must still exist."""
        _check(self._runtime.cudaStreamSynchronize(self._stream))
        self._held = None
        _check(self._runtime.cudaEventDestroy(self._copied))
        _check(self._runtime.cudaStreamDestroy(self._stream))


def open_interop(wanted: bool) -> tuple[Interop | None, str]:
    """Decide once, by a trial, whether pictures can stay on the GPU.

    Args:
        wanted: False when the user refused.

    Returns:
        The interop, or None; and why not, empty where it works.
    """
    if not wanted:
        return None, "sharing with CUDA is switched off"
    try:
        from cuda.bindings import runtime  # pyright: ignore[reportAttributeAccessIssue]
    except ImportError as error:
        return None, f"cuda-python is not installed ({error})"
    error, count = runtime.cudaGetDeviceCount()
    if int(error) or not count:
        runtime.cudaGetLastError()
        return None, "no CUDA device"
    try:
        return _try_devices(runtime)
    except (RuntimeError, OSError) as error:
        runtime.cudaGetLastError()  # a refused registration must not fail the next CUDA call of somebody else
        _log.info("no sharing between CUDA and OpenGL: %s", error)
        hint = "" if "NVIDIA" in device_name() else "; to draw on the NVIDIA GPU set __NV_PRIME_RENDER_OFFLOAD=1 __GLX_VENDOR_LIBRARY_NAME=nvidia"
        return None, f"OpenGL and CUDA do not share a device ({error}){hint}"


def _try_devices(runtime: Any) -> tuple[Interop, str]:
    count, devices = _check(runtime.cudaGLGetDevices(8, runtime.cudaGLDeviceList.cudaGLDeviceListAll))  # more than 8 GPUs never draw one window
    if not count:
        raise RuntimeError("the OpenGL context belongs to no CUDA device")
    interop = Interop(runtime, int(devices[0]))
    texture = Texture(_TRIAL, _TRIAL)
    pattern = np.arange(_TRIAL * _TRIAL * 4, dtype=np.uint8).reshape(_TRIAL, _TRIAL, 4)
    memory = _check(runtime.cudaMalloc(pattern.nbytes))
    try:
        _check(runtime.cudaMemcpy(memory, pattern.ctypes.data, pattern.nbytes, runtime.cudaMemcpyKind.cudaMemcpyHostToDevice))
        resource = interop.register(texture)
        try:
            interop.copy(resource, DevicePixels(owner=memory, address=int(memory), width=_TRIAL, height=_TRIAL, event=0))
            same = np.array_equal(texture.read(), pattern)
        finally:
            interop.release(resource)
        if not same:
            raise RuntimeError("a texture written by CUDA does not read back the same")
    except RuntimeError:
        interop.close()
        raise
    finally:
        _check(runtime.cudaFree(memory))
        texture.delete()
    return interop, ""


def _check(result: tuple[Any, ...]) -> Any:
    """The values behind a CUDA status, or an error with its name."""
    status, *values = result
    if int(status):
        raise RuntimeError(f"CUDA error {int(status)} {getattr(status, 'name', '')}".strip())
    return values[0] if len(values) == 1 else tuple(values)
