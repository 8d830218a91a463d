"""Events go into `viewer.reduce.reduce`; effects come out of it.

An *event* is a small frozen value that says what happened. Three senders exist, named above each group below: the window's input code, the panels, and
the window's jobs (worker, recorder, files). An *effect* is what the state asks the window to do because a pure function cannot: `reduce` appends it to
`ViewerState.effects`; the window runs all of them in order and answers with `EffectsTaken`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from im4d_core.camera_path import CameraPath, Interpolation
from im4d_core.types import Scene
from viewer.state import ExportSettings, Level, LoopMode, Mode, NavigationMode, OrbitSettings, Output, RenderRequest, Vector

FilePurpose = Literal["open", "open_path", "save_path", "export"]

# ---- from the window's input code ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Tick:
    """Once per GUI frame, before the request is made: clocks advance, held keys move the camera, old notices go.

    `held` are the while-held actions of `bindings` whose keys are down now (polled, empty without focus or while a text field has the keyboard).
    """

    now_s: float
    """A monotonic clock."""
    held: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Triggered:
    """A key chord of `bindings` was pressed, or a panel's button stands for the same action."""

    action: str


@dataclass(frozen=True, kw_only=True)
class Dragged:
    """The mouse moved over the picture with a button down; `action` from `bindings.drag_action`: orbit, look or pan. Not scaled by time."""

    action: str
    dx_px: float
    dy_px: float
    """Downwards; window units, like `height_px`."""
    height_px: float
    """Height of the picture on screen."""


@dataclass(frozen=True, kw_only=True)
class Scrolled:
    """The wheel turned over the picture; `action` from `bindings.scroll_action`: dolly, fov, fly_speed or scale."""

    action: str
    steps: float
    """Positive away from the user; touchpads give fractions."""


@dataclass(frozen=True, kw_only=True)
class PivotPicked:
    """A double-click met a surface at this world point (from the displayed depth)."""

    point: Vector


@dataclass(frozen=True, kw_only=True)
class Resized:
    """The picture area has another size, in framebuffer pixels."""

    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class FileChosen:
    """A file dialog was answered, or a file or folder was dropped onto the window (purpose "open": a path file or a scene, told apart by its name)."""

    purpose: FilePurpose
    path: Path


# ---- from the panels ----------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class SetFrame:
    """Scrub: show this index into `Scene.frames`. Clamped."""

    index: int


@dataclass(frozen=True, kw_only=True)
class SetSpeed:
    speed: float


@dataclass(frozen=True, kw_only=True)
class SetFps:
    fps: float


@dataclass(frozen=True, kw_only=True)
class SetLoop:
    loop: LoopMode


@dataclass(frozen=True, kw_only=True)
class SetMode:
    mode: Mode


@dataclass(frozen=True, kw_only=True)
class SetOutput:
    output: Output


@dataclass(frozen=True, kw_only=True)
class SetScale:
    """Manual render scale, or automatic when None."""

    scale: float | None


@dataclass(frozen=True, kw_only=True)
class SetTargetFps:
    fps: float


@dataclass(frozen=True, kw_only=True)
class SetBackground:
    colour: Vector


@dataclass(frozen=True, kw_only=True)
class SetNavigationMode:
    mode: NavigationMode


@dataclass(frozen=True, kw_only=True)
class SetFov:
    """Vertical field of view; the distance to the pivot stays."""

    fov_y_deg: float


@dataclass(frozen=True, kw_only=True)
class SetFlySpeed:
    speed: float
    """World units per second."""


@dataclass(frozen=True, kw_only=True)
class SetPose:
    """The camera's centre and viewing direction, as typed by the user: the picture's top points along the scene's up."""

    centre: Vector
    yaw_deg: float
    pitch_deg: float


@dataclass(frozen=True, kw_only=True)
class JumpToCamera:
    """Look through a camera of the capture. Clamped."""

    view: int


@dataclass(frozen=True, kw_only=True)
class SetOverlay:
    name: str
    """A field of `state.Overlays`."""
    shown: bool


@dataclass(frozen=True, kw_only=True)
class SelectKey:
    key_id: int | None
    go_there: bool = False
    """Also show the path at this key."""


@dataclass(frozen=True, kw_only=True)
class SetKeyTime:
    key_id: int
    time_s: float
    gesture: int = 0
    """Edits of one drag share a number other than 0 and are undone together."""


@dataclass(frozen=True, kw_only=True)
class SetKeyFrame:
    """The frame of the scene shown at a key; None follows playback."""

    key_id: int
    scene_frame: float | None
    gesture: int = 0


@dataclass(frozen=True, kw_only=True)
class SetKeyFov:
    key_id: int
    fov_y_deg: float
    gesture: int = 0


@dataclass(frozen=True, kw_only=True)
class SetPathLoop:
    loop: bool
    loop_s: float | None = None
    """Time from the last key to the first; None keeps it."""


@dataclass(frozen=True, kw_only=True)
class SetInterpolation:
    interpolation: Interpolation


@dataclass(frozen=True, kw_only=True)
class SetPathTime:
    """Scrub the path: show its camera at this time."""

    time_s: float


@dataclass(frozen=True, kw_only=True)
class SetRecordsSceneTime:
    """Whether new keys keep the frame that is shown."""

    on: bool


@dataclass(frozen=True, kw_only=True)
class ReplacePath:
    """A whole new path; one undo step."""

    path: CameraPath


@dataclass(frozen=True, kw_only=True)
class SetOrbit:
    settings: OrbitSettings


@dataclass(frozen=True, kw_only=True)
class SetExport:
    settings: ExportSettings


@dataclass(frozen=True, kw_only=True)
class DismissNotice:
    notice_id: int


@dataclass(frozen=True, kw_only=True)
class SetPathFile:
    """The file that Save writes and Load reads, as typed in the Path panel."""

    file: str


@dataclass(frozen=True, kw_only=True)
class AskedFor:
    """A panel asks for an effect directly (open a folder, choose a file)."""

    effect: Effect


# ---- from the window's jobs: worker, recorder, files ------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class SceneOpened:
    """A run, exported scene or the demo is ready: camera, transport and box start over."""

    scene: Scene
    source: Path
    """What was opened: the RUN or SCENE folder; exports name it on their command line."""
    first_view: int | None = None
    """Camera to start from; None frames the scene's box from the front of its cameras."""


@dataclass(frozen=True, kw_only=True)
class RenderFinished:
    """A picture is on the screen. `steady` is False when caches were filled or kernels compiled: automatic scale then ignores the time."""

    request: RenderRequest
    render_ms: float
    steady: bool = True


@dataclass(frozen=True, kw_only=True)
class Notified:
    """Something to tell the user; errors stay until dismissed, equal ones are counted."""

    level: Level
    text: str
    path: Path | None = None
    """A file or folder the notice can open."""


@dataclass(frozen=True, kw_only=True)
class JobProgress:
    """The export or the occupancy build goes on."""

    job: Literal["export", "occupancy"]
    done: int
    total: int


@dataclass(frozen=True, kw_only=True)
class JobEnded:
    """The export or the occupancy build ended: `error` says why it failed; cancelled when neither error nor file (export) is given."""

    job: Literal["export", "occupancy"]
    file: Path | None = None
    error: str = ""
    cancelled: bool = False


@dataclass(frozen=True, kw_only=True)
class PathLoaded:
    path: CameraPath
    file: Path


@dataclass(frozen=True, kw_only=True)
class PathSaved:
    path: CameraPath
    """What was written, so that later edits still count as unsaved."""
    file: Path


@dataclass(frozen=True, kw_only=True)
class TextPasted:
    """Answer to `PasteText`."""

    text: str


@dataclass(frozen=True, kw_only=True)
class EffectsTaken:
    """The window has run the first `count` effects."""

    count: int


# ---- effects: what the window is asked to do ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class TakeScreenshot:
    """Save the displayed picture (the tensor, upright), or the whole window with its panels. Answered by `Notified`."""

    window: bool = False


@dataclass(frozen=True, kw_only=True)
class CopyText:
    text: str


@dataclass(frozen=True, kw_only=True)
class PasteText:
    """Read the clipboard and answer with `TextPasted`."""


@dataclass(frozen=True, kw_only=True)
class SavePath:
    """Answered by `PathSaved`, or `Notified` with the error."""

    path: CameraPath
    file: Path


@dataclass(frozen=True, kw_only=True)
class LoadPath:
    """Answered by `PathLoaded`, or `Notified` with the error."""

    file: Path


@dataclass(frozen=True, kw_only=True)
class ChooseFile:
    """Show a file dialog. Answered by `FileChosen`, or by nothing when the user cancels."""

    purpose: FilePurpose
    suggested: str = ""


@dataclass(frozen=True, kw_only=True)
class OpenScene:
    """Answered by `SceneOpened`, or `Notified` with the error; the scene that is open stays until then."""

    source: Path


@dataclass(frozen=True, kw_only=True)
class ShowInFolder:
    path: Path


@dataclass(frozen=True, kw_only=True)
class StartExport:
    """Render the path to a video. Answered by `JobProgress` and `JobEnded`. The job owns its camera, time, size and quality."""

    path: CameraPath
    settings: ExportSettings


@dataclass(frozen=True, kw_only=True)
class CancelExport:
    pass


@dataclass(frozen=True, kw_only=True)
class BuildOccupancy:
    """Answered by `JobProgress` and `JobEnded` with job "occupancy"."""


@dataclass(frozen=True, kw_only=True)
class CancelOccupancy:
    pass


@dataclass(frozen=True, kw_only=True)
class ToggleFullscreen:
    pass


@dataclass(frozen=True, kw_only=True)
class FocusPanel:
    """Bring a panel to the front, by its name in `viewer.panels.PANELS`."""

    name: str


@dataclass(frozen=True, kw_only=True)
class Quit:
    """Close the window; jobs under way are cancelled and leave no partial file."""


Effect = (
    TakeScreenshot
    | CopyText
    | PasteText
    | SavePath
    | LoadPath
    | ChooseFile
    | OpenScene
    | ShowInFolder
    | StartExport
    | CancelExport
    | BuildOccupancy
    | CancelOccupancy
    | ToggleFullscreen
    | FocusPanel
    | Quit
)

Event = (
    Tick
    | Triggered
    | Dragged
    | Scrolled
    | PivotPicked
    | Resized
    | FileChosen
    | SetFrame
    | SetSpeed
    | SetFps
    | SetLoop
    | SetMode
    | SetOutput
    | SetScale
    | SetTargetFps
    | SetBackground
    | SetNavigationMode
    | SetFov
    | SetFlySpeed
    | SetPose
    | JumpToCamera
    | SetOverlay
    | SelectKey
    | SetKeyTime
    | SetKeyFrame
    | SetKeyFov
    | SetPathLoop
    | SetInterpolation
    | SetPathTime
    | SetRecordsSceneTime
    | ReplacePath
    | SetOrbit
    | SetExport
    | DismissNotice
    | SetPathFile
    | AskedFor
    | SceneOpened
    | RenderFinished
    | Notified
    | JobProgress
    | JobEnded
    | PathLoaded
    | PathSaved
    | TextPasted
    | EffectsTaken
)
