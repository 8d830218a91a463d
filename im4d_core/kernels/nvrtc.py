"""CUDA C++ compiled when it is first needed: NVRTC through cuda.core, binaries kept on disk, launches through the driver.

The sources include nothing but each other, so neither a compiler nor CUDA's headers must be on the user's machine. A binary on disk is found by the
digest of everything it depends on; a file that is damaged is compiled again.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch

ARCHITECTURES = ("sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_120")
"""What every kernel is compiled for in the tests."""

_HERE = Path(__file__).parent
_INCLUDE = re.compile(r'^#include "([a-z_]+\.cuh)"\n', re.MULTILINE)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """A loaded kernel, bound to one device."""

    name: str
    handle: int
    owner: object
    """Keeps the binary loaded."""

    def launch(
        self, grid: int, block: int, *arguments: ctypes.Structure | ctypes.Array | ctypes._SimpleCData, shared: int = 0, stream: int | None = None
    ) -> None:
        """Enqueues one run.

        Args:
            grid: blocks, in one dimension; 0 runs nothing.
            block: threads of each.
            arguments: ctypes values, passed as they are.
            shared: bytes of dynamic shared memory.
        """
        from cuda.bindings import driver  # pyright: ignore[reportAttributeAccessIssue] - compiled, without stubs

        if grid == 0:
            return
        pointers = (ctypes.c_void_p * len(arguments))(*(ctypes.addressof(argument) for argument in arguments))
        stream = torch.cuda.current_stream().cuda_stream
        (error,) = driver.cuLaunchKernel(self.handle, grid, 1, 1, block, 1, 1, shared, stream, ctypes.addressof(pointers), 0)
        if error != driver.CUresult.CUDA_SUCCESS:
            raise RuntimeError(f"kernel {self.name}: {error.name}")

    def allow_shared(self, size: int) -> None:
        """Lets the kernel have more than 48 KB of dynamic shared memory."""
        from cuda.bindings import driver  # pyright: ignore[reportAttributeAccessIssue] - compiled, without stubs

        attribute = driver.CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
        (error,) = driver.cuFuncSetAttribute(self.handle, attribute, size)
        if error != driver.CUresult.CUDA_SUCCESS:
            raise RuntimeError(f"kernel {self.name} cannot have {size} bytes of shared memory: {error.name}")


def source(name: str) -> str:
    """The text of a kernel file, what it includes in place."""
    seen: set[str] = set()

    def included(match: re.Match[str]) -> str:
        if match[1] in seen:
            return ""
        seen.add(match[1])
        return _INCLUDE.sub(included, (_HERE / match[1]).read_text(encoding="utf-8"))

    return _INCLUDE.sub(included, (_HERE / f"{name}.cu").read_text(encoding="utf-8"))


def compiled(name: str, architecture: str, defines: Mapping[str, str | int]) -> bytes:
    """The binary of a kernel file, from the disk where it was compiled before.

    Args:
        name: a `.cu` file of this folder, without its suffix.
        architecture: such as `sm_90`.
        defines: constants of the preprocessor.

    Raises:
        RuntimeError: NVRTC is missing, or refuses the architecture or the source.
    """
    text = source(name)
    options = [f"{key}={value}" for key, value in sorted(defines.items())]
    digest = hashlib.sha256("\0".join([text, architecture, _compiler(), *options]).encode()).hexdigest()[:32]
    kept = _folder() / f"{name}-{architecture}-{digest}.cubin"
    try:
        binary = kept.read_bytes()
        if binary.startswith(b"\x7fELF"):
            return binary
    except OSError:
        pass
    from cuda.core import Program, ProgramOptions  # pyright: ignore[reportAttributeAccessIssue] - compiled, without stubs

    try:
        made = Program(text, "c++", ProgramOptions(arch=architecture, std="c++17", define_macro=options or None, use_fast_math=False)).compile("cubin").code
    except Exception as error:
        raise RuntimeError(f"the kernels '{name}' cannot be compiled for {architecture}: {error}") from error
    binary = bytes(made)
    _keep(kept, binary)
    return binary


@cache
def kernel(name: str, function: str, device: int, defines: tuple[tuple[str, str | int], ...] = ()) -> Kernel:
    """A function of a kernel file on a device.

    Raises:
        RuntimeError: it cannot be compiled or loaded.
    """
    from cuda.bindings import driver  # pyright: ignore[reportAttributeAccessIssue] - compiled, without stubs

    module = _module(name, device, defines)
    with torch.cuda.device(device):
        error, loaded = driver.cuKernelGetFunction(int(module.get_kernel(function).handle))
    if error != driver.CUresult.CUDA_SUCCESS:
        raise RuntimeError(f"kernel {function}: {error.name}")
    return Kernel(name=function, handle=int(loaded), owner=module)


@cache
def _module(name: str, device: int, defines: tuple[tuple[str, str | int], ...]):
    from cuda.core import ObjectCode  # pyright: ignore[reportAttributeAccessIssue] - compiled, without stubs

    major, minor = torch.cuda.get_device_capability(device)
    return ObjectCode.from_cubin(compiled(name, f"sm_{major}{minor}", dict(defines)), name=name)


@cache
def problem(device: int) -> str | None:
    """Why kernels cannot run on a CUDA device, in words for the user; None where they can."""
    if torch.version.cuda is None:
        return "this build of PyTorch has no CUDA"
    try:
        probe = kernel("probe", "probe", device)
        with torch.cuda.device(device):
            result = torch.zeros(1, dtype=torch.int32, device=f"cuda:{device}")
            probe.launch(1, 1, ctypes.c_void_p(result.data_ptr()))
            if int(result) != 42:
                return "a test kernel computed a wrong value"
    except Exception as error:  # noqa: BLE001 - no driver, an old one, no NVRTC, an unknown architecture: PyTorch goes on
        _log.warning("CUDA kernels are off", exc_info=True)
        return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no reason given'}"
    return None


@cache
def _compiler() -> str:
    from cuda.bindings import nvrtc  # pyright: ignore[reportAttributeAccessIssue] - compiled, without stubs

    error, major, minor = nvrtc.nvrtcVersion()
    return f"nvrtc {major}.{minor} {error.name}"


@cache
def _folder() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("im4d-viewer") / "kernels"


def _keep(path: Path, binary: bytes) -> None:
    """Writes a binary whole or not at all; a disk that is full or read-only costs only time."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(binary)
        os.replace(temporary, path)
    except OSError:
        _log.info("the compiled kernels cannot be kept in %s", path.parent, exc_info=True)
        with contextlib.suppress(OSError):
            temporary.unlink()
