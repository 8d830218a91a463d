"""Effects: what the window is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from im4d_core.camera_path import CameraPath, Keyframe, SceneTiming
from im4d_core.export_settings import Chroma, ExportSettings, Format
from im4d_core.path_files import PathForm, PathView
from viewer.request import RenderRequest

FilePurpose = Literal["open", "open_path", "save_path", "export", "output"]


@dataclass(frozen=True, kw_only=True)
class TakeScreenshot:
    """Save the displayed picture (the tensor, upright), or the whole window with its panels. Answered by `Notified`."""

    window: bool = False
    file: Path | None = None
    """A PNG file, written over if it exists; None for a new one in the output folder."""


@dataclass(frozen=True, kw_only=True)
class SavePictureOf:
    """Render a picture of a size of its own beside the window and save it. Answered by `JobProgress` and `JobEnded` with job "picture"."""

    request: RenderRequest
    size_name: str
    """Its size, for the name of the file."""


@dataclass(frozen=True, kw_only=True)
class StartLive:
    """Record what the picture area shows. Answered by `LiveEnded` when that fails."""


@dataclass(frozen=True, kw_only=True)
class StopLive:
    """End the recording. Answered by `LiveEnded`."""


@dataclass(frozen=True, kw_only=True)
class CopyText:
    text: str


@dataclass(frozen=True, kw_only=True)
class PasteText:
    """Read the clipboard and answer with `TextPasted`."""


@dataclass(frozen=True, kw_only=True)
class ReadText:
    """Read a camera as text from a file and answer with `TextPasted`."""

    file: Path


@dataclass(frozen=True, kw_only=True)
class SavePath:
    """Answered by `PathSaved`, or where the file cannot be written by the question whether another one is to be chosen."""

    path: CameraPath
    file: Path
    others: tuple[CameraPath, ...] = ()
    """The other named paths, which the file keeps too."""
    replaces: bool = False
    """The user agreed that a file that was not written since the scene was opened is replaced; without that the answer is `WouldReplace`."""
    changes_form: bool = False
    """The file that is replaced is not of our own form."""
    quits: bool = False
    """The window closes when the path is saved."""


@dataclass(frozen=True, kw_only=True)
class ExportPath:
    """Write the path for another program. Answered by `Notified`."""

    path: CameraPath
    target: Path
    form: PathForm
    view: PathView
    replaces: bool = False
    """As for `SavePath`."""


@dataclass(frozen=True, kw_only=True)
class SimplifyRecording:
    """Choose keys for a recorded motion, beside the window. Answered by `MotionRecorded`."""

    poses: tuple[Keyframe, ...]
    distance: float
    """How far off positions may be, in world units."""


@dataclass(frozen=True, kw_only=True)
class LoadPath:
    """Answered by `PathLoaded`, or `Notified` with the error."""

    file: Path
    of_scene: bool = False
    """The scene comes with it: what is edited is saved under a name of the user's own, and the scene's file stays as it is."""


@dataclass(frozen=True, kw_only=True)
class ChooseFile:
    """Show a file dialog. Answered by `FileChosen`, or by nothing when the user cancels."""

    purpose: FilePurpose
    suggested: str = ""
    why: str = ""
    """What went wrong, where another file is to be chosen for that; the user is asked before."""


@dataclass(frozen=True, kw_only=True)
class OpenScene:
    """Answered by `SceneOpened`, or `Notified` with the error; the scene that is open stays until then."""

    source: Path


@dataclass(frozen=True, kw_only=True)
class ShowInFolder:
    path: Path


@dataclass(frozen=True, kw_only=True)
class StartExport:
    """Make the path a video or a folder of pictures, after those that wait. Answered by `ExportQueued`, then `JobProgress` and `JobEnded` with its number.

    The job owns its camera, time, size and quality.
    """

    number: int
    path: CameraPath
    timing: SceneTiming
    settings: ExportSettings
    """With an absolute file where the state's output folder is."""
    replaces: bool = False
    """As for `SavePath`."""


@dataclass(frozen=True, kw_only=True)
class ProbeEncoder:
    """Try whether this machine can encode a format. Answered by `EncoderProbed`."""

    format: Format
    chroma: Chroma


@dataclass(frozen=True, kw_only=True)
class CancelExport:
    number: int


@dataclass(frozen=True, kw_only=True)
class CancelPicture:
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
class ArrangePanels:
    """Put every panel back to where it was at the first start."""


@dataclass(frozen=True, kw_only=True)
class Quit:
    """Close the window; jobs under way are cancelled and leave no partial file."""


Effect = (
    TakeScreenshot
    | SavePictureOf
    | StartLive
    | StopLive
    | CopyText
    | PasteText
    | ReadText
    | SavePath
    | ExportPath
    | SimplifyRecording
    | LoadPath
    | ChooseFile
    | OpenScene
    | ShowInFolder
    | StartExport
    | ProbeEncoder
    | CancelExport
    | CancelPicture
    | BuildOccupancy
    | CancelOccupancy
    | ToggleFullscreen
    | FocusPanel
    | ArrangePanels
    | Quit
)
