"""Several exports that wait for each other: their order, what one that fails or is removed does to the others, the list in the panel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from desk import Desk, export_order
from driver import Driver, beside
from states import after, opened, press, with_path

from im4d_core.export_settings import ExportSettings
from viewer import events as e
from viewer.consent import question
from viewer.export_queue import KEPT
from viewer.messages import JobOver, JobStep
from viewer.remote import Remote
from viewer.state import ViewerState
from viewer.wire import state_to_json


def _queued(state: ViewerState, *numbers: int) -> ViewerState:
    return after(state, *(e.ExportQueued(number=number, file=Path(f"{number}.mp4")) for number in numbers))


def _listed(state: ViewerState) -> list[tuple[int, str]]:
    return [(export.number, export.state) for export in state.export.queue]


# ---- the state ----------------------------------------------------------------------------------------------------------------------------------


def test_an_export_is_asked_for_while_another_one_runs() -> None:
    state = after(with_path(opened()), e.SetExport(settings=ExportSettings(file="1.mp4")), e.Triggered(action="export_start"))
    state = after(state, e.ExportQueued(number=1, file=Path("1.mp4")), e.JobProgress(job="export", number=1, done=2, total=9))
    again = press(state, "export_start")
    assert again.effects == state.effects and "the queue has 1.mp4 already" in again.notices[-1].text, "two exports of one file would be one"
    state = after(state, e.SetExport(settings=ExportSettings(file="2.mp4")), e.Triggered(action="export_start"))
    started = [effect for effect in state.effects if isinstance(effect, e.StartExport)]
    assert [(effect.number, effect.settings.file) for effect in started] == [(1, "1.mp4"), (2, "2.mp4")]
    edited = press(state, "path_clear")
    assert len(started[1].path.keys) == 3 and not edited.path_editor.path.keys, "what waits shows the path as it was"


def test_exports_that_end_make_room_for_the_next_and_stay_to_be_seen() -> None:
    state = _queued(opened(), 1, 2, 3)
    state = after(state, e.Tick(now_s=110.0), e.JobProgress(job="export", number=1, done=0, total=9), e.JobProgress(job="export", number=1, done=5, total=9))
    assert _listed(state) == [(1, "runs"), (2, "waits"), (3, "waits")]
    assert state.export.job is not None and (state.export.job.done, state.export.job.started_s) == (5, 110.0)
    state = after(state, e.JobEnded(job="export", number=1, error="disk full"))
    assert _listed(state) == [(1, "failed"), (2, "waits"), (3, "waits")]
    assert "1.mp4 failed: disk full" in state.notices[-1].text and state.export.queue[0].error == "disk full"
    state = after(state, e.Tick(now_s=150.0), e.JobProgress(job="export", number=2, done=0, total=4), e.JobEnded(job="export", number=2, file=Path("2.mp4")))
    assert _listed(state) == [(1, "failed"), (2, "done"), (3, "waits")] and state.export.finished == Path("2.mp4")
    assert _listed(after(state, e.ClearExports())) == [(3, "waits")]
    assert _listed(_queued(state, 1)) == [(2, "done"), (3, "waits"), (1, "waits")], "the same file once more: that it failed is history"
    for number in range(4, 20):
        state = after(_queued(state, number), e.JobEnded(job="export", number=number, file=Path(f"{number}.mp4")))
    assert len(state.export.queue) <= KEPT + 2, "a long evening does not fill the panel"


def test_one_is_removed_and_escape_stops_the_one_that_runs() -> None:
    state = after(_queued(opened(), 1, 2, 3), e.JobProgress(job="export", number=1, done=1, total=9))
    asked = after(state, e.RemoveExport(number=2))
    assert asked.effects[-1] == e.CancelExport(number=2) and len(asked.export.queue) == 3, "it leaves when the render thread has let go of it"
    assert _listed(after(asked, e.JobEnded(job="export", number=2, cancelled=True))) == [(1, "runs"), (3, "waits")]
    assert press(state, "cancel").effects[-1] == press(state, "export_cancel").effects[-1] == e.CancelExport(number=1)
    over = after(state, e.JobEnded(job="export", number=1, file=Path("1.mp4")))
    assert _listed(after(over, e.RemoveExport(number=1))) == [(2, "waits"), (3, "waits")]
    assert after(over, e.RemoveExport(number=77)) == over


@pytest.mark.parametrize(("numbers", "words"), [((1,), "cancelled."), ((1, 2), "the one that waits"), ((1, 2, 3), "the 2 that wait")])
def test_quitting_asks_and_says_how_many_would_not_be_made(numbers: tuple[int, ...], words: str) -> None:
    state = _queued(opened(), *numbers)
    assert press(state, "quit").asks == e.Quit()
    assert words in question(state, e.Quit()).losses[0]
    assert press(after(state, *(e.JobEnded(job="export", number=number) for number in numbers)), "quit").asks is None


def test_programs_are_told_of_every_job() -> None:
    state = after(_queued(opened(), 1, 2), e.JobProgress(job="export", number=1, done=3, total=9), e.JobProgress(job="picture", done=40, total=100))
    told = state_to_json(state, settled=True)
    assert told["jobs"] == {"picture": {"done": 40, "total": 100}, "occupancy": None}
    assert told["export"]["job"] == {"done": 3, "total": 9}
    assert [(export["number"], export["state"], export["done"]) for export in told["export"]["queue"]] == [(1, "runs", 3), (2, "waits", 0)]
    told = state_to_json(after(state, e.JobProgress(job="occupancy", done=1, total=8), e.Triggered(action="quit")), settled=True)
    assert told["jobs"]["occupancy"] == {"done": 1, "total": 8} and "Quit anyway?" in told["question"]


# ---- the render thread --------------------------------------------------------------------------------------------------------------------------


def test_exports_are_made_in_their_order_and_one_that_fails_stops_no_other(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    targets = {1: tmp_path / "first", 2: tmp_path / "file" / "second", 3: tmp_path / "third", 4: tmp_path / "fourth"}
    for number, target in targets.items():
        desk.worker.begin(export_order(target, number=number))
    desk.worker.cancel("export", 3)
    desk.wait(lambda: len(desk.of(JobOver)) == 4)
    assert [over.number for over in desk.of(JobOver) if not over.cancelled] == [1, 2, 4]
    assert {over.number: (over.file, bool(over.error), over.cancelled) for over in desk.of(JobOver)} == {
        1: (targets[1], False, False),
        2: (None, True, False),
        3: (None, False, True),
        4: (targets[4], False, False),
    }
    assert [len(list(targets[number].glob("*.png"))) for number in (1, 3, 4)] == [8, 0, 8]
    steps = [step.number for step in desk.of(JobStep)]
    assert steps == sorted(steps), "one after the other"


@pytest.mark.parametrize("desk", [{"delay_s": 0.3}], indirect=True)
def test_the_next_one_begins_where_the_one_that_runs_is_cancelled(desk: Desk, tmp_path: Path) -> None:
    for number in (1, 2):
        desk.worker.begin(export_order(tmp_path / str(number), number=number))
    desk.wait(lambda: desk.of(JobStep))
    desk.worker.cancel("export", 1)
    desk.renderer.delay_s = 0.0
    desk.wait(lambda: len(desk.of(JobOver)) == 2)
    assert [(over.number, over.cancelled) for over in desk.of(JobOver)] == [(1, True), (2, False)]
    assert len(list((tmp_path / "2").glob("*.png"))) == 8


# ---- the window ---------------------------------------------------------------------------------------------------------------------------------


def test_three_exports_are_queued_removed_and_made_by_hand(drive: Callable[..., Driver], tmp_path: Path) -> None:
    def script(d: Driver) -> None:
        d.press_name("K")
        d.drag_picture(120.0, 0.0)
        d.press_name("K")
        d.renderer.delay_s = 3.0
        d.click("Export")
        for name in ("one", "two", "three"):
            d.session.send(e.SetExport(settings=ExportSettings(width=32, height=24, fps=4.0, format="png", mode="full", file=name)))
            d.ctx.yield_(3)
            d.click("###export_start")
        d.until(lambda: len(d.state.export.queue) == 3 and d.state.export.queue[0].state == "runs")
        assert [export.file.name for export in d.state.export.queue] == ["one", "two", "three"]
        d.click("###export_start")
        assert len(d.state.export.queue) == 3, "the file is in the queue already: the button is off"
        d.ctx.yield_(2)
        d.click("Remove##export_remove_2")
        d.until(lambda: [export.number for export in d.state.export.queue] == [1, 3])
        d.press_name("Ctrl+Q")
        d.until(lambda: d.state.asks == e.Quit())
        d.ctx.yield_(2)
        d.click("Stay##decline")
        d.click("Cancel##export_cancel")
        d.until(lambda: [export.number for export in d.state.export.queue] == [3])
        d.renderer.delay_s = 0.0
        d.until(lambda: d.state.export.finished is not None)
        assert _listed(d.state) == [(3, "done")]
        d.click("Remove##export_remove_3")
        assert d.state.export.queue == ()

    drive().run(script)
    made = {folder.name: len(list(folder.glob("*.png"))) for folder in (tmp_path / "output").iterdir() if folder.is_dir()}
    assert made.get("three", 0) > 1 and "two" not in made


def test_a_program_queues_exports_and_waits_for_each(drive: Callable[..., Driver], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    (tmp_path / "theirs.mp4").write_bytes(b"of somebody else")
    plain = ExportSettings(width=32, height=24, fps=2.0, format="png")

    def program(viewer: Remote) -> None:
        viewer.act("key_add")
        viewer.send(e.JumpToCamera(view=2))
        viewer.act("key_add")
        broken = viewer.queue_export(replace(plain, file=str(tmp_path / "file" / "broken")))
        whole = viewer.queue_export(replace(plain, file=str(tmp_path / "whole")))
        assert viewer.exported(whole) == tmp_path / "whole"
        with pytest.raises(ValueError, match="broken|folder|directory"):
            viewer.exported(broken)
        assert [export["state"] for export in viewer.state()["export"]["queue"]] == ["failed", "done"]
        viewer.send(e.ClearExports())
        with pytest.raises(ValueError, match="not in the queue"):
            viewer.exported(whole)
        with pytest.raises(ValueError, match="exists already"):
            viewer.export(replace(plain, format="h264", file=str(tmp_path / "theirs.mp4")))
        assert viewer.state()["question"] is None

    drive(control=tmp_path / "control.json").run(lambda d: beside(d, program))
    assert (tmp_path / "theirs.mp4").read_bytes() == b"of somebody else"
