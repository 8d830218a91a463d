"""What the state asks the window to do: files, clipboard, jobs, screenshots. Answers come back as events."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from imgui_bundle import imgui

from im4d_core.camera_path import CameraPath, Keyframe
from im4d_core.export_settings import SUFFIXES, Chroma, Format
from im4d_core.path_files import CAMERA_FILES, export_path, is_own_file, save_path
from im4d_core.path_simplify import simplified, thinned
from im4d_core.types import Scene
from viewer import events as e
from viewer.file_dialog import FileDialog
from viewer.gl import read_framebuffer
from viewer.jobs import ExportOrder, OccupancyOrder, Order, PictureOrder, kind
from viewer.live import LiveRecording
from viewer.messages import DisplayBuffer
from viewer.offline import save_png
from viewer.path_reader import PathReader
from viewer.state import EncoderReport
from viewer.window import Window
from viewer.worker import RenderWorker

_log = logging.getLogger(__name__)
_PATIENCE_S = 0.5  # so long the window may stand still for the keys of a recording
_SETTLING_S = 1.0  # within this time after the last move the render thread begins the picture that follows a draft


@dataclass(frozen=True, kw_only=True, eq=False)
class _Recorded:
    """A recorded motion whose keys are being chosen."""

    poses: tuple[Keyframe, ...]
    path: Future[CameraPath]
    stopped: threading.Event

    def hurried(self) -> e.Event:
        """The path by its few keys where they are found within a moment, else by many."""
        try:
            path = self.path.result(timeout=_PATIENCE_S)
        except TimeoutError:
            self.stopped.set()
            path = thinned(self.poses)
        except Exception as error:  # noqa: BLE001 - the motion is kept whatever becomes of its keys
            _log.warning("no keys could be chosen", exc_info=error)
            path = thinned(self.poses)
        return e.MotionRecorded(path=replace(path, name="recording"))


class Effects:
    """Runs effects on the main thread; writing pictures goes to a thread of its own.

    Args:
        send: where answers go.
        output: folder of screenshots and of videos and paths whose file is relative.
        shown: the picture on the screen.
    """

    def __init__(
        self,
        window: Window,
        worker: RenderWorker,
        send: Callable[[e.Event], None],
        *,
        output: Callable[[], Path],
        shown: Callable[[], DisplayBuffer | None],
    ) -> None:
        self.scene: Scene | None = None
        self._window = window
        self._worker = worker
        self._send = send
        self._output = output
        self._shown = shown
        self._dialog = FileDialog()
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="pictures")
        self._written: list[Future[Path]] = []
        self._tried: list[Future[EncoderReport]] = []
        self._recorded: list[_Recorded] = []
        self._written_now: set[Path] = set()
        self._paths = PathReader(window.wake)
        self._wanted: list[Path | None] = []
        self._wanted_s = 0.0
        self._records = False
        self._live: LiveRecording | None = None

    @property
    def waits(self) -> bool:
        """Whether an answer may come without an event of the window."""
        ending = self._live is not None and not self._records
        return self._dialog.waits or self.reads or ending or bool(self._written) or bool(self._tried) or bool(self._recorded) or bool(self._wanted)

    @property
    def reads(self) -> bool:
        """Whether a camera path is being read, which will change the state."""
        return self._paths.waits

    @property
    def records(self) -> bool:
        """Whether the screen is recorded: frames have to be drawn at its rate."""
        return self._records

    def run(self, effects: Sequence[e.Effect]) -> None:
        """One after the other; whatever one of them raises becomes a notice, and the next has its turn."""
        for effect in effects:
            try:
                self._run(effect)
            except (OSError, ValueError) as error:
                self._send(e.Notified(level="error", text=str(error)))
            except Exception as error:  # noqa: BLE001 - a defect of ours must not take along what waits behind it
                _log.exception("%s failed", type(effect).__name__)
                self._send(e.Notified(level="error", text=f"{type(effect).__name__} failed: {error or type(error).__name__}; the log has the details"))

    def forget_scene(self) -> None:
        """Another scene is open: paths that are being read are not wanted any more, and files written for the one before are not its own."""
        self._paths.forget()
        self._written_now.clear()

    def recorded(self) -> list[e.Event]:
        """Recordings whose keys are still being chosen: what was found by now, or more keys than needed. They are wanted at once."""
        waiting, self._recorded = self._recorded, []
        return [recorded.hurried() for recorded in waiting]

    def events(self) -> list[e.Event]:
        """Answers that are ready now: pictures written, files dropped."""
        answers: list[e.Event] = []
        if self._wanted:
            self._save_picture()
        if self._records:
            self._window.before_swap(self._record)
        for done in [future for future in self._written if future.done()]:
            self._written.remove(done)
            error = done.exception()
            if error is not None:
                answers.append(e.Notified(level="error", text=f"the screenshot was not saved: {error}"))
            else:
                answers.append(e.Notified(level="info", text=f"Saved {done.result()}", path=done.result()))
        for done in [future for future in self._tried if future.done()]:
            self._tried.remove(done)
            answers.append(e.EncoderProbed(report=done.result()))
        for done in [recorded for recorded in self._recorded if recorded.path.done()]:
            self._recorded.remove(done)
            answers.append(done.hurried())
        if self._live is not None and self._live.written.done():
            answers += self._live_ended(self._live)
        answers += self._paths.answers()
        answers += [e.FileChosen(purpose="open", path=path) for path in self._window.take_dropped()]
        return answers

    def draw(self) -> None:
        """Show the file dialog that is open."""
        chosen = self._dialog.draw()
        if chosen is not None:
            self._send(chosen)

    def close(self) -> None:
        self._paths.close()
        if self._live is not None:
            self._live.end()
            error = self._live.written.exception()
            if error is not None:
                _log.warning("the screen is not recorded: %s", error)
        self._writer.shutdown(wait=True)

    def _run(self, effect: e.Effect) -> None:
        match effect:
            case e.TakeScreenshot(window=False, file=file):
                self._wanted.append(_checked(file))
                self._wanted_s = time.monotonic()
                self._save_picture()
            case e.TakeScreenshot(file=file):
                file = _checked(file)
                self._window.before_swap(lambda: self._write(read_framebuffer(*self._window.framebuffer_size), "window", file))
            case e.SavePictureOf(request=request, size_name=size_name):
                name = self.scene.name if self.scene is not None else "picture"
                file = _free_name(self._output() / f"{name}_{request.frame:06d}_{size_name}.png")
                self._begin(PictureOrder(request=request, file=file))
            case e.StartLive():
                self._records = True
            case e.StopLive():
                self._end_live()
            case e.CopyText(text=text):
                imgui.set_clipboard_text(text)
            case e.PasteText():
                self._send(e.TextPasted(text=imgui.get_clipboard_text()))
            case e.SavePath(file=file) if not self._may_write(file, effect):
                self._send(e.WouldReplace(effect=replace(effect, replaces=True, changes_form=not _is_own(file))))
            case e.ExportPath(target=target) if not self._may_write(target, effect):
                self._send(e.WouldReplace(effect=replace(effect, replaces=True)))
            case e.StartExport(settings=settings) if SUFFIXES[settings.format] and not self._may_write(Path(settings.file), effect):
                self._send(e.WouldReplace(effect=replace(effect, replaces=True)))
            case e.SavePath():
                self._save_path(effect)
            case e.LoadPath():
                self._paths.read(effect, self.scene.frames if self.scene is not None else None)
            case e.ReadText(file=file):
                self._send(e.TextPasted(text=file.read_text(encoding="utf-8"), origin=str(file)))
            case e.ExportPath(path=path, target=target, form=form, view=view):
                notes = [f"Exported {target}"]
                export_path(path, target, form, view, told=notes.append)
                self._send(e.Notified(level="info", text=". ".join(notes), path=target))
            case e.SimplifyRecording(poses=poses, distance=distance):
                stopped = threading.Event()
                path = self._writer.submit(simplified, poses, distance=distance, go_on=lambda: not stopped.is_set())
                path.add_done_callback(lambda _: self._window.wake())
                self._recorded.append(_Recorded(poses=poses, path=path, stopped=stopped))
            case e.ChooseFile(purpose=purpose, suggested=suggested):
                self._dialog.ask(purpose, suggested or str(self._output()))
            case e.OpenScene(source=source):
                self._worker.open(source)
            case e.ShowInFolder(path=path):
                _show_in_folder(path)
            case e.StartExport(number=number, path=path, timing=timing, settings=settings):
                self._worker.begin(ExportOrder(number=number, path=path, timing=timing, settings=settings))
                self._send(e.ExportQueued(number=number, file=Path(settings.file)))
            case e.ProbeEncoder(format=format, chroma=chroma):
                future = self._writer.submit(_probed, format, chroma)
                future.add_done_callback(lambda _: self._window.wake())
                self._tried.append(future)
            case e.CancelExport(number=number):
                self._worker.cancel("export", number)
            case e.CancelPicture():
                self._worker.cancel("picture")
            case e.BuildOccupancy():
                self._begin(OccupancyOrder())
            case e.CancelOccupancy():
                self._worker.cancel("occupancy")
            case e.ToggleFullscreen():
                self._window.toggle_fullscreen()
            case e.FocusPanel(name=name):
                self._window.focus_panel(name)
            case e.ArrangePanels():
                self._window.arrange_panels()
            case e.Quit():
                self._window.request_close()

    def _may_write(self, file: Path, effect: e.SavePath | e.ExportPath | e.StartExport) -> bool:
        """Whether the user agreed, or nothing is lost that was not written since the scene was opened."""
        there = file / CAMERA_FILES[0] if os.path.isdir(file) else file
        if not effect.replaces and file not in self._written_now and os.path.isfile(there):
            return False
        self._written_now.add(file)
        return True

    def _save_path(self, effect: e.SavePath) -> None:
        try:
            save_path(effect.path, effect.file, effect.others)
        except OSError as error:
            another = e.ChooseFile(purpose="save_path", suggested=str(self._output() / effect.file.name), why=str(error))
            self._send(e.AskedFor(effect=another))
            return
        self._send(e.PathSaved(path=effect.path, file=effect.file, others=effect.others))
        if effect.quits:
            self._send(e.AskedFor(effect=e.Quit()))

    def _begin(self, order: Order) -> None:
        """Hand a job to the render thread; it is seen to wait until its first step."""
        self._worker.begin(order)
        self._send(e.JobProgress(job=kind(order), done=0, total=0))

    def _save_picture(self) -> None:
        shown = self._shown()
        if shown is None:
            self._wanted.clear()
            self._send(e.Notified(level="warning", text="there is no picture to save yet"))
            return
        now = time.monotonic()
        if self._worker.busy:
            self._wanted_s = now
        if not shown.final and now - self._wanted_s < _SETTLING_S:  # a better one is on its way
            return
        files, self._wanted = self._wanted, []
        name = self.scene.name if self.scene is not None else "picture"
        for file in files:
            self._write(shown.host_pixels()[..., :3], f"{name}_{shown.request.frame:06d}", file)

    def _record(self) -> None:
        """One more picture of the picture area."""
        left, bottom, width, height = self._window.picture_rectangle().pixels
        whole = read_framebuffer(*self._window.framebuffer_size)
        top = len(whole) - bottom - height
        picture = whole[max(top, 0) : top + height, max(left, 0) : left + width]
        if not self._records or picture.size == 0:
            return
        if self._live is not None:
            self._live.take(picture)
            return
        name = self.scene.name if self.scene is not None else "live"
        file = _free_name(self._output() / f"{name}_{time.strftime('%Y%m%d-%H%M%S')}.mp4")
        self._live = LiveRecording(file, picture, time.monotonic, self._window.wake)

    def _end_live(self) -> None:
        self._records = False
        if self._live is None:
            self._send(e.LiveEnded())
        else:
            self._live.end()

    def _live_ended(self, live: LiveRecording) -> list[e.Event]:
        self._live, self._records = None, False
        error = live.written.exception()
        if error is None:
            return [e.LiveEnded(file=live.written.result(), left_out=live.left_out)]
        return [e.LiveEnded(), e.Notified(level="error", text=f"the screen is not recorded: {error}")]

    def _write(self, pixels: np.ndarray, name: str, file: Path | None) -> None:
        """Save a picture as a file, or as a new one of the output folder."""
        if file is None:
            future = self._writer.submit(_save_as_new, pixels, self._output() / f"{name}_{time.strftime('%Y%m%d-%H%M%S')}.png")
        else:
            future = self._writer.submit(_save_as, pixels, file)
        future.add_done_callback(lambda _: self._window.wake())
        self._written.append(future)


def _probed(format: Format, chroma: Chroma) -> EncoderReport:
    """Whether a format can be encoded; PyAV may be missing."""
    if format == "png":
        return EncoderReport(format=format, chroma=chroma, problem="")
    try:
        from im4d_core.video import probe_encoder

        problem = probe_encoder(format, chroma) or ""
    except ImportError as error:
        problem = str(error)
    return EncoderReport(format=format, chroma=chroma, problem=problem)


def _is_own(file: Path) -> bool:
    """Whether a file is a path of our own form."""
    try:
        return is_own_file(file)
    except (OSError, ValueError):
        return False


def _save_as_new(pixels: np.ndarray, target: Path) -> Path:
    """Write a picture under a name that no file has yet, and return it."""
    file = _free_name(target)
    save_png(pixels, file)
    return file


def _save_as(pixels: np.ndarray, file: Path) -> Path:
    save_png(pixels, file)
    return file


def _checked(file: Path | None) -> Path | None:
    """The file of a screenshot.

    Raises:
        ValueError: it would not be a PNG file.
    """
    if file is not None and file.suffix.lower() != ".png":
        raise ValueError(f"{file}: a screenshot is a PNG file; its name must end with .png")
    return file


def _free_name(target: Path) -> Path:
    """A name that no file has yet."""
    file, number = target, 1
    while file.exists():
        number += 1
        file = target.with_stem(f"{target.stem}-{number}")
    return file


def _show_in_folder(path: Path) -> None:
    """Open the folder of a file in the desktop's file manager."""
    folder = path if path.is_dir() else path.parent
    if sys.platform == "win32":
        os.startfile(folder)
        return
    opener = "open" if sys.platform == "darwin" else "xdg-open"
    try:
        subprocess.Popen([opener, str(folder)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    except FileNotFoundError:
        raise FileNotFoundError(f"no file manager can be opened ({opener} is missing); the folder is {folder}") from None
