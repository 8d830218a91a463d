"""The command line of training, as its user runs it: going on, several processes, options and their help."""

from __future__ import annotations

import re
import signal
import sys
import time
from pathlib import Path

import pytest
from shell import LIMIT_S, ROOT, SMALL, python, training
from small_capture import write_small_capture


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("training")


@pytest.fixture(scope="module")
def capture(folder: Path) -> Path:
    return write_small_capture(folder / "capture")


def test_compatibility_follows_the_release_and_can_be_overridden() -> None:
    sys.path.insert(0, str(ROOT))
    import train

    options = train._options(["x", "--output", "y", "--preset", "published", "--compatibility", "--fast.steps", "256", "--test-views", "03", "11"])
    config = train._config(options)
    assert (config.train.steps, config.train.rays, config.method.joint_canvas, config.sampling.slab) == (160_000, 2560, True, True)
    assert (config.fast.steps, config.fast.min_weight, config.data.test_views) == (256, 0.01, ("03", "11"))
    assert config.train.losses.interlevel_into_field


def test_a_stopped_training_says_so_and_goes_on(folder: Path, capture: Path) -> None:
    run = folder / "stopped"
    child = training(capture, run, "--schedule-steps", "100", "--steps", "100000")
    deadline = time.monotonic() + LIMIT_S
    while not list(run.glob("checkpoints/*.pt")) and time.monotonic() < deadline:
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=LIMIT_S)
    assert child.returncode == 130, errors
    assert "saved; the same command continues" in errors
    step = max(int(path.stem.removeprefix("step_")) for path in run.glob("checkpoints/*.pt"))
    again = training(capture, run, "--schedule-steps", "100", "--steps", str(step + 2))
    _, errors = again.communicate(timeout=LIMIT_S)
    assert again.returncode == 0, errors
    assert f"continuing at step {step}" in errors


# train.py under torchrun. The first process finishes the run only when the other one has left, which writes a file on its way out.
_TORCHRUN = """
import os, sys, time
from pathlib import Path
import train
from im4d_core.training import Trainer

left, finish = Path(sys.argv.pop(1)), Trainer.finish

def waiting(trainer, progress=None):
    deadline = time.monotonic() + 200
    while trainer.processes.is_first and not left.exists():
        if time.monotonic() > deadline:
            sys.exit("the other process waits for the occupancy")
        time.sleep(0.05)
    finish(trainer, progress)

Trainer.finish = waiting
code = train.main()
if os.environ["RANK"] == "1":
    left.touch()
sys.exit(code)
"""


def test_under_torchrun_nobody_waits_for_the_occupancy(folder: Path, capture: Path) -> None:
    """Baking hundreds of frames takes longer than processes may wait for each other."""
    script = folder / "waiting.py"
    script.write_text(_TORCHRUN)
    start = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script), str(folder / "left"), str(capture))
    child = python(*start, "--output", str(folder / "two"), "--preset", "tiny", "--device", "cpu", *SMALL, "--steps", "4")
    out, errors = child.communicate(timeout=LIMIT_S)
    assert child.returncode == 0, errors
    assert "view it with: python app.py" in out
    assert (folder / "two" / "occupancy.npz").is_file()


def test_counts_below_one_are_refused_by_name(folder: Path, capture: Path) -> None:
    for options, message in (
        (("--rays", "0"), "error: --rays must be at least 1, found 0"),
        (("--steps", "-5"), "error: --steps must be at least 1, found -5"),
        (("--method.field.spatial", "16", "0"), "error: --method.field.spatial must be at least 1, found 0"),
        (("--lr", "-0.1"), "error: --lr must be at least 0, found -0.1"),
    ):
        child = training(capture, folder / "refused", *options)
        _, errors = child.communicate(timeout=LIMIT_S)
        assert child.returncode == 1
        assert errors.strip() == message
    assert not (folder / "refused").exists()


def test_help_of_training_names_what_it_takes_and_says_what_each_setting_is() -> None:
    out, errors = python(str(ROOT / "train.py"), "--help").communicate(timeout=LIMIT_S)
    assert "usage: train.py [-h] [OPTIONS] CAPTURE" in out, errors
    options = re.split(r"│ (?=--)", out)[1:]
    assert len(options) > 50
    assert [option for option in options if re.match(r"[^│]*│\n│ +\(default", option)] == []
