"""Runs the real window in a process of its own, on a virtual display where there is none, and takes its times, memory and processor time."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.table import ROOT

# app.py as a user starts it, with a clock around each frame; closes the window some time after the first picture.
_PROGRAM = """
import json, sys, time
began, settle_s, idle_s, sys.argv = *map(float, sys.argv[1:4]), ["app.py", *sys.argv[4:]]
import app
from viewer.session import Session
from viewer.window import Window

marks, sessions, draw, run = {}, [], Window.draw, Session.run

def timed_draw(window):
    draw(window)
    now = time.monotonic()
    marks.setdefault("first_frame_s", now - began)
    if sessions and sessions[0].first_picture_s is not None:
        marks.setdefault("first_picture_s", now - began)
        if sessions[0].busy or "busy_s" not in marks:
            marks["busy_s"] = now  # finer pictures follow the first one
        idle = now - marks["busy_s"] - settle_s
        if idle >= 0:
            marks.setdefault("idle_from_s", now)
            marks.setdefault("idle_from_cpu_s", time.process_time())
        if idle >= idle_s and "resident_kb" not in marks:
            marks["idle_s"], marks["idle_cpu_s"] = now - marks["idle_from_s"], time.process_time() - marks["idle_from_cpu_s"]
            status = dict(line.split(":", 1) for line in open("/proc/self/status"))
            marks["resident_kb"], marks["peak_kb"] = (int(status[key].split()[0]) for key in ("VmRSS", "VmHWM"))
            window.request_close()

def noted_run(session):
    sessions.append(session)
    run(session)

Window.draw, Session.run = timed_draw, noted_run
try:
    code = app.main()
finally:
    print("MARKS " + json.dumps(marks), flush=True)
sys.exit(code)
"""


@dataclass(frozen=True, kw_only=True)
class WindowMarks:
    """What one start of the window took. Seconds count from the start of the process."""

    first_frame_s: float
    """Until something of the window was on the screen."""
    first_picture_s: float
    """Until the first rendered picture was."""
    resident_gb: float
    """Host memory held when idle."""
    peak_gb: float
    idle_cores: float
    """Processor time over time while idle, all threads together; 0 where no idle time was asked for."""


def run_window(arguments: Sequence[str], *, settle_s: float = 0.0, idle_s: float = 0.0, timeout_s: float = 300.0) -> WindowMarks:
    """Starts app.py, waits for the last and finest picture and longer, and closes it.

    Args:
        settle_s: after that picture, before idle time is measured.
        idle_s: how long that is measured.

    Raises:
        RuntimeError: it ended before, or took longer than `timeout_s`; with what it printed.
    """
    command = [sys.executable, "-c", _PROGRAM, repr(time.monotonic()), repr(settle_s), repr(idle_s), "--mode", "fast", *arguments]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"no picture after {timeout_s:g} s: {error.stderr!r}") from error
    line = next((line for line in done.stdout.splitlines() if line.startswith("MARKS ")), "MARKS {}")
    marks = json.loads(line.removeprefix("MARKS "))
    if done.returncode != 0 or "resident_kb" not in marks:
        raise RuntimeError(f"the window ended with status {done.returncode} before it was measured ({marks}):\n{done.stdout}\n{done.stderr}")
    return WindowMarks(
        first_frame_s=marks["first_frame_s"],
        first_picture_s=marks["first_picture_s"],
        resident_gb=marks["resident_kb"] / 2**20,
        peak_gb=marks["peak_kb"] / 2**20,
        idle_cores=marks["idle_cpu_s"] / marks["idle_s"] if marks["idle_s"] > 0 else 0.0,
    )


@contextmanager
def display() -> Iterator[str]:
    """The display there is, else a virtual one.

    Raises:
        RuntimeError: there is neither a display nor Xvfb.
    """
    present = os.environ.get("DISPLAY")
    if present:
        yield present
        return
    server = shutil.which("Xvfb")
    if server is None:
        raise RuntimeError("DISPLAY is not set and Xvfb is not installed (apt-get install xvfb)")
    read, write = os.pipe()
    command = [server, "-displayfd", str(write), "-screen", "0", "1920x1200x24", "-noreset", "-nolisten", "tcp"]
    process = subprocess.Popen(command, pass_fds=(write,), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(write)
    try:
        with os.fdopen(read) as pipe:
            number = pipe.readline().strip()
        if not number:
            raise RuntimeError(f"Xvfb ended with status {process.wait()}")
        os.environ["DISPLAY"] = f":{number}"
        yield os.environ["DISPLAY"]
    finally:
        os.environ.pop("DISPLAY", None)
        process.terminate()
        process.wait()
