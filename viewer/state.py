"""Everything the window shows, as one frozen value. The picture that follows from it: `viewer.request`.

`viewer.reduce.reduce(state, event) -> state` is the only way to a new state (events: `viewer.events`). Nothing here knows OpenGL, torch or ImGui.

The window's loop: poll → events → reduce → take and run `state.effects` → `render_request` → if it differs from the last one, hand it to the worker → present →
overlays with the *displayed* request's camera → panels, whose events are reduced in the next turn.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Float64

from im4d_core.camera_path import SceneTiming
from im4d_core.export_settings import Chroma, ExportSettings, Format
from im4d_core.quality import Quality
from im4d_core.types import MIDDLE, PrincipalPoint, Scene
from viewer.compare import Comparison
from viewer.crop import Crop
from viewer.edited_path import PathEditor, PathRecording
from viewer.export_queue import Queue, pending
from viewer.flight import Flight
from viewer.history import History
from viewer.look import Look, Output
from viewer.near_far import NearFar
from viewer.preferences import Preferences
from viewer.progress import Progress
from viewer.transport import Transport, played_range

if TYPE_CHECKING:
    from viewer.events import Effect

Vector = tuple[float, float, float]
Mode = Literal["fast", "exact", "full", "auto"]
"""auto: fast while anything moves, full once the view has been still."""
NavigationMode = Literal["orbit", "fly"]
Level = Literal["info", "warning", "error"]

MODES: tuple[Mode, ...] = ("fast", "exact", "full", "auto")
STILL_S = 0.15
"""How long a view must be still before mode auto asks for the full renderer."""
SCALES = (0.2, 1.0)
"""Least and greatest render scale."""
TARGETS = (1.0, 240.0)
"""Least and greatest rate that the automatic scale is to meet."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Navigation:
    """The user's camera and how it moves."""

    T_camera_world: Float64[np.ndarray, "4 4"]
    pivot: Vector = (0.0, 0.0, 0.0)
    """The point orbits turn about and pans keep under the cursor."""
    up: Vector = (0.0, 0.0, 1.0)
    """Unit vector of the world."""
    fov_y_deg: float = 50.0
    principal_point: PrincipalPoint = MIDDLE
    mode: NavigationMode = "orbit"
    speed: float = 1.0
    """Fly speed in world units per second."""
    velocity: Vector = (0.0, 0.0, 0.0)
    """Smoothed fly velocity along the camera's right, the world's up and the camera's forward axes, in units of `speed`."""

    def _key(self) -> tuple[object, ...]:
        return (self.T_camera_world.tobytes(), self.pivot, self.up, self.fov_y_deg, self.principal_point, self.mode, self.speed, self.velocity)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Navigation) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())


@dataclass(frozen=True, kw_only=True)
class Picture:
    """What is rendered and how well."""

    mode: Mode = "fast"
    output: Output = "colour"
    automatic_scale: bool = True
    scale: float = 1.0
    """Render size over window size; set by the user, or by `viewer.resolution` when automatic."""
    target_fps: float = 15.0
    recent_ms: tuple[float, ...] = ()
    """The last render times at this scale, for the automatic scale."""
    background: Vector = (0.0, 0.0, 0.0)
    quality: Quality = Quality()
    look: Look = Look()


@dataclass(frozen=True, kw_only=True)
class Overlays:
    """What is drawn over the picture."""

    cameras: bool = False
    box: bool = False
    path: bool = True
    frame: bool = True
    """What the export will show, while a path is previewed and while keys are made."""
    axes: bool = False
    grid: bool = False
    """Squares on the floor of the scene."""
    cells: bool = False
    """Occupied cells of the frame."""
    sources: bool = False
    """Frusta of the source views in use, highlighted."""
    thumbnails: bool = False
    """Small pictures of the source views in use."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Which parts of the window are shown. The transport always is."""

    panels: bool = True
    stats: bool = True
    timing: bool = False
    """Times by stage of the last pictures, with the figures."""
    help: bool = False


@dataclass(frozen=True, kw_only=True)
class Notice:
    """A message at the bottom right. Warnings and errors stay until dismissed."""

    id: int
    level: Level
    text: str
    path: Path | None = None
    count: int = 1
    """How often it was raised."""
    raised_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class EncoderReport:
    """Whether this machine can encode a format."""

    format: Format
    chroma: Chroma
    problem: str
    """Why not; empty when it can."""


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What an export takes along from the window."""

    background: bool = False
    """Otherwise the colour that the scene was trained on."""
    cut: bool = True
    """The crop box, near and far; otherwise everything is rendered."""
    quality: bool = True
    """Samples, thresholds and passes; otherwise those of the run, and one."""


@dataclass(frozen=True, kw_only=True)
class Export:
    settings: ExportSettings = ExportSettings()
    """Without what is taken along: `viewer.exporting` adds it."""
    taken: Taken = Taken()
    queue: Queue = ()
    """Those that wait or run, and the last ones that are over."""
    next_number: int = 1
    encoders: tuple[EncoderReport, ...] = ()
    """What was tried so far; before anything is rendered."""

    @property
    def job(self) -> Progress | None:
        """Of the export that runs, or waits and is next."""
        waiting = pending(self.queue)
        return waiting[0].progress if waiting else None

    @property
    def finished(self) -> Path | None:
        """The last video or folder."""
        return next((export.file for export in reversed(self.queue) if export.outcome == "done"), None)


@dataclass(frozen=True, kw_only=True)
class ViewerState:
    """The whole state of the window. Compare parts by ``is`` or ``==``; `reduce` keeps the parts an event does not change."""

    scene: Scene | None = field(default=None, compare=False)
    """Arrays do not compare; opening another scene changes `source` or the navigation anyway."""
    source: Path | None = None
    """The run or scene folder that is open."""
    device: str = ""
    """What renders it: cpu, cuda or cuda:N."""
    output: Path = Path()
    """Folder of what is saved under a relative name."""
    first_view: int | None = None
    """The camera of the capture that "back to the first view" means."""
    navigation: Navigation = Navigation(T_camera_world=np.eye(4))
    transport: Transport = Transport()
    picture: Picture = Picture()
    overlays: Overlays = Overlays()
    comparison: Comparison = Comparison()
    crop: Crop = Crop()
    clip: NearFar | None = None
    """Depths between which the view is rendered; None for all of them."""
    layout: Layout = Layout()
    path_editor: PathEditor = PathEditor()
    live_since_s: float | None = None
    """When the recording of the screen began that runs now."""
    recording: PathRecording | None = None
    """The motion that is recorded now."""
    export: Export = Export()
    history: History = History()
    """What can be undone."""
    gesture: int = 0
    """The press of the mouse, or the field that is typed in, which changes come from now; 0 for none."""
    before_drag: ViewerState | None = field(default=None, compare=False, repr=False)
    """What there was when the drag under way began."""
    occupancy_job: Progress | None = None
    picture_job: Progress | None = None
    """A picture of a size of its own that is being made."""
    displayed_frame: int | None = None
    """The frame in the picture on the screen, as the capture numbers it."""
    dataset_camera: int | None = None
    """The camera of the capture the window looks through, until the user moves."""
    last_camera: int = 0
    """The camera of the capture that was looked through last."""
    selected_camera: int | None = None
    """The camera of the capture that is pointed out, and that F frames."""
    flight: Flight | None = None
    """A jump of the camera that is under way."""
    preferences: Preferences = Preferences()
    asks_key: str | None = None
    """The action that the next key is to mean; no key acts meanwhile."""
    notices: tuple[Notice, ...] = ()
    next_notice: int = 1
    asks: Effect | None = None
    """What waits until the user agrees; `viewer.consent` has the question."""
    width: int = 1280
    height: int = 720
    """The picture area in framebuffer pixels."""
    now_s: float = 0.0
    """The clock of the last `Tick`."""
    opened_s: float | None = None
    """When a scene was opened first; newcomers get a hint then."""
    moved_s: float = -1.0
    """When the view last changed."""
    effects: tuple[Effect, ...] = ()
    """What the window is to do next, oldest first; see `viewer.events`."""

    @property
    def drag_edited(self) -> bool:
        """Whether the drag that is under way has edited something."""
        return self.history.gesture is not None and self.history.gesture.name == str(self.gesture)

    @property
    def frame(self) -> int:
        """The frame that is shown, as the capture numbers it."""
        if self.scene is None:
            return 0
        return self.scene.frames[shown_index(self)]


def shown_index(state: ViewerState) -> int:
    """Index into `Scene.frames` of the frame that is shown: the transport's, or the path's while it is previewed."""
    return _shown(state)[0]


def shown_onward(state: ViewerState) -> float:
    """How far time has gone from there to the next frame."""
    return _shown(state)[1]


def _shown(state: ViewerState) -> tuple[int, float]:
    editor = state.path_editor
    if state.scene is None or not (editor.previewing and editor.path.keys):
        return state.transport.index, state.transport.onward
    frame, onward = editor.path.moment_at(editor.time_s, scene_timing(state))
    return state.scene.frames.index(frame), onward


def scene_timing(state: ViewerState) -> SceneTiming:
    """How the scene goes by along the path: preview, export and the export's shell command take it from here."""
    if state.scene is None:
        return SceneTiming(frames=(0,), fps=state.transport.fps)
    frames = state.scene.frames
    low, high = played_range(state.transport, len(frames))
    part = (low, high) != (0, len(frames) - 1)
    return SceneTiming(frames=frames, fps=state.transport.fps, playing=frames[low : high + 1] if part else (), between=state.transport.between)


def encoder_problem(state: ViewerState) -> str:
    """Why the chosen video cannot be encoded here; empty when it can, or was not tried yet."""
    settings = state.export.settings
    tried = (report for report in state.export.encoders if (report.format, report.chroma) == (settings.format, settings.chroma))
    return next((report.problem for report in tried), "")


def placed(state: ViewerState, file: str) -> Path:
    """Where a file of the user is: a relative name lies in the output folder."""
    return state.output / expanded(file)


def expanded(file: str) -> Path:
    """A file as the user wrote it, ~ being the home folder; where there is no such user, the name is meant as it stands."""
    try:
        return Path(file).expanduser()
    except RuntimeError:
        return Path(file)
