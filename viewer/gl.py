"""OpenGL objects with the checks that OpenGL leaves to the caller. Importing it needs an OpenGL library; the context must be current."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
from OpenGL import GL

SHADERS = Path(__file__).resolve().parent.parent / "shaders"


class Program:
    """A linked pair of shaders whose uniforms are exactly the declared ones.

    Args:
        vertex: file name in `shaders/`.
        fragment: file name in `shaders/`.
        uniforms: names that the pair must have, no more and no fewer.

    Raises:
        FileNotFoundError: a shader file is missing.
        RuntimeError: a shader does not compile or link, or its uniforms differ; names the file.
    """

    def __init__(self, vertex: str, fragment: str, *, uniforms: tuple[str, ...]) -> None:
        self._handle: int = GL.glCreateProgram()  # pyright: ignore[reportAttributeAccessIssue]
        shaders = [_compile(vertex, GL.GL_VERTEX_SHADER), _compile(fragment, GL.GL_FRAGMENT_SHADER)]
        for shader in shaders:
            GL.glAttachShader(self._handle, shader)
        GL.glLinkProgram(self._handle)
        for shader in shaders:
            GL.glDetachShader(self._handle, shader)
            GL.glDeleteShader(shader)
        if not GL.glGetProgramiv(self._handle, GL.GL_LINK_STATUS):
            raise RuntimeError(f"shaders/{vertex} and shaders/{fragment} do not link: {_text(GL.glGetProgramInfoLog(self._handle))}")
        found = {_uniform_name(self._handle, index) for index in range(GL.glGetProgramiv(self._handle, GL.GL_ACTIVE_UNIFORMS))}
        if found != set(uniforms):
            raise RuntimeError(f"shaders/{vertex} and shaders/{fragment}: expected the uniforms {sorted(uniforms)}, found {sorted(found)}")
        self._locations = {name: GL.glGetUniformLocation(self._handle, name) for name in uniforms}

    def use(self) -> None:
        GL.glUseProgram(self._handle)

    def set_integer(self, name: str, value: int) -> None:
        GL.glUniform1i(self._locations[name], value)

    def set_number(self, name: str, value: float) -> None:
        GL.glUniform1f(self._locations[name], value)

    def set_vector(self, name: str, x: float, y: float) -> None:
        GL.glUniform2f(self._locations[name], x, y)

    def set_triple(self, name: str, x: float, y: float, z: float) -> None:
        GL.glUniform3f(self._locations[name], x, y, z)

    def set_matrix(self, name: str, matrix: np.ndarray) -> None:
        """Set a 4 x 4 matrix given in the usual row order."""
        GL.glUniformMatrix4fv(self._locations[name], 1, GL.GL_TRUE, np.ascontiguousarray(matrix, np.float32))

    def delete(self) -> None:
        GL.glDeleteProgram(self._handle)


class Texture:
    """An RGBA8 texture of fixed size, linear filter, clamped."""

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        self.handle = int(GL.glGenTextures(1))
        GL.glBindTexture(GL.GL_TEXTURE_2D, self.handle)
        for name, value in (
            (GL.GL_TEXTURE_MIN_FILTER, GL.GL_LINEAR),
            (GL.GL_TEXTURE_MAG_FILTER, GL.GL_LINEAR),
            (GL.GL_TEXTURE_WRAP_S, GL.GL_CLAMP_TO_EDGE),
            (GL.GL_TEXTURE_WRAP_T, GL.GL_CLAMP_TO_EDGE),
        ):
            GL.glTexParameteri(GL.GL_TEXTURE_2D, name, value)
        GL.glTexImage2D(GL.GL_TEXTURE_2D, 0, GL.GL_RGBA8, width, height, 0, GL.GL_RGBA, GL.GL_UNSIGNED_BYTE, None)

    def upload(self, address: int, width: int, height: int) -> None:
        """Copy packed RGBA8 rows from host memory to the texture's first rows and columns."""
        GL.glBindTexture(GL.GL_TEXTURE_2D, self.handle)
        GL.glPixelStorei(GL.GL_UNPACK_ALIGNMENT, 1)
        GL.glPixelStorei(GL.GL_UNPACK_ROW_LENGTH, 0)  # ImGui's backend may have left another
        GL.glTexSubImage2D(GL.GL_TEXTURE_2D, 0, 0, 0, width, height, GL.GL_RGBA, GL.GL_UNSIGNED_BYTE, ctypes.c_void_p(address))

    def read(self) -> np.ndarray:
        """The whole texture as (height, width, 4) uint8, first row first."""
        GL.glBindTexture(GL.GL_TEXTURE_2D, self.handle)
        GL.glPixelStorei(GL.GL_PACK_ALIGNMENT, 1)
        pixels = np.empty((self.height, self.width, 4), np.uint8)
        GL.glGetTexImage(GL.GL_TEXTURE_2D, 0, GL.GL_RGBA, GL.GL_UNSIGNED_BYTE, pixels)
        return pixels

    def bind(self, unit: int = 0) -> None:
        """Make it the texture of a unit. Unit 0 is the active one afterwards, as everybody else expects."""
        GL.glActiveTexture(GL.GL_TEXTURE0 + unit)  # pyright: ignore[reportOperatorIssue]
        GL.glBindTexture(GL.GL_TEXTURE_2D, self.handle)
        GL.glActiveTexture(GL.GL_TEXTURE0)

    def delete(self) -> None:
        GL.glDeleteTextures([self.handle])


class VertexArray:
    """One interleaved float32 buffer, refilled as a whole, whose rows are instances; `fields` counts the floats of each attribute."""

    def __init__(self, fields: tuple[int, ...] = ()) -> None:
        self.rows = 0
        self._floats = sum(fields)
        self._array = int(GL.glGenVertexArrays(1))
        self._buffer = int(GL.glGenBuffers(1))
        GL.glBindVertexArray(self._array)
        GL.glBindBuffer(GL.GL_ARRAY_BUFFER, self._buffer)
        start = 0
        for location, floats in enumerate(fields):
            GL.glEnableVertexAttribArray(location)
            GL.glVertexAttribPointer(location, floats, GL.GL_FLOAT, GL.GL_FALSE, 4 * self._floats, ctypes.c_void_p(4 * start))
            GL.glVertexAttribDivisor(location, 1)
            start += floats
        GL.glBindVertexArray(0)

    def fill(self, rows: np.ndarray) -> None:
        data = np.ascontiguousarray(rows, np.float32).reshape(-1, self._floats)
        self.rows = len(data)
        GL.glBindBuffer(GL.GL_ARRAY_BUFFER, self._buffer)
        GL.glBufferData(GL.GL_ARRAY_BUFFER, data.nbytes, data, GL.GL_DYNAMIC_DRAW)

    def draw(self, vertices: int, instances: int) -> None:
        """Draw triangles: `vertices` of them for each of the first `instances` rows."""
        GL.glBindVertexArray(self._array)
        GL.glDrawArraysInstanced(GL.GL_TRIANGLES, 0, vertices, instances)
        GL.glBindVertexArray(0)

    def delete(self) -> None:
        GL.glDeleteVertexArrays(1, [self._array])
        GL.glDeleteBuffers(1, [self._buffer])


def device_name() -> str:
    """Vendor, renderer and version of the current context."""
    return " | ".join(_text(GL.glGetString(name)) for name in (GL.GL_VENDOR, GL.GL_RENDERER, GL.GL_VERSION))


def clear(width: int, height: int, colour: tuple[float, float, float]) -> None:
    """Make the whole default framebuffer one colour and forget scissor, depth and blending set by others."""
    GL.glDisable(GL.GL_SCISSOR_TEST)
    GL.glDisable(GL.GL_DEPTH_TEST)
    GL.glDisable(GL.GL_CULL_FACE)
    GL.glDisable(GL.GL_BLEND)
    GL.glViewport(0, 0, width, height)
    GL.glClearColor(*colour, 1.0)
    GL.glClear(GL.GL_COLOR_BUFFER_BIT)


def read_framebuffer(width: int, height: int) -> np.ndarray:
    """The current framebuffer as (height, width, 3) uint8 with row 0 on top."""
    GL.glPixelStorei(GL.GL_PACK_ALIGNMENT, 1)
    pixels = np.empty((height, width, 3), np.uint8)
    GL.glReadPixels(0, 0, width, height, GL.GL_RGB, GL.GL_UNSIGNED_BYTE, pixels)
    return np.ascontiguousarray(pixels[::-1])


def _compile(name: str, kind: int) -> int:
    path = SHADERS / name
    if not path.is_file():
        raise FileNotFoundError(f"shader {path} is missing; the folder 'shaders' must lie beside the folder 'viewer'")
    shader: int = GL.glCreateShader(kind)  # pyright: ignore[reportAssignmentType]
    GL.glShaderSource(shader, path.read_text(encoding="utf-8"))
    GL.glCompileShader(shader)
    if not GL.glGetShaderiv(shader, GL.GL_COMPILE_STATUS):
        raise RuntimeError(f"{path} does not compile on {device_name()}: {_text(GL.glGetShaderInfoLog(shader))}")
    return shader


def _uniform_name(program: int, index: int) -> str:
    return _text(GL.glGetActiveUniform(program, index)[0])


def _text(value: bytes | str | np.ndarray | None) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, np.ndarray):
        value = value.tobytes()
    return value.decode(errors="replace").strip("\0 \n") if isinstance(value, bytes) else str(value)
