"""The camera path under edit with what the editor knows of it, and motion that is recorded to become one. `viewer.path_editor` changes them."""

from __future__ import annotations

from dataclasses import dataclass

from im4d_core.camera_path import CameraPath, Keyframe
from im4d_core.path_files import PathForm


@dataclass(frozen=True, kw_only=True)
class OrbitSettings:
    """How the path generators go about the pivot, from where the camera is."""

    turns: float = 1.0
    """Of orbit and spiral."""
    duration_s: float = 8.0
    sweep_deg: float = 90.0
    """Of the arc."""
    end_radius: float = 0.5
    """Of the spiral, over the radius it begins with."""
    rise_deg: float = 25.0
    """How much higher the spiral ends."""


@dataclass(frozen=True, kw_only=True)
class PathEditor:
    """The camera path under edit, and its preview."""

    path: CameraPath = CameraPath()
    """The one under edit."""
    shelf: tuple[CameraPath, ...] = ()
    """The others, each with a name of its own."""
    selected: int | None = None
    """Id of the selected key."""
    time_s: float = 0.0
    """Playhead of the path."""
    previewing: bool = False
    """The window shows the path's camera instead of the user's."""
    playing: bool = False
    anchor_time_s: float = 0.0
    anchor_s: float = 0.0
    records_scene_time: bool = False
    """New keys keep the frame that is shown."""
    orbit: OrbitSettings = OrbitSettings()
    file: str = "path.json"
    form: PathForm = "nerfstudio"
    """The program that the path is exported for."""
    saved: CameraPath = CameraPath()
    """The path as it is on disk."""
    saved_shelf: tuple[CameraPath, ...] = ()

    @property
    def unsaved(self) -> bool:
        return self.path != self.saved or self.shelf != self.saved_shelf

    @property
    def empty(self) -> bool:
        """There is nothing to save."""
        return not self.path.keys and not self.shelf

    @property
    def selected_key(self) -> Keyframe | None:
        return next((key for key in self.path.keys if key.id == self.selected), None)


@dataclass(frozen=True, kw_only=True)
class PathRecording:
    """The user's motion under way to become a path."""

    began_s: float
    poses: tuple[Keyframe, ...] = ()
