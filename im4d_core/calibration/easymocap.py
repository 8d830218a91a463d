"""Camera files of the EasyMocap layout: intri.yml and extri.yml in OpenCV's YAML 1.0, written by OpenCV itself or by others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from jaxtyping import Float64

from im4d_core.calibration.camera import CalibratedCamera, nearest_rotation

# Scalars stay strings: names such as 00 keep their zeros, matrix tags need no constructor, and nothing in a file can run code. The C reader is 10 times faster.
_Loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)

FILES = ("intri.yml", "extri.yml")
_ROTATION_TOLERANCE = 1e-2  # files carry 4 or more digits; a matrix further off than this is something else
_HINT = "re-export the calibration"


def easymocap_cameras(folder: Path) -> tuple[CalibratedCamera, ...]:
    """The cameras of ``intri.yml`` and ``extri.yml``, in the string order of their names.

    Raises:
        FileNotFoundError: one of the files is missing.
        ValueError: a file is damaged, the two name different cameras, or a value is missing, of another shape, or not finite.
    """
    intri, extri = _read_file(folder / "intri.yml"), _read_file(folder / "extri.yml")
    only_intri, only_extri = sorted(set(intri.names) - set(extri.names)), sorted(set(extri.names) - set(intri.names))
    if only_intri or only_extri:
        raise ValueError(
            f"{folder}: intri.yml and extri.yml must name the same cameras; only in intri.yml: {', '.join(only_intri) or 'none'}; "
            f"only in extri.yml: {', '.join(only_extri) or 'none'}; {_HINT} of both files together"
        )
    return tuple(_camera(name, intri, extri) for name in sorted(intri.names))


def read_numbers(path: Path, field: str) -> dict[str, float]:
    """The cameras of a file that have a number named ``<field>_<camera>``.

    Raises:
        FileNotFoundError, ValueError: as `easymocap_cameras`.
    """
    file = _read_file(path)
    found = ((name, file.matrix(f"{field}_{name}", camera=name)) for name in file.names)
    return {name: float(value.flat[0]) for name, value in found if value is not None and value.size == 1}


@dataclass(frozen=True, kw_only=True)
class _CameraFile:
    """One parsed file."""

    path: Path
    names: tuple[str, ...]
    values: Mapping[str, Any]

    def matrix(self, *keys: str, camera: str) -> np.ndarray | None:
        """The first of the keys that the file has, as a float array of the stored shape."""
        key = next((key for key in keys if key in self.values), None)
        if key is None:
            return None
        value = self.values[key]
        try:
            data = value["data"] if isinstance(value, dict) else value
            numbers = np.array([_number(item) for item in (data if isinstance(data, list) else [data])])
            array = numbers.reshape(int(value["rows"]), int(value["cols"])) if isinstance(value, dict) else numbers
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"camera {camera!r}: {key} in {self.path} is not a matrix with rows, cols and as many numbers in data; {_HINT}") from error
        if not np.isfinite(array).all():
            raise ValueError(f"camera {camera!r}: {key} in {self.path} must hold finite numbers, found NaN or infinity in {array.ravel().tolist()}; {_HINT}")
        return array

    def shaped(self, key: str, shape: tuple[int, ...], camera: str) -> np.ndarray:
        """A matrix that must exist, with as many numbers as the shape has."""
        array = self.matrix(key, camera=camera)
        if array is None:
            raise ValueError(f"camera {camera!r}: {key} is missing in {self.path}; the file is incomplete, {_HINT}")
        size = " × ".join(map(str, shape))
        if array.size != np.prod(shape) or (len(shape) == 2 and array.shape != shape):
            raise ValueError(f"camera {camera!r}: {key} in {self.path} must be {size}, found {' × '.join(map(str, array.shape))}; {_HINT}")
        return array.reshape(shape)


def _number(text: str) -> float:
    """A number as OpenCV and Python write it; OpenCV's not-a-number is ``.Nan``, its infinity ``.Inf``."""
    return float(text.lower().replace(".nan", "nan").replace(".inf", "inf"))


def _read_file(path: Path) -> _CameraFile:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; a capture in the EasyMocap layout has intri.yml and extri.yml beside its images folder")
    try:
        text = path.read_text(encoding="utf-8")
        # OpenCV's header is no valid YAML directive ("%YAML:1.0" instead of "%YAML 1.0").
        values = yaml.load("\n".join("" if line.startswith("%YAML") else line for line in text.splitlines()), Loader=_Loader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: cannot be read as OpenCV YAML, it is truncated or damaged ({' '.join(str(error).split())}); {_HINT}") from error
    names = values.get("names") if isinstance(values, dict) else None
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name for name in names):
        raise ValueError(f"{path}: expected a list of camera names under 'names', found {names!r}; the file is truncated or not a camera file, {_HINT}")
    if len(set(names)) != len(names):
        raise ValueError(f"{path}: every camera must be named once, found {sorted({name for name in names if names.count(name) > 1})} repeatedly")
    return _CameraFile(path=path, names=tuple(names), values=values)


def _camera(name: str, intri: _CameraFile, extri: _CameraFile) -> CalibratedCamera:
    K = intri.shaped(f"K_{name}", (3, 3), name)
    if K[0, 0] <= 0 or K[1, 1] <= 0 or np.abs(K[2] - (0, 0, 1)).max() > 1e-6 or abs(K[1, 0]) > 1e-6:  # 1e-6: rounding of the writer
        raise ValueError(
            f"camera {name!r}: K_{name} in {intri.path} must be [[fx, s, cx], [0, fy, cy], [0, 0, 1]] with fx, fy > 0, found {K.tolist()}; {_HINT}"
        )
    distortion = intri.matrix(f"D_{name}", f"dist_{name}", camera=name)
    coefficients = np.zeros(5) if distortion is None else distortion.ravel()
    if coefficients.size not in (4, 5) and not (coefficients.size in (8, 12, 14) and not coefficients[5:].any()):
        raise ValueError(
            f"camera {name!r}: distortion in {intri.path} must have 4 or 5 coefficients (k1, k2, p1, p2, k3), found {coefficients.tolist()}; {_HINT}"
        )
    width, height = intri.matrix(f"W_{name}", camera=name), intri.matrix(f"H_{name}", camera=name)
    transform = np.eye(4)
    transform[:3, :3] = _rotation(name, extri)
    transform[:3, 3] = extri.shaped(f"T_{name}", (3,), name)
    return CalibratedCamera(
        name=name,
        K=K,
        distortion=np.concatenate([coefficients, [0.0]])[:5],
        T_camera_world=transform,
        size=None if width is None or height is None else (round(float(width.flat[0])), round(float(height.flat[0]))),
    )


def _rotation(name: str, extri: _CameraFile) -> Float64[np.ndarray, "3 3"]:
    """The rotation of a camera: ``Rot_`` where the file has it, else the Rodrigues vector ``R_``; the two must agree."""
    has_matrix, has_vector = f"Rot_{name}" in extri.values, f"R_{name}" in extri.values
    if not has_matrix and not has_vector:
        raise ValueError(f"camera {name!r}: Rot_{name} (3 × 3) and R_{name} (3 × 1) are both missing in {extri.path}; the file is incomplete, {_HINT}")
    from_vector = rodrigues(extri.shaped(f"R_{name}", (3,), name)) if has_vector else None
    if not has_matrix:
        assert from_vector is not None
        return from_vector
    matrix = extri.shaped(f"Rot_{name}", (3, 3), name)
    if np.abs(matrix @ matrix.T - np.eye(3)).max() > _ROTATION_TOLERANCE or np.linalg.det(matrix) < 0:
        raise ValueError(f"camera {name!r}: Rot_{name} in {extri.path} must be a rotation (orthonormal rows, determinant 1), found {matrix.tolist()}; {_HINT}")
    if from_vector is not None and np.abs(matrix - from_vector).max() > _ROTATION_TOLERANCE:
        raise ValueError(f"camera {name!r}: Rot_{name} and R_{name} in {extri.path} must be the same rotation, but they differ by up to "
                         f"{np.abs(matrix - from_vector).max():.3g}; {_HINT}")  # fmt: skip
    return nearest_rotation(matrix)


def rodrigues(vector: Float64[np.ndarray, "3"]) -> Float64[np.ndarray, "3 3"]:
    """The rotation by |vector| radians about a vector."""
    angle = float(np.linalg.norm(vector))
    if angle < 1e-12:  # no axis; the error of the identity is of this size
        return np.eye(3)
    x, y, z = vector / angle
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
