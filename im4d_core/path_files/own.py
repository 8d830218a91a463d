"""Our own path file: JSON that says everything about a path; fields of later versions survive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from im4d_core.camera_path import FOV_RANGE_DEG, MAX_TIME_S, PRINCIPAL_RANGE, CameraPath, Keyframe, keyframe
from im4d_core.json_fields import LARGEST, found, number_within, rigid_pose
from im4d_core.pose_curve import INTERPOLATIONS
from im4d_core.types import MIDDLE, PrincipalPoint

FORMAT = "im4d-camera-path"
VERSION = 2
_READ = (1, VERSION)  # 1 had no principal points
_NEEDED = {"id", "time_s", "T_world_camera", "fov_y_deg", "scene_frame"}
_KEY_FIELDS = {*_NEEDED, "principal_point", "ease_in", "ease_out"}
_PATH_FIELDS = {"format", "version", "convention", "name", "interpolation", "tension", "constant_speed", "loop", "loop_s", "keys", "others"}


def path_to_json(path: CameraPath) -> dict[str, Any]:
    """What `save_path` writes."""
    return {
        **path.extra,
        "format": FORMAT,
        "version": VERSION,
        "convention": "T_world_camera maps camera axes (OpenCV: x right, y down, z forward) to the world; times in seconds; angles in degrees",
        "name": path.name,
        "interpolation": path.interpolation,
        "tension": path.tension,
        "constant_speed": path.constant_speed,
        "loop": path.loop,
        "loop_s": path.loop_s,
        "keys": [
            {
                **key.extra,
                "id": key.id,
                "time_s": key.time_s,
                "T_world_camera": key.T_world_camera.tolist(),
                "fov_y_deg": key.fov_y_deg,
                "principal_point": list(key.principal_point),
                "scene_frame": key.scene_frame,
                "ease_in": key.ease_in,
                "ease_out": key.ease_out,
            }
            for key in path.keys
        ],
    }


def own_path(content: Mapping[str, Any], where: str) -> CameraPath:
    if content.get("format") != FORMAT:
        raise ValueError(f"{where}: format must be {FORMAT!r}, found {content.get('format')!r}; nerfstudio's camera_path.json is read as well")
    version = content.get("version")
    if version not in _READ or isinstance(version, bool):
        known = " or ".join(map(str, _READ))
        raise ValueError(f"{where}: version must be {known}, found {version!r}; it was written by another version of this program")
    if content.get("interpolation") not in INTERPOLATIONS:
        raise ValueError(f"{where}: interpolation must be one of {', '.join(INTERPOLATIONS)}, found {content.get('interpolation')!r}")
    if not isinstance(content.get("loop"), bool):
        raise ValueError(f"{where}: loop must be true or false, found {content.get('loop')!r}")
    for field, kind in (("constant_speed", bool), ("name", str)):
        if not isinstance(content.get(field, kind()), kind):
            raise ValueError(f"{where}: {field} must be {'true or false' if kind is bool else 'a text'}, found {found(content[field])}")
    if not isinstance(content.get("keys"), list):
        raise ValueError(f"{where}: keys must be a list, found {content.get('keys')!r}")
    keys = tuple(_key(item, f"{where}: keys[{i}]") for i, item in enumerate(content["keys"]))
    loop_s = number_within(content.get("loop_s"), 1e-3, MAX_TIME_S, f"{where}: loop_s")
    extra = {name: value for name, value in content.items() if name not in _PATH_FIELDS}
    try:
        return CameraPath(
            keys=keys,
            loop=content["loop"],
            loop_s=loop_s,
            interpolation=content["interpolation"],
            tension=number_within(content.get("tension", 0.0), 0.0, 1.0, f"{where}: tension"),
            constant_speed=content.get("constant_speed", False),
            name=content.get("name", "").encode(errors="replace").decode(),  # JSON can say halves of characters, which nothing can draw
            extra=extra,
        )
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def _key(item: Any, where: str) -> Keyframe:
    if not isinstance(item, Mapping):
        raise ValueError(f"{where}: expected an object with {', '.join(sorted(_NEEDED))}, found {found(item)}")
    for name in sorted(_NEEDED):
        if name not in item:
            raise ValueError(f"{where}: field {name!r} is missing")
    if isinstance(item["id"], bool) or not isinstance(item["id"], int):
        raise ValueError(f"{where}: id must be an integer, found {item['id']!r}")
    frame = item["scene_frame"]
    made = keyframe(
        item["id"],
        number_within(item["time_s"], -MAX_TIME_S, MAX_TIME_S, f"{where}: time_s"),
        rigid_pose(item["T_world_camera"], f"{where}: T_world_camera"),
        number_within(item["fov_y_deg"], *FOV_RANGE_DEG, f"{where}: fov_y_deg"),
        None if frame is None else number_within(frame, -LARGEST, LARGEST, f"{where}: scene_frame"),
        _principal_point(item.get("principal_point", MIDDLE), f"{where}: principal_point"),
    )
    return replace(
        made,
        ease_in=number_within(item.get("ease_in", 0.0), 0.0, 1.0, f"{where}: ease_in"),
        ease_out=number_within(item.get("ease_out", 0.0), 0.0, 1.0, f"{where}: ease_out"),
        extra={name: value for name, value in item.items() if name not in _KEY_FIELDS},
    )


def _principal_point(value: Any, where: str) -> PrincipalPoint:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError(f"{where}: expected two numbers, found {found(value)}")
    right, down = (number_within(part, *PRINCIPAL_RANGE, f"{where}[{i}]") for i, part in enumerate(value))
    return right, down
